"""One of the two databases of a copy: what the copy asks of it, and the few faults it knows.

Statements are SQLAlchemy Core; each side compiles them for its own driver. No word that is
meant for people holds a user, a password or what is in a row.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import ClauseElement, Column, ColumnElement, Table
from sqlalchemy.sql.ddl import CreateTable, DropTable

from denglu.store.schema import account

Row = tuple[Any, ...]
Key = tuple[int | bytes | str, ...]


class MovingTrouble(Exception):
    """The copy or the backup cannot be made; the text says why and what to do, in one line."""


class Side(Protocol):
    """An open database. Whatever it raises is MovingTrouble."""

    @property
    def where(self) -> str:
        """For people: which database this is, without user and password."""
        ...

    async def tables(self) -> set[str]:
        """The names of all tables."""
        ...

    async def fetch(self, statement: ClauseElement) -> list[Row]:
        """All rows that a statement gives: of integers, texts, bytes and None only."""
        ...

    async def run(self, statement: ClauseElement | CreateTable | DropTable) -> None:
        """Run a statement, and keep what it did."""
        ...

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows (every column, in the table's order): all of them for good, or none."""
        ...

    async def settle(self, table: Table) -> None:
        """Give out ids above those that were inserted. For tables with an ``id``."""
        ...

    async def close(self) -> None:
        """Let go of it; what was locked is free again."""
        ...


def key_of(table: Table) -> list[Column[Any]]:
    """The columns that rows are told apart by: integers, bytes and words of small letters, which
    are ordered alike everywhere.
    """
    return [account.c.member_id] if table is account else list(table.primary_key.columns)


def columns_of(table: Table) -> list[ColumnElement[Any]]:
    """What is read of a row, in the table's order.

    An account gets its member's id: SQLite files rely on it, and nobody else minds.
    """
    its_own = account.c.member_id.label("id")
    return [its_own if column is account.c.id else column for column in table.columns]
