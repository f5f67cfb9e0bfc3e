"""Token look-ups, kept for a moment.

A look-up counts from when it was asked, not from when it was answered, and is used for ``age``
seconds at most: so long can a process be behind what another one did. What this process does
itself, it knows at once: ``drop`` forgets the look-ups of a member or session, and no look-up
that was under way then is kept or shared.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from denglu.domain.session import Found
from denglu.store.network.feed import Subject

_CAPACITY = 20_000
_REMEMBERED_DROPS = 1000
# Longer than any look-up can take.
_LONGEST_LOOKUP = 30.0


@dataclass(frozen=True, slots=True)
class _Entry:
    found: Found
    asked_at: float


@dataclass(frozen=True, slots=True)
class _Flight:
    asked_at: float
    answer: "asyncio.Task[Found | None]"


class TokenCache:
    """``lookup`` asks the database. ``age`` in seconds; 0 keeps nothing."""

    def __init__(
        self,
        lookup: Callable[[bytes], Awaitable[Found | None]],
        *,
        age: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lookup = lookup
        self._age = age
        self._clock = clock
        self._entries: dict[bytes, _Entry] = {}
        self._flights: dict[bytes, _Flight] = {}
        self._digests: dict[Subject, set[bytes]] = {}
        self._dropped: dict[Subject, float] = {}
        self._last_drop = -1.0

    async def find(self, digest: bytes) -> Found | None:
        """What the token leads to, at most ``age`` seconds old."""
        entry = self._entries.get(digest)
        now = self._clock()
        if entry is not None and now - entry.asked_at < self._age:
            return entry.found
        flight = self._flights.get(digest)
        # Who asks after something was dropped may not share an answer from before.
        if flight is None or flight.asked_at <= self._last_drop:
            flight = _Flight(now, asyncio.create_task(self._ask(digest, now)))
            self._flights[digest] = flight
            flight.answer.add_done_callback(lambda _: self._landed(digest, flight))
        return await asyncio.shield(flight.answer)

    def drop(self, subjects: Iterable[Subject]) -> None:
        """Forget what is kept about these members and sessions."""
        self._last_drop = self._clock()
        for subject in subjects:
            self._dropped[subject] = self._last_drop
            for digest in self._digests.pop(subject, ()):
                self._entries.pop(digest, None)
        if len(self._dropped) > _REMEMBERED_DROPS:
            past = self._last_drop - _LONGEST_LOOKUP
            self._dropped = {s: at for s, at in self._dropped.items() if at > past}

    async def _ask(self, digest: bytes, asked_at: float) -> Found | None:
        found = await self._lookup(digest)
        if found is None:
            self._forget(digest)
        elif self._age:
            return self._keep(digest, found, asked_at)
        return found

    def _keep(self, digest: bytes, found: Found, asked_at: float) -> Found:
        subjects = _subjects(found)
        if any(self._dropped.get(subject, -1.0) >= asked_at for subject in subjects):
            return found
        before = self._entries.pop(digest, None)
        if before is not None and before.found == found:
            found = before.found  # unchanged: what was made from it stays good
        elif before is None and len(self._entries) >= _CAPACITY:
            self._forget(next(iter(self._entries)))
        self._entries[digest] = _Entry(found, asked_at)
        for subject in subjects:
            self._digests.setdefault(subject, set()).add(digest)
        return found

    def _forget(self, digest: bytes) -> None:
        entry = self._entries.pop(digest, None)
        if entry is None:
            return
        for subject in _subjects(entry.found):
            digests = self._digests.get(subject, set())
            digests.discard(digest)
            if not digests:
                self._digests.pop(subject, None)

    def _landed(self, digest: bytes, flight: _Flight) -> None:
        if self._flights.get(digest) is flight:
            del self._flights[digest]
        if not flight.answer.cancelled():
            flight.answer.exception()  # told to whoever waits; nobody may be left


def _subjects(found: Found) -> tuple[Subject, Subject]:
    return f"m{found.session.member_id}", f"s{found.session.id}"
