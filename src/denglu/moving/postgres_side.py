"""A side of a copy that is PostgreSQL. A source is read as it was at one instant."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TypeVar

import asyncpg
from sqlalchemy import ClauseElement, Table
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.sql.ddl import CreateTable, DropTable

from denglu.moving.side import MovingTrouble, Row, Values
from denglu.store.compiled import compile_statement
from denglu.store.network.shell import troubled

T = TypeVar("T")
_CONNECT_SECONDS = 10.0
# Held by the one copy into a database: "denglucp" in ASCII.
_LOCK = 0x64656E676C756370
_DIALECT = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# A copy may take hours; a lock that a killed one left is gone when its statement ends.
_SESSION = {
    "application_name": "denglu copy",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "15s",
}


class PostgresSide:
    """Fulfils ``side.Side``. Made with ``open_postgres``."""

    def __init__(self, raw: "asyncpg.Connection[asyncpg.Record]", where: str) -> None:
        self._raw = raw
        self.where = where

    async def tables(self) -> set[str]:
        found = await self._told(
            self._raw.fetch(
                "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
            )
        )
        return {str(name) for (name,) in found}

    async def fetch(self, statement: ClauseElement) -> list[Row]:
        compiled = compile_statement(statement, _DIALECT)
        return [
            tuple(row)
            for row in await self._told(self._raw.fetch(compiled.sql, *compiled.bind({})))
        ]

    async def run(self, statement: ClauseElement | CreateTable | DropTable) -> None:
        if isinstance(statement, CreateTable | DropTable):
            await self._told(self._raw.execute(str(statement.compile(dialect=_DIALECT))))
        else:
            await self.fetch(statement)

    async def run_each(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        compiled = compile_statement(statement, _DIALECT)
        await self._told(
            self._raw.executemany(compiled.sql, [compiled.bind(each) for each in values])
        )

    async def insert(
        self, table: Table, rows: Sequence[Row], columns: Sequence[str] | None = None
    ) -> None:
        names = [column.name for column in table.columns] if columns is None else list(columns)
        copying = self._raw.copy_records_to_table(table.name, records=rows, columns=names)
        try:
            await self._told(copying, f"table {table.name}: ")
        except (TypeError, OverflowError, ValueError):  # of the encoder; it says which value
            raise MovingTrouble(
                f"{self.where}: table {table.name}: a value does not fit its column"
            ) from None

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        await self._told(self._raw.execute("BEGIN"))
        try:
            yield
            await self._told(self._raw.execute("COMMIT"))
        except BaseException:
            # Where the connection is gone, so is the transaction.
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._raw.execute("ROLLBACK")
            raise

    async def settle(self, table: Table, above: int = 0) -> None:
        await self._told(
            self._raw.execute(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "  # noqa: S608 - our own names
                f'GREATEST(COALESCE(MAX(id), 0), {above:d}) + 1, false) FROM "{table.name}"'
            )
        )

    async def close(self) -> None:
        self._raw.terminate()

    async def start(self, *, frozen: bool) -> None:
        """Take the snapshot to read from, or the lock to write under."""
        if frozen:
            await self._told(self._raw.execute(_SNAPSHOT))
        else:
            await self._told(self._raw.execute("SELECT pg_advisory_lock($1)", _LOCK))

    async def _told(self, answer: Awaitable[T], about: str = "") -> T:
        """The answer, or the error in one line without the values that it was about."""
        try:
            return await answer
        except asyncpg.LockNotAvailableError:
            said = "another copy or import into it is running"
            raise MovingTrouble(f"{self.where}: {said}") from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            said = str(error.args[0] if error.args else type(error).__name__)
            raise MovingTrouble(f"{self.where}: {about}{said.partition(chr(10))[0]}") from None


async def open_postgres(url: str, where: str, *, frozen: bool) -> PostgresSide:
    """``frozen``: to be read, from one snapshot; else to be written, by us alone.

    Raises MovingTrouble and DatabaseTrouble.
    """
    with troubled(url):
        raw = await asyncpg.connect(url, timeout=_CONNECT_SECONDS, server_settings=_SESSION)
    side = PostgresSide(raw, where)
    try:
        await side.start(frozen=frozen)
    except BaseException:
        await side.close()
        raise
    return side
