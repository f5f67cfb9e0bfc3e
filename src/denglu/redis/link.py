"""A connection to Redis that never keeps anybody waiting."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

T = TypeVar("T")
OPERATION_SECONDS = 0.2


@contextlib.asynccontextmanager
async def linked(url: str) -> AsyncIterator[Redis]:
    """A client for a while; it connects when it is first used. ``url``: redis, rediss, unix.

    The library's own repetitions and time-outs are off: ``in_time`` bounds each operation, and
    a client that failed is not used again.
    """
    client = Redis.from_url(
        url,
        protocol=2,
        decode_responses=True,
        encoding_errors="replace",
        retry=Retry(NoBackoff(), 0),
        socket_timeout=None,
        socket_connect_timeout=OPERATION_SECONDS,
    )
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            await in_time(client.aclose())


async def in_time(operation: Awaitable[T]) -> T:
    """Its answer. Raises TimeoutError after 200 ms, and what the library raises."""
    async with asyncio.timeout(OPERATION_SECONDS):
        return await operation
