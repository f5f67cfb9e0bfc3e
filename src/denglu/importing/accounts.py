"""The money and points of members: one account for each, as the first row that they have."""

from typing import Any

from sqlalchemy import bindparam, select

from denglu.domain.member import Status
from denglu.importing.bringing import Item, Run
from denglu.importing.layout import defaults_of, digest_of
from denglu.importing.target import Mark, bound, change, chunks, is_brought
from denglu.moving.side import Row
from denglu.store.schema import account, member

TABLE = "member_account"


class AccountStep:
    """Fulfils ``bringing.Step``."""

    kind = "account"
    table = TABLE

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reader = run.reader(TABLE)
        self.columns = self._reader.columns
        self._seen: set[int] = set()

    def read(self, row: Row) -> Item | None:
        values, repaired = self._reader.read(row)
        owner = self._run.whose(TABLE, row[0], values)
        if owner is None:
            return None
        member_id = values["member_id"]
        if member_id in self._seen:
            self._run.leave(TABLE, "duplicate", row[0], values)
            return None
        self._seen.add(member_id)
        self._run.repaired(TABLE, row[0], repaired)
        values |= {"merchant_id": owner.merchant_id, "member_type": owner.type}
        if owner.status == Status.deleted:
            values["status"] = Status.deleted.value
        values.pop("id")
        return Item(row[0], member_id, values, digest_of(values))

    async def sift(self, items: list[Item], marks: dict[int, Mark]) -> list[Item]:
        members = [item.target_id for item in items]
        there = await self._run.target.where_in([account.c.member_id], account.c.member_id, members)
        existing = {row[0] for row in there}
        for item in items:
            item.exists = item.target_id in existing
        return items

    async def write(self, items: list[Item], marks: dict[int, Mark]) -> None:
        target = self._run.target
        changed = [item for item in items if item.exists]
        if changed:
            await target.side.run_each(_CHANGE, [bound(item.values) for item in changed])
        await _open(self._run, [item.values for item in items if not item.exists])

    async def lose(self, marks: list[Mark]) -> None:
        """The books stay."""
        await self._run.target.unsettle(self.kind, marks)


async def open_missing(run: Run) -> int:
    """An empty account for each member who was brought without one; returns how many."""
    if run.target.dry:
        return 0
    has_one = select(account.c.id).where(account.c.member_id == member.c.id)
    ask = select(member.c.id, member.c.merchant_id, member.c.type, member.c.status)
    alive = member.c.status != Status.deleted.value
    rows = await run.target.side.fetch(
        ask.where(alive, is_brought("member", member), ~has_one.exists())
    )
    for part in chunks(rows):
        empty = [_EMPTY | dict(zip(_OF_MEMBER, row, strict=True)) for row in part]
        async with run.target.side.transaction():
            await _open(run, empty)
    return len(rows)


async def _open(run: Run, rows: list[dict[str, Any]]) -> None:
    """An account has its member's id, as everywhere where nobody registered before: else one of
    our own may have that, and the database gives another.
    """
    members = [row["member_id"] for row in rows]
    taken = {row[0] for row in await run.target.where_in([account.c.id], account.c.id, members)}
    same = [{"id": row["member_id"], **row} for row in rows if row["member_id"] not in taken]
    await run.target.insert(account, same)
    await run.target.insert(account, [row for row in rows if row["member_id"] in taken])


_EMPTY = defaults_of(account)
_OF_MEMBER = ("member_id", "merchant_id", "member_type", "status")
_CHANGE = change(account, [name for name in _EMPTY if name != "member_id"]).where(
    account.c.member_id == bindparam("p_member_id")
)
