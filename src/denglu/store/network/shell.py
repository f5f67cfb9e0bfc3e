"""A plain connection to a network database: for migrations, commands and the doctor.

Not for requests. Every statement is committed by itself; whatever goes wrong is told to an
operator as DatabaseTrouble.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol, TypeVar

from denglu.store.compiled import Row
from denglu.store.network.trouble import is_of_database, trouble

T = TypeVar("T")
CONNECT_SECONDS = 5.0
_STATEMENT_SECONDS = 10.0
_CLOSING_SECONDS = 1.0
_NAME = "denglu command"
_MYSQL = {"program_name": _NAME, "autocommit": True}


class Shell(Protocol):
    """One connection. ``raw`` is the driver's own."""

    @property
    def raw(self) -> Any: ...

    @property
    def is_postgresql(self) -> bool: ...

    async def rows(self, sql: str) -> list[Row]:
        """What a short statement answers. Raises what the driver raises, and TimeoutError."""
        ...


class _PostgresShell:
    is_postgresql = True

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    async def rows(self, sql: str) -> list[Row]:
        return [tuple(row) for row in await _in_time(self.raw.fetch(sql))]


class _MysqlShell:
    is_postgresql = False

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    async def rows(self, sql: str) -> list[Row]:
        async with self.raw.cursor() as cursor:
            await _in_time(cursor.execute(sql))
            return list(await cursor.fetchall() or ())


async def _in_time(answer: Awaitable[T]) -> T:
    async with asyncio.timeout(_STATEMENT_SECONDS):
        return await answer


def is_postgresql(url: str) -> bool:
    """Whether the URL is PostgreSQL's; else it is MySQL's."""
    return url.startswith("postgresql://")


async def connect(url: str, *, seconds: float = CONNECT_SECONDS) -> Any:
    """The driver's own connection. Raises MissingDriver, DatabaseTrouble where the URL cannot
    be used, and what the driver raises.
    """
    from denglu.store.opening import MissingDriver

    try:
        async with asyncio.timeout(seconds):
            return await (_connect_postgresql if is_postgresql(url) else _connect_mysql)(url)
    except (ValueError, RuntimeError) as error:  # the URL, or a package that a login needs
        raise trouble(url, error) from None
    except ModuleNotFoundError as missing:
        raise MissingDriver(url.partition("://")[0], missing) from None


async def _connect_postgresql(url: str) -> Any:
    import asyncpg

    # No word to the server about the session: a pooler in between may take none.
    return await asyncpg.connect(
        url, server_settings={"application_name": _NAME}, statement_cache_size=0
    )


async def _connect_mysql(url: str) -> Any:
    import asyncmy

    from denglu.store.mysql_url import connect_arguments

    return await asyncmy.connect(**connect_arguments(url) | _MYSQL)


@contextlib.asynccontextmanager
async def opened(url: str, *, seconds: float = CONNECT_SECONDS) -> AsyncIterator[Shell]:
    """A shell, closed at the end. Raises MissingDriver, and DatabaseTrouble for whatever the
    driver says, here and within.
    """
    with troubled(url):
        raw = await connect(url, seconds=seconds)
        try:
            yield _PostgresShell(raw) if is_postgresql(url) else _MysqlShell(raw)
        finally:
            await _leave(raw, url)


async def _leave(raw: Any, url: str) -> None:
    """Politely if the server listens, else without a word."""
    try:
        async with asyncio.timeout(_CLOSING_SECONDS):
            await (raw.close() if is_postgresql(url) else raw.ensure_closed())
    except Exception:
        (raw.terminate if is_postgresql(url) else raw.close)()


@contextlib.contextmanager
def troubled(url: str) -> Iterator[None]:
    """Turns what the driver, or SQLAlchemy on it, raises within into DatabaseTrouble."""
    try:
        yield
    except Exception as error:
        if is_of_database(error):
            raise trouble(url, error) from None
        raise


def run(url: str, work: Callable[[Shell], Awaitable[T]], *, seconds: float = CONNECT_SECONDS) -> T:
    """Run ``work`` on a shell, where no event loop is running. Raises what ``opened`` does."""

    async def go() -> T:
        async with opened(url, seconds=seconds) as shell:
            return await work(shell)

    return asyncio.run(go())
