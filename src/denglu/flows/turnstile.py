"""Tries that are counted before they are judged, without refusing honest rivals.

A try counts as a failure until it is judged. Fifty devices of one member may log in at the
same moment, though, in as many processes as there are, and all be right: a try that finds its
limit filled by rivals which are still being judged looks again, as long as its caller would
wait anyway. Tries for one account look one after the other, so that a crowd asks no more often
than one.

One address has only a share of the places: whoever logs in from it without end, rightly even,
keeps nobody out who comes from elsewhere.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from weakref import WeakValueDictionary

from denglu.domain.errors import Reason, Refusal
from denglu.flows.limiting import (
    Claim,
    StillJudged,
    Tried,
    claim_all,
    write_unless_full,
)
from denglu.flows.ports import Clock, Store

_LOOK_AGAIN = 0.05


class Turnstile:
    """Lets at most ``capacity`` tries in, ``share`` of them from one address.

    Each waits at most ``patience`` seconds for its address's turn, and as long for rivals.
    """

    def __init__(
        self, store: Store, clock: Clock, *, capacity: int, share: int, patience: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._capacity = capacity
        self._share = share
        self._patience = patience
        self._inside = 0
        self._crowds: WeakValueDictionary[str, _Crowd] = WeakValueDictionary()
        self._lines: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def seat(self, address: str) -> AsyncIterator[None]:
        """A place inside, before anything is asked of the store. Raises ``busy``."""
        self._refuse_when_full()
        crowd = self._crowds.get(address)
        if crowd is None:
            crowd = self._crowds[address] = _Crowd(self._share)
        async with crowd.turn(self._capacity, self._patience):
            self._refuse_when_full()
            self._inside += 1
            try:
                yield
            finally:
                self._inside -= 1

    async def claim(self, claims: Sequence[Claim]) -> Tried:
        """Count a try as pending. The first claim names the account.

        Whoever judged it settles or releases it. Raises the reason of a claim whose limit is
        full, ``busy`` when rivals take too long.
        """
        deadline = asyncio.get_running_loop().time() + self._patience
        line = self._lines.setdefault(claims[0].key, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline):
                await line.acquire()
        except TimeoutError:
            raise Refusal(Reason.busy, retry_after=1) from None
        try:
            return await self._counted(claims, deadline)
        finally:
            line.release()

    def _refuse_when_full(self) -> None:
        if self._inside >= self._capacity:
            raise Refusal(Reason.busy, retry_after=1)

    async def _counted(self, claims: Sequence[Claim], deadline: float) -> Tried:
        mark = secrets.token_hex(4)
        while True:
            tried = Tried(claims, self._clock.now(), mark)
            try:
                await write_unless_full(
                    self._store,
                    lambda tx: claim_all(tx, tried),  # noqa: B023
                )
            except StillJudged:
                if asyncio.get_running_loop().time() + _LOOK_AGAIN > deadline:
                    raise Refusal(Reason.busy, retry_after=1) from None
            else:
                return tried
            await asyncio.sleep(_LOOK_AGAIN)


class _Crowd:
    """Those who come from one address: ``share`` of them at once, the others in turn."""

    def __init__(self, share: int) -> None:
        self._share = asyncio.Semaphore(share)
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def turn(self, most: int, patience: float) -> AsyncIterator[None]:
        """At most ``most`` wait, each for ``patience`` seconds. Raises ``busy``."""
        if self._waiting >= most:
            raise Refusal(Reason.busy, retry_after=1)
        self._waiting += 1
        try:
            async with asyncio.timeout(patience):
                await self._share.acquire()
        except TimeoutError:
            raise Refusal(Reason.busy, retry_after=1) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._share.release()
