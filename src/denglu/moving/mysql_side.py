"""A side of a copy that is MySQL or MariaDB. A source is read as it was at one instant."""

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar

import asyncmy
from asyncmy.errors import MySQLError
from sqlalchemy import ClauseElement, Table
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.sql.ddl import CreateTable, DropTable

from denglu.moving.side import MovingTrouble, Row, Values, insert_of
from denglu.store.compiled import compile_statement
from denglu.store.mysql_url import connect_arguments
from denglu.store.network.shell import troubled

T = TypeVar("T")
_CONNECT_SECONDS = 10
_LOCK_SECONDS = 15
_DIALECT = MySQLDialect(paramstyle="format")
_SESSION = (
    # Nothing is cut off, an id 0 stays 0, and a backslash is written as two.
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO', "
    "SESSION wait_timeout = 28800, SESSION net_read_timeout = 600, SESSION net_write_timeout = 600"
)
# Whoever writes beside servers locks the rows it changes, and no gaps between them.
_WRITING = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
_SNAPSHOT = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)


class MysqlSide:
    """Fulfils ``side.Side``. Made with ``open_mysql``."""

    def __init__(self, raw: Any, where: str) -> None:
        self._raw = raw
        self._begun = False
        self.where = where

    async def tables(self) -> set[str]:
        found = await self._query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
        )
        return {str(name) for (name,) in found}

    async def fetch(self, statement: ClauseElement) -> list[Row]:
        compiled = compile_statement(statement, _DIALECT)
        return await self._query(compiled.sql, compiled.bind({}))

    async def run(self, statement: ClauseElement | CreateTable | DropTable) -> None:
        if isinstance(statement, CreateTable | DropTable):
            await self._query(str(statement.compile(dialect=_DIALECT)))
        else:
            await self.fetch(statement)

    async def run_each(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        compiled = compile_statement(statement, _DIALECT)
        await self._told(self._each(compiled.sql, [compiled.bind(each) for each in values]))

    async def insert(
        self, table: Table, rows: Sequence[Row], columns: Sequence[str] | None = None
    ) -> None:
        sql = compile_statement(insert_of(table, columns), _DIALECT).sql
        adding = self._each(sql, rows) if self._begun else self._add(sql, rows)
        await self._told(adding, f"table {table.name}: ")

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        await self._told(self._raw.begin())
        self._begun = True
        try:
            yield
            await self._told(self._raw.commit())
        except BaseException:
            # Where the connection is gone, so is the transaction.
            with contextlib.suppress(MySQLError, OSError):
                await self._raw.rollback()
            raise
        finally:
            self._begun = False

    async def settle(self, table: Table, above: int = 0) -> None:
        """The engine counts on from the largest id that was inserted; it can be told to skip."""
        if above:
            await self._query(f"ALTER TABLE `{table.name}` AUTO_INCREMENT = {above + 1:d}")

    async def close(self) -> None:
        self._raw.close()

    async def start(self, *, frozen: bool) -> None:
        """Take the snapshot to read from, or the lock to write under."""
        await self._query(_SESSION)
        if frozen:
            for statement in _SNAPSHOT:
                await self._query(statement)
            return
        await self._query(_WRITING)
        lock = f"SELECT GET_LOCK(CONCAT('denglu copy ', MD5(DATABASE())), {_LOCK_SECONDS})"
        if await self._query(lock) != [(1,)]:
            raise MovingTrouble(f"{self.where}: another copy or import into it is running")

    async def _query(self, sql: str, values: Row = ()) -> list[Row]:
        return await self._told(self._run(sql, values))

    async def _run(self, sql: str, values: Row) -> list[Row]:
        async with self._raw.cursor() as cursor:
            await cursor.execute(sql, values or None)
            return list(await cursor.fetchall()) if cursor.description else []

    async def _add(self, sql: str, rows: Sequence[Row]) -> None:
        await self._raw.begin()
        await self._each(sql, rows)
        await self._raw.commit()

    async def _each(self, sql: str, rows: Sequence[Row]) -> None:
        async with self._raw.cursor() as cursor:
            await cursor.executemany(sql, rows)

    async def _told(self, answer: Awaitable[T], about: str = "") -> T:
        """The answer, or the error in one line without the values that it was about."""
        try:
            return await answer
        except (MySQLError, OSError) as error:
            raise MovingTrouble(f"{self.where}: {about}{_said(error)}") from None


async def open_mysql(url: str, where: str, *, frozen: bool) -> MysqlSide:
    """``frozen``: to be read, from one snapshot; else to be written, by us alone.

    Raises MovingTrouble and DatabaseTrouble.
    """
    try:
        arguments = connect_arguments(url)
    except ValueError as error:
        raise MovingTrouble(f"{where}: {error}") from None
    with troubled(url):
        raw = await asyncmy.connect(
            **arguments, binary_prefix=True, connect_timeout=_CONNECT_SECONDS, autocommit=True
        )
    side = MysqlSide(raw, where)
    try:
        await side.start(frozen=frozen)
    except BaseException:
        await side.close()
        raise
    return side


def _said(error: BaseException) -> str:
    text = str(error.args[-1] if error.args else type(error).__name__)
    # The value comes first, and may hold anything; names of columns and keys stay.
    text = re.sub(r"(?s) '.*'(?= for (key|column) )|(?<=value:) '.*'$", "", text)
    return " ".join(text.split())
