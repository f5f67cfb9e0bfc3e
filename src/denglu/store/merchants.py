"""Merchants, each with a first level of its own for its members.

Merchants' users are one list: whoever adds to it holds all merchants, and so has no rival.
"""

from typing import Any

from sqlalchemy import ClauseElement, bindparam, insert, select, update

from denglu.domain.member import Member, name_key, read_id
from denglu.domain.merchant import Merchant
from denglu.flows.ports import Taken
from denglu.store import rows
from denglu.store.connection import Connection, Duplicate
from denglu.store.schema import level, merchant

# What the first level of a site, and of each merchant, is called.
FIRST_LEVEL = "普通会员"
_parts = select(*(merchant.c[name] for name in rows.MERCHANT_COLUMNS))
_id: Any = bindparam("p_merchant_id")
_after: Any = bindparam("p_after")
_status: Any = bindparam("p_status")


def _insert(table: Any, *columns: str) -> ClauseElement:
    return insert(table).values({name: bindparam(name) for name in columns})


MERCHANTS: dict[str, ClauseElement] = {
    "merchant_get": _parts.where(merchant.c.id == _id),
    "merchant_by_name": _parts.where(merchant.c.name_key == bindparam("p_key")),
    "merchant_page": _parts.where(merchant.c.id > _after)
    .order_by(merchant.c.id)
    .limit(bindparam("p_limit")),
    "merchant_hold": select(merchant.c.id).order_by(merchant.c.id).with_for_update(),
    "merchant_add": _insert(merchant, "name", "name_key", "created_at", "updated_at"),
    "merchant_level": _insert(level, "merchant_id", "level", "name", "created_at", "updated_at"),
    "merchant_status": update(merchant)
    .values(status=_status, updated_at=bindparam("p_now"))
    .where(merchant.c.id == _id, merchant.c.status != _status),
}


class SqlMerchants:
    """Fulfils ``flows.ports.Merchants``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def find(self, who: str) -> Merchant | None:
        key = name_key(who)
        if not rows.can_be_stored(key):
            return None
        if row := await self._db.one("merchant_by_name", {"p_key": key}):
            return rows.merchant_from(row)
        merchant_id = read_id(who)
        return None if merchant_id is None else await self.get(merchant_id)

    async def get(self, merchant_id: int) -> Merchant | None:
        row = await self._db.one("merchant_get", {"p_merchant_id": merchant_id})
        return rows.merchant_from(row) if row else None

    async def hold(self) -> None:
        await self._db.all("merchant_hold", {})

    async def add(self, name: str, now: int) -> int:
        times = {"created_at": now, "updated_at": now}
        try:
            merchant_id = await self._db.insert(
                "merchant_add", {"name": name, "name_key": name_key(name), **times}
            )
        except Duplicate:
            raise Taken("name") from None
        first = {"merchant_id": merchant_id, "level": 1, "name": FIRST_LEVEL}
        await self._db.run("merchant_level", {**first, **times})
        return merchant_id

    async def set_status(self, merchant_id: int, status: int, now: int) -> bool:
        params = {"p_merchant_id": merchant_id, "p_status": int(status), "p_now": now}
        return await self._db.run("merchant_status", params) == 1

    async def page(self, after: int, limit: int) -> list[Merchant]:
        found = await self._db.all("merchant_page", {"p_after": after, "p_limit": limit})
        return [rows.merchant_from(row) for row in found]

    async def users(self, merchant_id: int, after: int, limit: int) -> list[Member]:
        of = {"p_merchant_id": merchant_id, "p_after": after, "p_limit": limit}
        return [rows.member_from(row) for row in await self._db.all("user_page", of)]
