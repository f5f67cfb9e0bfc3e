"""A few connections, lent to one task at a time.

The one given back last is lent first, so that those nobody needs grow old and are let go.
What a connection is, the driver says; this module only counts and keeps them.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Generic, Protocol, TypeVar

from denglu.store.network.link import Crowded, Unreachable

_IDLE_SECONDS = 300.0
_CLOSING_SECONDS = 5.0
_CLOSED = "the store is closed"


class Pooled(Protocol):
    """What the pool must know of a connection."""

    def is_good(self) -> bool:
        """Whether it is open and in no transaction."""
        ...

    def discard(self) -> None:
        """Cut it off at once, without a word to the server. May be called twice."""
        ...

    async def leave(self) -> None:
        """Say good-bye and hang up, in bounded time. May raise anything."""
        ...


C = TypeVar("C", bound=Pooled)


class Pool(Generic[C]):
    """``connect`` gives a new connection, in bounded time, or raises Unreachable or Crowded.

    ``size``: connections at the most. ``wait``: seconds until Crowded.
    """

    def __init__(self, connect: Callable[[], Awaitable[C]], *, size: int, wait: float) -> None:
        self._connect = connect
        self._size = size
        self._wait = wait
        self._places = asyncio.Semaphore(size)
        self._idle: deque[tuple[C, float]] = deque()
        self._lent: set[C] = set()
        self._closed = False

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[C]:
        """A connection that was good when last seen. Raises Crowded or Unreachable.

        It is cut off when whoever has it was stopped, or found it unreachable.
        """
        await self._take_place()
        try:
            connection = self._rested() or await self._new()
            self._lent.add(connection)
            try:
                yield connection
            except BaseException as error:
                if not isinstance(error, Exception) or isinstance(error, Unreachable):
                    connection.discard()
                raise
            finally:
                self._lent.discard(connection)
                self._keep(connection)
        finally:
            self._places.release()

    def renew(self) -> None:
        """Let go of every connection that nobody has: they may be as dead as one of them was."""
        for connection, _ in self._idle:
            connection.discard()
        self._idle.clear()

    async def close(self) -> None:
        """Let go of every connection; whoever has one gets a moment to give it back."""
        if self._closed:
            return
        self._closed = True
        leaving = [connection for connection, _ in self._idle]
        self._idle.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await asyncio.gather(*(one.leave() for one in leaving), return_exceptions=True)
                for _ in range(self._size):
                    await self._places.acquire()
        for connection in (*leaving, *self._lent):
            connection.discard()
        await asyncio.sleep(0)  # the loop lets go of what was cut off

    async def _take_place(self) -> None:
        if self._closed:
            raise Unreachable(_CLOSED)
        if not self._places.locked():  # a free place is taken without a wait
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(self._wait):
                await self._places.acquire()
        except TimeoutError:
            raise Crowded("every connection is in use") from None

    async def _new(self) -> C:
        connection = await self._connect()
        if self._closed:
            connection.discard()
            raise Unreachable(_CLOSED)
        return connection

    def _rested(self) -> C | None:
        """The connection that was used last; those that broke or grew old are let go."""
        while self._idle and monotonic() - self._idle[0][1] >= _IDLE_SECONDS:
            self._idle.popleft()[0].discard()
        while self._idle:
            connection, _ = self._idle.pop()
            if connection.is_good():
                return connection
            connection.discard()
        return None

    def _keep(self, connection: C) -> None:
        if self._closed or not connection.is_good():
            connection.discard()
        else:
            self._idle.append((connection, monotonic()))
