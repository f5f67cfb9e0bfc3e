"""A feed over any channel that carries short texts: PostgreSQL's notifications, Redis.

It runs beside the requests and none of them ever waits for it. Words are gathered for a moment
and said together; while the channel is gone they are dropped, and it is opened again. After
that nothing cached is dropped: whatever was missed meanwhile is older than any look-up may be.
"""

import asyncio
import contextlib
import logging
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager
from itertools import islice
from typing import Protocol

from denglu.store.network.feed import Say, Subject

_log = logging.getLogger(__name__)
_MOST_PENDING = 10_000
# PostgreSQL carries less than 8000 bytes.
_LONGEST_TEXT = 7900
_SUBJECT = re.compile(r"[ms][0-9]{1,19}", re.ASCII)
_GATHERING = 0.005
_PULSE = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_LAST_WORDS = 0.2


class Channel(Protocol):
    """Carries texts of ``[ a-z0-9,]`` to everybody who has it open, the sender included."""

    def open(
        self, heard: Callable[[str], None], lost: Callable[[], None]
    ) -> AbstractAsyncContextManager[Say]:
        """Connect and listen; gives what says a text, in bounded time.

        Raises whatever it likes. ``lost`` is called when the connection broke: then what says
        a text raises.
        """
        ...


class Deaf(Exception):
    """Nothing comes back, not even one's own words."""


class ChannelFeed:
    """Fulfils ``network.feed.Feed``."""

    def __init__(self, channel: Channel, *, pulse: float = _PULSE) -> None:
        self._channel = channel
        self._pulse = pulse
        self._me = secrets.token_hex(4)
        self._pending: dict[Subject, None] = {}
        self._wake = asyncio.Event()
        self._nothing_left = asyncio.Event()
        self._nothing_left.set()
        self._heard_at = 0.0
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._forget: Callable[[Collection[Subject]], None] = _nobody

    def start(self, heard: Callable[[Collection[Subject]], None]) -> None:
        """Begin to listen, on the running loop."""
        self._forget = heard
        self._task = asyncio.create_task(self._run())

    def announce(self, subjects: Collection[Subject]) -> None:
        """Say it soon."""
        self._pending.update(
            dict.fromkeys(islice(subjects, max(0, _MOST_PENDING - len(self._pending))))
        )
        if self._pending and self._task is not None:
            self._nothing_left.clear()
            self._wake.set()

    async def close(self) -> None:
        """Say what is left, if that is soon done, and stop."""
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._nothing_left.wait()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _run(self) -> None:
        while True:
            try:
                async with self._channel.open(self._hear, self._wake.set) as say:
                    await self._talk(say)
            except Exception as trouble:  # of whatever library: nothing rests on it
                await self._pause(trouble)

    async def _talk(self, say: Say) -> None:
        now = asyncio.get_running_loop().time
        self._heard_at = now()
        while True:
            self._wake.clear()
            subjects, self._pending = self._pending, {}
            for text in _texts(self._me, subjects):
                await say(text)
            if not self._pending:
                self._nothing_left.set()
            await asyncio.sleep(_GATHERING)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pulse):
                    await self._wake.wait()
            if now() - self._heard_at > 3 * self._pulse:
                raise Deaf("nothing is heard any more")

    async def _pause(self, trouble: Exception) -> None:
        self._pending.clear()
        self._nothing_left.set()
        if not self._failures:
            _log.warning(
                "other processes are not told, nor heard, at once: %s: %s; "
                "a token revoked there is refused here within DENGLU_SESSION_CACHE (0.25 s)",
                type(trouble).__name__,
                str(trouble).partition("\n")[0],
            )
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 10))
        self._failures += 1
        await asyncio.sleep(pause)

    def _hear(self, text: str) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if self._failures:
            self._failures = 0
            _log.info("other processes are told and heard at once again")
        sender, _, words = text[: _LONGEST_TEXT + 1].partition(" ")
        if sender != self._me and words:
            self._forget([word for word in words.split(",") if _SUBJECT.fullmatch(word)])


def _texts(sender: str, subjects: Collection[Subject]) -> Iterator[str]:
    """Everything in as few texts as it takes; at least one, which shows that it is heard."""
    text = f"{sender} "
    for subject in subjects:
        if len(text) + len(subject) >= _LONGEST_TEXT:
            yield text
            text = f"{sender} "
        text += subject if text.endswith(" ") else f",{subject}"
    yield text


def _nobody(subjects: Collection[Subject]) -> None:
    """Before anybody listens."""
