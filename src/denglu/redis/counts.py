"""Makes counts of requests common to all processes.

Each process counts by itself and judges at once; ten times a second it tells Redis what is new
and learns what all have counted together. So no request waits for Redis, and processes are
behind each other by a tenth of a second. What Redis forgets, or never hears, is a little more
room for an address until its window is over.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from redis.asyncio import Redis

from denglu.redis.link import in_time, linked

_log = logging.getLogger(__name__)
_EVERY = 0.1
_MOST_ADDRESSES = 500
_PAUSE = 5.0
_PREFIX = "denglu:requests:"


class News(Protocol):
    """So many new requests of an address in a window that matters ``life`` seconds."""

    @property
    def window(self) -> str: ...
    @property
    def life(self) -> int: ...
    @property
    def address(self) -> str: ...
    @property
    def count(self) -> int: ...


N = TypeVar("N", bound=News)


class Counts(Protocol[N]):
    """``domain.request_limit.RequestLimit`` fulfils it."""

    def take(self, most: int) -> Sequence[N]: ...
    def learn(self, news: N, total: int) -> None: ...


class SharedCounts(Generic[N]):
    """Runs beside the requests, from ``start`` (on the running loop) until ``close``."""

    def __init__(self, url: str, counts: Counts[N]) -> None:
        self._url = url
        self._counts = counts
        self._task: asyncio.Task[None] | None = None
        self._away = False

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                async with linked(self._url) as redis:
                    while True:
                        await self._exchange(redis)
                        await asyncio.sleep(_EVERY)
            except Exception as trouble:  # whatever it is: nothing rests on it
                if not self._away:
                    why = f"{type(trouble).__name__}: {trouble}"
                    _log.warning("requests are counted by each process alone: %s", why)
                self._away = True
                await asyncio.sleep(_PAUSE)

    async def _exchange(self, redis: Redis) -> None:
        news = self._counts.take(_MOST_ADDRESSES)
        if not news:
            return
        pipeline = redis.pipeline(transaction=False)
        for entry in news:
            pipeline.hincrby(_PREFIX + entry.window, entry.address, entry.count)
        for window, life in {(entry.window, entry.life) for entry in news}:
            pipeline.expire(_PREFIX + window, life)
        for entry, total in zip(news, await in_time(pipeline.execute()), strict=False):
            self._counts.learn(entry, int(total))
        if self._away:
            self._away = False
            _log.info("requests are counted by all processes together again")
