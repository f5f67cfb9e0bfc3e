"""PostgreSQL through asyncpg: the driver of the network store.

asyncpg prepares each statement once per connection. Errors of the library are turned into the
few of ``network.link`` here and nowhere else.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.base import PGDialect

from denglu.store.compiled import Compiled, Params, Row
from denglu.store.connection import Duplicate
from denglu.store.network.link import (
    Conflict,
    Crowded,
    Link,
    NoTable,
    Times,
    TooSlow,
    Unreachable,
)
from denglu.store.network.pool import Pool
from denglu.store.statements import compile_all, compile_more

T = TypeVar("T")
_LEAVING_SECONDS = 1.0

_CONFLICTS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    # A migration changed a table since the statement was prepared.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
_SLOW = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
# Its disk or memory is full, its disk fails, or a right of ours is missing.
_CROWDED = (
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.InsufficientPrivilegeError,
)
# The server is there and says no to this connection, or the connection is gone.
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    ssl.SSLError,
    EOFError,
)
_DIALECT = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_STATEMENTS: dict[str, Compiled] = {}


def statements() -> Mapping[str, Compiled]:
    """Every statement in PostgreSQL's words, compiled once."""
    if not _STATEMENTS:
        _STATEMENTS.update(compile_all(_DIALECT))
    return _STATEMENTS


class PostgresLink:
    """Fulfils ``network.link.Link`` and ``network.pool.Pooled``."""

    def __init__(self, raw: "asyncpg.Connection[Any]", known: Mapping[str, Compiled]) -> None:
        self._raw = raw
        self._statements = known

    async def one(self, name: str, params: Params) -> Row | None:
        statement = self._statements[name]
        return await _told(self._raw.fetchrow(statement.sql, *statement.bind(params)))

    async def all(self, name: str, params: Params) -> list[Row]:
        statement = self._statements[name]
        return cast(list[Row], await _told(self._raw.fetch(statement.sql, *statement.bind(params))))

    async def run(self, name: str, params: Params) -> int:
        statement = self._statements[name]
        status = await _told(self._raw.execute(statement.sql, *statement.bind(params)))
        return int(status.rpartition(" ")[2])

    async def insert(self, name: str, params: Params) -> int:
        statement = self._statements[name]
        return cast(int, await _told(self._raw.fetchval(statement.sql, *statement.bind(params))))

    async def begin(self) -> None:
        try:
            await _told(self._raw.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"))
        except asyncpg.FeatureNotSupportedError as error:  # a replica
            raise Unreachable(_line(error)) from None

    async def commit(self) -> None:
        status = await _told(self._raw.execute("COMMIT"))
        if status != "COMMIT":  # a failed statement had been passed over
            raise Conflict(status)

    async def rollback(self) -> None:
        await _told(self._raw.execute("ROLLBACK"))

    def is_good(self) -> bool:
        return not self._raw.is_closed() and not self._raw.is_in_transaction()

    def discard(self) -> None:
        self._raw.terminate()

    async def leave(self) -> None:
        await self._raw.close(timeout=_LEAVING_SECONDS)


async def _told(answer: Awaitable[T]) -> T:
    """The answer, or the error in our words."""
    try:
        return await answer
    except asyncpg.UniqueViolationError as error:
        raise Duplicate(str(error.constraint_name)) from None
    except _CONFLICTS as error:
        raise Conflict(_line(error)) from None
    except _SLOW as error:
        raise TooSlow(_line(error)) from None
    except asyncpg.UndefinedTableError as error:
        raise NoTable(_line(error)) from None
    except _CROWDED as error:
        raise Crowded(_line(error)) from None
    except _GONE as error:
        if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
            raise  # a value that no PostgreSQL takes: a fault of ours
        raise Unreachable(_line(error)) from None


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


class PostgresDriver:
    """Fulfils ``network.link.Driver``. ``pool``: connections at the most; ``more``: statements of
    plugins.
    """

    def __init__(
        self,
        url: str,
        *,
        pool: int,
        times: Times | None = None,
        more: Mapping[str, ClauseElement] | None = None,
    ) -> None:
        self._statements = {**statements(), **compile_more(more, _DIALECT)} if more else None
        self._times = times or Times()
        self._url = url
        self._pool = Pool(self._connect, size=pool, wait=self._times.pool)

    def link(self) -> AbstractAsyncContextManager[Link]:
        return self._pool.lend()

    async def probe(self) -> None:
        link = await self._connect()
        try:
            async with asyncio.timeout(self._times.connect):
                await link.begin()
        except TimeoutError:
            raise Unreachable("the database answers no statement") from None
        finally:
            link.discard()

    def renew(self) -> None:
        self._pool.renew()

    async def close(self) -> None:
        await self._pool.close()

    async def _connect(self) -> PostgresLink:
        try:
            async with asyncio.timeout(self._times.connect):
                raw = await _told(asyncpg.connect(self._url, **self._options()))
        except TimeoutError:
            raise Unreachable("connecting takes too long") from None
        except asyncpg.PostgresError as error:  # a wrong password, no such database
            raise Unreachable(_line(error)) from None
        return PostgresLink(raw, self._statements or statements())

    def _options(self) -> dict[str, Any]:
        # The server gives a statement up before we stop waiting: that way we learn why.
        milliseconds = str(int(self._times.statement * 800))
        return {
            "server_settings": {
                "application_name": "denglu",
                "statement_timeout": milliseconds,
                "idle_in_transaction_session_timeout": str(int(self._times.statement * 4000)),
                # Every statement has its index. A plan that was made for an empty table is kept for
                # minutes, and must not read all of the table when it is full.
                "enable_seqscan": "off",
            },
        }
