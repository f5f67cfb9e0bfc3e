"""PostgreSQL through asyncpg: the driver of the network store.

asyncpg prepares each statement once per connection. Errors of the library are turned into the
few of ``network.link`` here and nowhere else.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy.dialects.postgresql.base import PGDialect

from denglu.store.compiled import Compiled, Params, Row
from denglu.store.connection import Duplicate
from denglu.store.network.link import Conflict, Crowded, Link, Times, TooSlow, Unreachable
from denglu.store.statements import compile_all

T = TypeVar("T")
_CLOSING_SECONDS = 5.0
_IDLE_SECONDS = 300.0

_CONFLICTS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.StatementCompletionUnknownError,
)
_SLOW = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
# The server is there and says no to this connection, or the connection is gone.
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    ssl.SSLError,
    asyncio.IncompleteReadError,
)
_STATEMENTS: dict[str, Compiled] = {}


def statements() -> Mapping[str, Compiled]:
    """Every statement in PostgreSQL's words, compiled once."""
    if not _STATEMENTS:
        _STATEMENTS.update(
            compile_all(
                PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
            )
        )
    return _STATEMENTS


class PostgresLink:
    """Fulfils ``network.link.Link``."""

    def __init__(self, raw: "asyncpg.pool.PoolConnectionProxy[Any]") -> None:
        self._raw = raw
        self._statements = statements()

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
        await _told(self._raw.execute("BEGIN ISOLATION LEVEL READ COMMITTED"))

    async def commit(self) -> None:
        status = await _told(self._raw.execute("COMMIT"))
        if status != "COMMIT":  # a failed statement had been passed over
            raise Conflict(status)

    async def rollback(self) -> None:
        await _told(self._raw.execute("ROLLBACK"))

    def discard(self) -> None:
        self._raw.terminate()


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
    except _GONE as error:
        raise Unreachable(_line(error)) from None


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


class PostgresDriver:
    """Fulfils ``network.link.Driver``. ``pool``: connections at the most."""

    def __init__(self, url: str, *, pool: int, times: Times | None = None) -> None:
        self._times = times or Times()
        self._url = url
        self._pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=pool,
            max_inactive_connection_lifetime=_IDLE_SECONDS,
            reset=_leave_as_it_is,
            **self._options(),
        )

    @contextlib.asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        raw = await self._acquire()
        try:
            yield PostgresLink(raw)
        finally:
            # A link that was cut off is dropped from the pool; this never waits for the server.
            await self._pool.release(raw)

    async def probe(self) -> None:
        try:
            async with asyncio.timeout(self._times.connect):
                raw = await asyncpg.connect(self._url, **self._options())
                try:
                    await raw.fetchval("SELECT 1")
                finally:
                    raw.terminate()
        except (*_GONE, asyncpg.PostgresError, TimeoutError) as error:
            raise Unreachable(_line(error)) from None

    async def close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._pool.close()
        except (TimeoutError, *_GONE):
            self._pool.terminate()

    async def _acquire(self) -> "asyncpg.pool.PoolConnectionProxy[Any]":
        try:
            await self._pool  # the first time it makes the pool ready
            return await self._pool.acquire(timeout=self._times.pool)
        except TimeoutError:
            if self._pool.get_size() >= self._pool.get_max_size():
                raise Crowded("every connection is in use") from None
            raise Unreachable("connecting takes too long") from None
        except (*_GONE, asyncpg.PostgresError) as error:
            raise Unreachable(_line(error)) from None

    def _options(self) -> dict[str, Any]:
        # The server gives a statement up before we stop waiting: that way we learn why.
        milliseconds = str(int(self._times.statement * 800))
        return {
            "timeout": self._times.connect,
            "server_settings": {
                "application_name": "denglu",
                "statement_timeout": milliseconds,
                "idle_in_transaction_session_timeout": str(int(self._times.statement * 4000)),
            },
        }


async def _leave_as_it_is(connection: object) -> None:
    """Nothing to reset: no transaction, lock or setting outlives a link."""
