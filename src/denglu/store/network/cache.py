"""Token look-ups, kept for a moment.

A look-up counts from when it was asked, not from when it was answered, and is used for ``age``
seconds at most: so long can a process be behind what another one did. What this process does
itself, it knows at once: ``drop`` forgets the look-ups of a member or session, and what is
still under way then is not given to whoever asks later, nor kept if it is about them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from denglu.domain.session import Found
from denglu.store.network.feed import Subject

# More than one process is asked for within ``age``.
_CAPACITY = 10_000
# The part of ``age`` after which a token that is asked for is looked up anew meanwhile.
_AHEAD = 0.6


@dataclass(frozen=True, slots=True)
class _Entry:
    found: Found
    asked_at: float


@dataclass(eq=False, slots=True)
class _Flight:
    """A look-up under way. ``dropped``: what was dropped since it was asked."""

    asked_at: float
    answer: "asyncio.Task[Found | None]" = field(init=False)
    dropped: set[Subject] = field(default_factory=set)


class TokenCache:
    """``lookup`` asks the database, in bounded time. ``age`` in seconds; 0 keeps and shares
    nothing.
    """

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
        self._digests: dict[Subject, set[bytes]] = {}
        # Those that may be shared, and all of them.
        self._flights: dict[bytes, _Flight] = {}
        self._under_way: set[_Flight] = set()

    async def find(self, digest: bytes) -> Found | None:
        """What the token leads to, at most ``age`` seconds old."""
        now = self._clock()
        entry = self._entries.get(digest)
        if entry is not None and (old := now - entry.asked_at) < self._age:
            # Whoever asks again and again waits for no look-up: the next one leaves in time.
            if old > self._age * _AHEAD and digest not in self._flights:
                self._depart(digest, now)
            return entry.found
        flight = self._flights.get(digest)
        if flight is None or now - flight.asked_at >= self._age:
            flight = self._depart(digest, now)
        return await asyncio.shield(flight.answer)

    def drop(self, subjects: Collection[Subject]) -> None:
        """Forget what is kept about these members and sessions."""
        for subject in subjects:
            for digest in tuple(self._digests.get(subject, ())):
                self._forget(digest)
        if subjects:
            # Whom a look-up under way is about is not known yet: nobody may join it now.
            self._flights.clear()
            for flight in self._under_way:
                flight.dropped.update(subjects)

    async def close(self) -> None:
        """Wait for the look-ups under way."""
        await asyncio.gather(*(f.answer for f in self._under_way), return_exceptions=True)

    def _depart(self, digest: bytes, now: float) -> _Flight:
        flight = _Flight(now)
        flight.answer = asyncio.create_task(self._ask(digest, flight))
        flight.answer.add_done_callback(lambda _: self._landed(digest, flight))
        self._flights[digest] = flight
        self._under_way.add(flight)
        return flight

    async def _ask(self, digest: bytes, flight: _Flight) -> Found | None:
        found = await self._lookup(digest)
        if found is None:
            self._forget(digest)
        elif self._age and flight.dropped.isdisjoint(_subjects(found)):
            return self._keep(digest, found, flight.asked_at)
        return found

    def _keep(self, digest: bytes, found: Found, asked_at: float) -> Found:
        before = self._entries.get(digest)
        if before is not None:
            if before.asked_at > asked_at:
                return found  # the later look-up was answered sooner
            if before.found == found:
                found = before.found  # unchanged: what was made from it stays good
            self._forget(digest)
        else:
            self._make_room(found)
        self._entries[digest] = _Entry(found, asked_at)
        for subject in _subjects(found):
            self._digests.setdefault(subject, set()).add(digest)
        return found

    def _make_room(self, found: Found) -> None:
        """Tokens of the session's earlier generations are asked for no more, or not for long."""
        _, session = _subjects(found)
        for digest in tuple(self._digests.get(session, ())):
            if self._entries[digest].found.token.generation < found.token.generation:
                self._forget(digest)
        if len(self._entries) >= _CAPACITY:
            self._forget(next(iter(self._entries)))

    def _forget(self, digest: bytes) -> None:
        entry = self._entries.pop(digest, None)
        if entry is None:
            return
        for subject in _subjects(entry.found):
            digests = self._digests[subject]
            digests.discard(digest)
            if not digests:
                del self._digests[subject]

    def _landed(self, digest: bytes, flight: _Flight) -> None:
        self._under_way.discard(flight)
        if self._flights.get(digest) is flight:
            del self._flights[digest]
        if not flight.answer.cancelled():
            flight.answer.exception()  # told to whoever waits; nobody may be left


def _subjects(found: Found) -> tuple[Subject, Subject]:
    return f"m{found.session.member_id}", f"s{found.session.id}"
