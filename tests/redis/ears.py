"""Feeds that note what they hear."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection

from denglu.store.network.channel_feed import Channel, ChannelFeed

PATIENCE = 20.0


async def until(holds: Callable[[], bool]) -> None:
    """Return as soon as it holds. AssertionError if it does not within 20 s."""
    for _ in range(int(PATIENCE / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


class Ear:
    """A started feed, and everything it has heard."""

    def __init__(self, channel: Channel, *, pulse: float = 5.0) -> None:
        self.feed = ChannelFeed(channel, pulse=pulse)
        self.heard: list[str] = []
        self.feed.start(self._note)

    def _note(self, subjects: Collection[str]) -> None:
        self.heard += subjects

    async def hears(self, *subjects: str) -> None:
        """Return when it has heard all of these."""
        await until(lambda: set(subjects) <= set(self.heard))

    async def hears_from(self, other: "Ear", subject: str) -> None:
        """The other says it again and again until this one hears it: it may not listen yet."""
        async with asyncio.timeout(PATIENCE):
            while subject not in self.heard:
                other.feed.announce([subject])
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def ears(*channels: Channel) -> AsyncIterator[list[Ear]]:
    """One for each channel; closed at the end."""
    opened = [Ear(channel) for channel in channels]
    try:
        yield opened
    finally:
        for ear in opened:
            await ear.feed.close()
