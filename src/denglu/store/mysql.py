"""MySQL and MariaDB through asyncmy: the driver of the network store.

Every statement is prepared by the server, once per connection, and its values travel apart
from it: nothing is ever escaped into SQL text.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, cast

from asyncmy import errors
from asyncmy.connection import Connection
from asyncmy.constants import CLIENT, SERVER_STATUS
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.mysql.base import MySQLDialect

from denglu.store.compiled import Compiled, Params, Row
from denglu.store.mysql_errors import in_our_words
from denglu.store.mysql_url import connect_arguments
from denglu.store.network.link import Link, Times, Unreachable
from denglu.store.network.pool import Pool
from denglu.store.statements import compile_all, compile_more

T = TypeVar("T")
_LEAVING_SECONDS = 1.0
_IN_TRANSACTION = SERVER_STATUS.SERVER_STATUS_IN_TRANS
_DIALECT = MySQLDialect(paramstyle="qmark")
_STATEMENTS: dict[str, Compiled] = {}


def statements() -> Mapping[str, Compiled]:
    """Every statement in MySQL's words, compiled once."""
    if not _STATEMENTS:
        _STATEMENTS.update(compile_all(_DIALECT))
    return _STATEMENTS


class MysqlLink:
    """Fulfils ``network.link.Link`` and ``network.pool.Pooled``."""

    def __init__(self, raw: Connection, known: Mapping[str, Compiled]) -> None:
        self._raw: Any = raw
        self._statements = known
        self._prepared: dict[str, Any] = {}

    async def one(self, name: str, params: Params) -> Row | None:
        rows = (await self._execute(name, params)).rows
        return rows[0] if rows else None

    async def all(self, name: str, params: Params) -> list[Row]:
        return list((await self._execute(name, params)).rows)

    async def run(self, name: str, params: Params) -> int:
        return cast(int, (await self._execute(name, params)).affected_rows)

    async def insert(self, name: str, params: Params) -> int:
        return cast(int, (await self._execute(name, params)).insert_id)

    async def begin(self) -> None:
        await self._told(self._raw.begin())

    async def commit(self) -> None:
        await self._told(self._raw.commit())

    async def rollback(self) -> None:
        await self._told(self._raw.rollback())

    def is_good(self) -> bool:
        raw, received = self._raw, self._raw._proto
        return not (
            raw._stream_broken
            or raw.server_status & _IN_TRANSACTION
            or received.pos != received.length  # words that nobody asked for
        )

    def discard(self) -> None:
        # Closed as a stream it would first wait until the server has taken what was written.
        transport = self._raw._transport
        if transport is not None:
            transport.abort()
        self._raw.close()

    async def leave(self) -> None:
        async with asyncio.timeout(_LEAVING_SECONDS):
            await self._told(self._raw.ensure_closed())

    async def _execute(self, name: str, params: Params) -> Any:
        statement = self._statements[name]
        values = statement.bind(params)
        prepared: Any = self._prepared.get(name)
        if prepared is None:
            prepared = await self._told(self._raw.prepare(statement.sql))
            self._prepared[name] = prepared
        return await self._told(prepared.execute(values))

    async def _told(self, answer: Awaitable[T]) -> T:
        """The answer, or the error in our words. Unless the server itself said what is
        wrong, nobody knows where in its answers we are, and the connection is cut off.
        """
        try:
            return await answer
        except errors.MySQLError as error:
            told = in_our_words(error)
            if isinstance(told, Unreachable):
                self.discard()
            raise told from None
        except (OSError, EOFError) as error:
            self.discard()
            raise Unreachable(f"{type(error).__name__}: {error}") from None
        except BaseException:
            self.discard()
            raise


class MysqlDriver:
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
        self._arguments = connect_arguments(url)
        self._pool = Pool(self._connect, size=pool, wait=self._times.pool)

    def link(self) -> AbstractAsyncContextManager[Link]:
        return self._pool.lend()

    async def probe(self) -> None:
        link = await self._connect()
        link.discard()

    def renew(self) -> None:
        self._pool.renew()

    async def close(self) -> None:
        await self._pool.close()

    async def _connect(self) -> MysqlLink:
        """A new connection, set up; that also shows that the server runs statements."""
        raw: Any = Connection(  # type: ignore[no-untyped-call]
            **self._arguments, client_flag=CLIENT.FOUND_ROWS, autocommit=None
        )
        link = MysqlLink(raw, self._statements or statements())
        try:
            async with asyncio.timeout(self._times.connect):
                await link._told(raw.connect())
                await link._told(raw.query(session_settings(raw.server_version, self._times)))
        except TimeoutError:
            raise Unreachable("connecting takes too long") from None
        except (errors.MySQLError, RuntimeError) as error:  # whatever it is, we did not get in
            link.discard()
            raise Unreachable(str(error)) from None
        return link


def session_settings(version: str, times: Times) -> str:
    """One statement that makes a session what the flows expect, whatever the server's own
    settings are. The server gives a statement up before we stop waiting: so we learn why.
    """
    is_maria = "MariaDB" in version
    seconds = times.statement * 0.8
    settings = {
        "autocommit": "1",
        "sql_mode": "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        "tx_isolation" if is_maria else "transaction_isolation": "'READ-COMMITTED'",
        "innodb_lock_wait_timeout": str(max(1, int(seconds))),
        "wait_timeout": "600",
        "lc_messages": "'en_US'",  # a duplicate's key stands in the message only
    }
    if is_maria:
        settings |= {
            "max_statement_time": f"{seconds:.3f}",
            "idle_transaction_timeout": str(max(1, int(times.statement * 4))),
        }
    else:
        settings["max_execution_time"] = str(int(seconds * 1000))
    return "SET SESSION " + ", SESSION ".join(f"{name}={value}" for name, value in settings.items())
