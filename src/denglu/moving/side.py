"""A database that is copied, or written by an import: what is asked of it, and the few faults
it knows.

Statements are SQLAlchemy Core; each side compiles them for its own driver. No word that is
meant for people holds a user, a password or what is in a row.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from sqlalchemy import ClauseElement, Column, ColumnElement, Table, bindparam, insert
from sqlalchemy.sql.ddl import CreateTable, DropTable

from denglu.store.schema import account

Row = tuple[Any, ...]
Key = tuple[int | bytes | str, ...]
Values = Mapping[str, Any]


class MovingTrouble(Exception):
    """A copy, a backup or an import cannot be made; the text says why and what to do, in one
    line.
    """


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

    async def run_each(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        """Run a statement once for each set of its values, in a ``transaction``."""
        ...

    async def insert(
        self, table: Table, rows: Sequence[Row], columns: Sequence[str] | None = None
    ) -> None:
        """Add rows: all of them for good, or none. ``columns``: those that they have, in the
        table's order; None for every one.
        """
        ...

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """What is done within is kept together at its end, or not at all."""
        ...

    async def settle(self, table: Table, above: int = 0) -> None:
        """Give out ids above those that were inserted, and above ``above`` where the database can.
        For tables with an ``id``.
        """
        ...

    async def close(self) -> None:
        """Let go of it; what was locked is free again."""
        ...


def key_of(table: Table) -> list[Column[Any]]:
    """The columns that rows are told apart by: integers, bytes and words of small letters, which
    are ordered alike everywhere.
    """
    return [account.c.member_id] if table is account else list(table.primary_key.columns)


def insert_of(table: Table, columns: Sequence[str] | None) -> ClauseElement:
    """The statement that adds a row of these columns; None for all of them."""
    if columns is None:
        return insert(table)
    return insert(table).values({name: bindparam(name) for name in columns})


def columns_of(table: Table) -> list[ColumnElement[Any]]:
    """What is read of a row, in the table's order.

    An account gets its member's id: SQLite files rely on it, and nobody else minds.
    """
    its_own = account.c.member_id.label("id")
    return [its_own if column is account.c.id else column for column in table.columns]
