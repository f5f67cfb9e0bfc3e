"""Databases as tests of copies see them, filled with what is awkward to move."""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, SmallInteger, String, Table, Text

from denglu.flows.ports import Store
from denglu.moving.copy import Report, copy_database
from denglu.moving.copying import tables
from denglu.settings import Settings
from denglu.store.opening import open_store
from denglu.store.schema import account

# Quotes, escapes, LIKE's signs, a tab, an end of line, spaces at both ends.
_AWKWARD = " 'a\"b\\c\\'%_\t\r\n--;中文 "


@dataclass(frozen=True)
class Place:
    """A database: its URL, and SQL past the store."""

    url: str
    sql: Callable[..., list[Any]]

    @property
    def path(self) -> Path:
        """Of an SQLite file."""
        return Path(self.url.removeprefix("sqlite:///"))

    def store(self) -> Store:
        """A store on it, for the running loop."""
        return open_store(Settings(database_url=self.url))

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """Every value of a table, in the order of its key."""
        names = ", ".join(column.name for column in table.columns)
        key = ", ".join(column.name for column in table.primary_key.columns)
        return self.sql(f"SELECT {names} FROM {table.name} ORDER BY {key}")

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table."""
        return {table.name: self.rows(table) for table in tables()}


def file_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite:///{path}"


def quiet(thing: str, done: int, total: int) -> None:
    """A progress that tells nobody."""


def copy(source: Place, target: Place, *, restart: bool = False) -> Report:
    """Copy, in this process and without a loop that is running."""
    return copy_database(source.url, target.url, restart=restart, copying=quiet, comparing=quiet)


async def copy_beside(source: Place, target: Place) -> Report:
    """The same, from a test that is a coroutine."""
    return await asyncio.to_thread(copy, source, target)


def fill(place: Place, rows: int) -> None:
    """Rows of every table whose values are the edges of what each column holds."""
    with closing(apsw.Connection(str(place.path))) as db, db:
        for table in tables():
            db.execute(f"DELETE FROM {table.name}")
            marks = ", ".join("?" * len(table.columns))
            db.executemany(
                f"INSERT INTO {table.name} VALUES ({marks})",
                [row_of(table, number) for number in range(1, rows + 1)],
            )


def row_of(table: Table, number: int, **given: Any) -> tuple[Any, ...]:
    """One row; keys that must be unique are, and some numbers are missing among the ids."""
    return tuple(given.get(c.name, _value(c, number)) for c in table.columns)


def _value(column: Column[Any], number: int) -> Any:
    if column.name == "id" or column is account.c.member_id:
        return number * 3
    if column.nullable and number % 3 == 0:
        return None
    kind = column.type
    if isinstance(kind, LargeBinary):
        return _bytes(column.name, number, kind.length or 0)
    if isinstance(kind, BigInteger):
        return (2**63 - 1 - number, -(2**63) + number, number)[number % 3]
    if isinstance(kind, SmallInteger):
        return (32767, -32768)[number % 2]
    if isinstance(kind, Integer):
        return (2**31 - 1 - number, -(2**31) + number, number)[number % 3]
    if isinstance(kind, Text):
        return ("", "月" * (9000 if number < 10 else 30), _AWKWARD * 20)[number % 3]
    assert isinstance(kind, String)
    return _text(column.name, number, kind.length or 0)


def _text(name: str, number: int, length: int) -> str:
    if name.endswith("_key") or name in ("client_group", "code_usage"):
        return f"{number}{'A' if number % 2 else 'a'}{_AWKWARD.strip()}"[:length]
    return ("", "😀" * length, _AWKWARD[:length])[number % 3]


def _bytes(name: str, number: int, length: int) -> bytes:
    start = (b"\x00", b"\xff\x00'", b'\\\x1a"')[number % 3]
    return (start + hashlib.sha256(f"{name} {number}".encode()).digest())[: length - 1] + b"\x00"
