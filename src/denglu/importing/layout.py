"""What RageFrame's tables hold, as far as it is brought: which of their columns becomes which of
ours. The third version is what ours are called after; where the second has another name for a
column it stands here, and what it has not is our default.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, String, Table
from sqlalchemy.sql.schema import DefaultClause

from denglu.importing.values import Convert, Misfit, cents, day, number, text
from denglu.moving.side import Row
from denglu.store import schema

# The name of each of their tables behind the prefix, and ours.
TABLES: dict[str, Table] = {
    "merchant": schema.merchant,
    "member_level": schema.level,
    "member": schema.member,
    "member_account": schema.account,
    "member_auth": schema.member_auth,
}
TOKENS = "api_access_token"
TOKEN_COLUMNS = ("id", "refresh_token", "access_token", "member_id", "group", "status")
# Without these a table is none of theirs.
NEEDED: dict[str, tuple[str, ...]] = {
    "member": ("id", "username", "password_hash", "mobile", "type", "status"),
    "member_account": ("id", "member_id", "user_money"),
    "member_level": ("id", "level", "name"),
    "member_auth": ("id", "member_id", "oauth_client", "oauth_client_user_id"),
    "merchant": ("id", "title"),
    TOKENS: TOKEN_COLUMNS,
}
_OTHER_NAMES = {
    "promoter_code": ("promo_code",),
    "tel_no": ("home_phone",),
    "name": ("title",),
}
# In hundredths here and with two decimals there.
MONEY: dict[str, tuple[str, ...]] = {
    "member_account": (
        "user_money", "accumulate_money", "give_money", "consume_money", "frozen_money",
        "consume_integral", "economize_money", "accumulate_drawn_money",
    ),
    "member_level": ("money", "discount"),
}  # fmt: skip
# Where these are NULL there, nobody is found: that must open no door here.
_DOORS = {"status": 0, "type": 0}
# Read apart, or decided.
_OURS = {
    "id", "username_key", "mobile_key", "email_key", "name_key", "password_hash",
    "password_version", "legacy_hash",
}  # fmt: skip
_LONGEST_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Field:
    """A column of ours: where it stands in a row that was read (None: nowhere), and what it is
    where it is NULL or nonsense there.
    """

    name: str
    place: int | None
    convert: Convert
    default: Any


class Reader:
    """Reads rows of one table. ``columns`` are those to ask for, the id first; ``known``: those
    that the table has; ``wanted``: of ours, where not all are.
    """

    def __init__(
        self, name: str, known: Collection[str], wanted: Collection[str] | None = None
    ) -> None:
        money = MONEY.get(name, ())
        self.columns: list[str] = ["id"]
        self._fields = [
            self._field(column, known, money)
            for column in TABLES[name].columns
            if column.name not in _OURS and (wanted is None or column.name in wanted)
        ]

    def read(self, row: Row) -> tuple[dict[str, Any], list[str]]:
        """Our values, and the names of those that did not fit and were repaired."""
        values: dict[str, Any] = {"id": row[0]}
        repaired: list[str] = []
        for field in self._fields:
            raw = None if field.place is None else row[field.place]
            if raw is None:
                values[field.name] = field.default
                continue
            try:
                values[field.name] = field.convert(raw)
            except Misfit as misfit:
                values[field.name] = misfit.instead
                repaired.append(field.name)
        return values, repaired

    def _field(self, column: Column[Any], known: Collection[str], money: Sequence[str]) -> Field:
        place, default = self._place(column.name, known), default_of(column)
        if place is not None:
            default = _DOORS.get(column.name, default)
        return Field(column.name, place, _convert(column, default, money), default)

    def _place(self, ours: str, known: Collection[str]) -> int | None:
        for name in (ours, *_OTHER_NAMES.get(ours, ())):
            if name in known:
                self.columns.append(name)
                return len(self.columns) - 1
        return None


def default_of(column: Column[Any]) -> Any:
    """What a column of ours holds where nothing is given."""
    if not isinstance(column.server_default, DefaultClause):
        return None if column.nullable else ""
    said = str(column.server_default.arg)
    return said if isinstance(column.type, String) else int(said)


def defaults_of(table: Table) -> dict[str, Any]:
    """A row of ours in which nothing is given; without an id."""
    return {column.name: default_of(column) for column in table.columns if column.name != "id"}


def digest_of(values: dict[str, Any]) -> bytes:
    """One digest for everything that is to be stored, which stands in the order of our columns."""
    return hashlib.sha256(repr(values).encode("utf-8", "replace")).digest()


def _convert(column: Column[Any], default: Any, money: Sequence[str]) -> Convert:
    if column.name == "birthday":
        return day
    if column.name in money:
        return cents
    if isinstance(column.type, String):
        return text(column.type.length or _LONGEST_TEXT)
    return number(big=isinstance(column.type, BigInteger), default=default)
