"""Words between processes through Redis pub/sub."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from redis.asyncio.client import PubSub

from denglu.redis.link import in_time, linked

_CHANNEL = "denglu:session"
Say = Callable[[str], Awaitable[None]]


class RedisChannel:
    """Fulfils ``store.network.channel_feed.Channel``."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextlib.asynccontextmanager
    async def open(
        self, heard: Callable[[str], None], lost: Callable[[], None]
    ) -> AsyncIterator[Say]:
        async with linked(self._url) as client, client.pubsub() as subscription:
            await in_time(subscription.subscribe(_CHANNEL))
            listening = asyncio.create_task(_listen(subscription, heard))
            listening.add_done_callback(lambda _: lost())

            async def say(text: str) -> None:
                if listening.done():
                    listening.result()  # raises what ended it
                await in_time(client.publish(_CHANNEL, text))

            try:
                yield say
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await listening


async def _listen(subscription: PubSub, heard: Callable[[str], None]) -> None:
    """Until the connection breaks: then an error of the library."""
    async for message in subscription.listen():
        if message["type"] == "message":
            heard(str(message["data"]))
