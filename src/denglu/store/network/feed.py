"""Telling other processes whose tokens to look up anew.

A feed is a courtesy: it makes revocation faster, and nothing rests on it. A cached look-up is
never older than ``Cache.age``, whether or not a word about it arrived.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

# ``m12`` is member 12, ``s7`` is session 7.
Subject = str
# Says one text.
Say = Callable[[str], Awaitable[None]]


class Feed(Protocol):
    """Words between the processes that share a database."""

    def start(self, heard: Callable[[Collection[Subject]], None]) -> None:
        """Begin to listen, on the running loop; ``heard`` is called with what others say."""
        ...

    def announce(self, subjects: Collection[Subject]) -> None:
        """Say it soon. Never waits and never fails; what cannot be said is dropped."""
        ...

    async def close(self) -> None:
        """Stop."""
        ...


class NoFeed:
    """A feed for one process, or for when there is none: says and hears nothing."""

    def start(self, heard: Callable[[Collection[Subject]], None]) -> None:
        """Nothing."""

    def announce(self, subjects: Collection[Subject]) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""
