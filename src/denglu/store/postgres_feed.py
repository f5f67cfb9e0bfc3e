"""PostgreSQL's own channel between processes: LISTEN and NOTIFY on a connection of its own.

The words go out after the commit that they tell of, never inside it: a transaction that
notifies takes a lock on the whole cluster while it commits, so that a NOTIFY in every login
would put all logins in a row. A process that dies between the two has told nobody; then the
others find out when their look-ups are too old, which they may never be by more than 250 ms.

A PgBouncer in transaction mode carries no notifications between processes, and may well give
each its own. That harms nothing, and is not noticed either: a look-up's age is all there is.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import asyncpg

from denglu.store.network.feed import Say
from denglu.store.network.link import Times

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

_CHANNEL = "denglu_session"
_SAYING_SECONDS = 1.0


class PostgresChannel:
    """Fulfils ``network.channel_feed.Channel``."""

    def __init__(self, url: str, times: Times | None = None) -> None:
        self._url = url
        self._times = times or Times()

    @contextlib.asynccontextmanager
    async def open(
        self, heard: Callable[[str], None], lost: Callable[[], None]
    ) -> AsyncIterator[Say]:
        connection = await self._connected()

        async def say(text: str) -> None:
            async with asyncio.timeout(_SAYING_SECONDS):
                # In the simple protocol, for the sake of PgBouncer; it takes no parameters.
                await connection.execute(f"NOTIFY {_CHANNEL}, '{_harmless(text)}'")

        try:
            connection.add_termination_listener(lambda _: lost())
            async with asyncio.timeout(self._times.connect):
                await connection.add_listener(_CHANNEL, lambda *about: heard(str(about[-1])))
            yield say
        finally:
            connection.terminate()

    async def _connected(self) -> "Connection":
        return await asyncpg.connect(
            self._url,
            timeout=self._times.connect,
            statement_cache_size=0,
            server_settings={"application_name": "denglu feed"},
        )


def _harmless(text: str) -> str:
    if not text.replace(" ", "").replace(",", "").isalnum():
        raise ValueError("no text for a feed")
    return text
