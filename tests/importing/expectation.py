"""What denglu must hold after an import of a shop, worked out from the shop alone.

Said in the rules that the documents give, so that it is not the import's own word for it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Table

from denglu.domain.member import name_key
from denglu.domain.mobile import canonical_mobile
from denglu.store.schema import account, level, member, member_auth
from tests.importing.people import DELETED, MEMBER, MERCHANT_USER, Row
from tests.importing.phones import ACCESS_LIFE, REFRESH_LIFE, LiveToken
from tests.importing.rageframe import knows
from tests.importing.shop import Shop

Loser = tuple[int, str]

_HUNDREDTHS = frozenset(
    {"user_money", "accumulate_money", "give_money", "consume_money", "frozen_money", "money",
     "consume_integral", "economize_money", "accumulate_drawn_money", "discount"}
)  # fmt: skip
# Of a deleted member, everything else is wiped: what says who it was.
_OUTLIVES_A_MEMBER = frozenset(
    {"id", "merchant_id", "store_id", "type", "visit_count", "last_time", "role", "current_level",
     "level_expiration_time", "level_buy_type", "pid", "level", "tree", "certification_type",
     "source", "status", "created_at", "updated_at", "password_version"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Live:
    """A session that an import made: how it is known, and until when its tokens are good."""

    member_id: int
    member_type: int
    merchant_id: int
    group: str
    access: bytes
    refresh: bytes
    access_expires_at: int
    refresh_expires_at: int


class Expectation:
    """Rows by their id, with every column of ours; accounts by their member, without an id, and
    levels by merchant and number, without one.
    """

    def __init__(self, shop: Shop) -> None:
        brought = [
            _said(row, member, shop)
            for row in shop.members
            if row["type"] in (MEMBER, MERCHANT_USER)
        ]
        self.losers = _losers(brought)
        self.members = {row["id"]: _member(row, self.losers) for row in brought}
        # The first that somebody has; an empty one for whoever has none and needs one.
        theirs = {row["member_id"]: row for row in reversed(shop.accounts)}
        self.accounts = {
            member_id: _account(theirs.get(member_id), row, shop)
            for member_id, row in self.members.items()
            if member_id in theirs or row["status"] != DELETED
        }
        self.levels = {
            (row["merchant_id"], row["level"]): _without_id(_ours(level, _said(row, level, shop)))
            for row in shop.levels
        }
        self.bindings = {
            row["id"]: _ours(member_auth, _said(row, member_auth, shop))
            for row in shop.bindings
            if row["member_id"] in self.members
            and self.members[row["member_id"]]["status"] != DELETED
        }
        self.sessions = {_live(token) for token in shop.live}


def _said(row: Row, table: Table, shop: Shop) -> Row:
    """Without what this version has no column for."""
    return {name: value for name, value in row.items() if knows(table.name, shop.version, name)}


def _losers(rows: Iterable[Row]) -> set[Loser]:
    """Who may not log in by which name, for somebody else has it: an enabled one before a
    disabled one, then the one who was there first.
    """
    owners: dict[tuple[object, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["status"] == DELETED:
            continue
        # Users of merchants are one list over all merchants.
        realm = (row["type"], row["merchant_id"] if row["type"] == MEMBER else 0)
        for name, key in _keys(row).items():
            if key is not None:
                owners[(realm, name, key)].append(row)
    losers = set()
    for (_, name, _), claimants in owners.items():
        _, *others = sorted(claimants, key=lambda row: (row["status"] != 1, row["id"]))
        losers |= {(row["id"], name) for row in others}
    return losers


def _keys(row: Row) -> dict[str, str | None]:
    return {
        "username": name_key(row["username"] or "") or None,
        "mobile": canonical_mobile(row["mobile"] or ""),
        "email": name_key(row["email"] or "") or None,
    }


def _member(row: Row, losers: set[Loser]) -> Row:
    ours = _ours(member, row)
    if row["status"] == DELETED:
        nothing = _ours(member, {})
        return {
            name: value if name in _OUTLIVES_A_MEMBER else nothing[name]
            for name, value in ours.items()
        }
    for name, key in _keys(row).items():
        ours[f"{name}_key"] = None if (row["id"], name) in losers else key
    ours["mobile"] = canonical_mobile(ours["mobile"]) or ours["mobile"]
    ours["password_hash"] = row["password_hash"] or None
    ours["legacy_hash"] = 1 if row["password_hash"] else None
    return ours


def _account(theirs: Row | None, owner: Row, shop: Shop) -> Row:
    """Their account under our member, or an empty one."""
    ours = _ours(account, _said(theirs or {"status": owner["status"]}, account, shop))
    whose = {"member_id": owner["id"], "member_type": owner["type"]}
    return _without_id(ours | whose | {"merchant_id": owner["merchant_id"]})


def _ours(table: Table, row: Row) -> Row:
    """A row of theirs in our columns: our default for NULL, money in hundredths."""
    return {
        name: default if row.get(name) is None else _value(name, row[name])
        for name, default in _defaults(table)
    }


def _value(name: str, theirs: Any) -> Any:
    if name in _HUNDREDTHS:
        return int(Decimal(theirs) * 100)
    return None if theirs == "0000-00-00" else theirs


@cache
def _defaults(table: Table) -> list[tuple[str, Any]]:
    return [(column.name, _default(column)) for column in table.columns]


def _default(column: Any) -> Any:
    if column.nullable:
        return None
    if column.server_default is None:
        return ""
    text = str(column.server_default.arg)
    return text if column.type.python_type is str else int(text)


def _without_id(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "id"}


def _live(token: LiveToken) -> Live:
    return Live(
        member_id=token.member["id"],
        member_type=token.member["type"],
        merchant_id=token.member["merchant_id"],
        group=token.slot,
        access=hashlib.sha256(token.access.encode()).digest(),
        refresh=hashlib.sha256(token.refresh.encode()).digest(),
        access_expires_at=token.made_at + ACCESS_LIFE,
        refresh_expires_at=token.made_at + REFRESH_LIFE,
    )
