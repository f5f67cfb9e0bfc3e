"""What is exported: tables and columns, in the order of the files. docs/exporting.md describes
each; a test holds the page to this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Column, Integer, Table
from sqlalchemy.types import BigInteger, SmallInteger

from denglu.store.rows import HUNDREDTHS
from denglu.store.schema import account, cancellation, level, member, member_auth, merchant

# Of denglu's own working: who may log in by what is told by the three other keys.
_INNER = {"password_version", "legacy_hash", "name_key"}
_HASH = "password_hash"
_NUMBERS = (Integer, BigInteger, SmallInteger)


class Kind(Enum):
    """How a column's values are written."""

    whole = "whole number"
    exact = "decimal"  # two digits after the point; stored in hundredths
    text = "text"


@dataclass(frozen=True, slots=True)
class Exported:
    """One file: ``key`` is the column by which its rows are told apart, and sorted."""

    name: str
    table: Table
    key: Column[int]
    columns: tuple[Column[object], ...]

    @property
    def kinds(self) -> list[Kind]:
        """Of the columns."""
        return [kind_of(column) for column in self.columns]


def exported(*, with_hashes: bool) -> Sequence[Exported]:
    """Every file. ``with_hashes``: password hashes too."""
    left_out = _INNER if with_hashes else _INNER | {_HASH}
    return [
        Exported(name, table, key, tuple(c for c in table.columns if c.name not in left_out))
        for name, table, key in (
            ("members", member, member.c.id),
            ("accounts", account, account.c.member_id),
            ("levels", level, level.c.id),
            ("bindings", member_auth, member_auth.c.id),
            ("merchants", merchant, merchant.c.id),
            ("cancellations", cancellation, cancellation.c.member_id),
        )
    ]


def kind_of(column: Column[object]) -> Kind:
    """How the column's values are written."""
    if not isinstance(column.type, _NUMBERS):
        return Kind.text
    return Kind.exact if column.name in HUNDREDTHS else Kind.whole
