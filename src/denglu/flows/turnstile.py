"""Tries that are counted before they are judged, without refusing honest rivals.

A try counts as a failure until it is judged. Fifty devices of one member may log in at the
same moment, though, and all be right: a try that finds its limit filled by rivals which are
still being judged waits for them, as long as its caller would wait anyway.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from denglu.domain.errors import Reason, Refusal
from denglu.flows.limiting import Claim, claim_all
from denglu.flows.ports import Clock, Store


class Turnstile:
    """Lets at most ``capacity`` tries in; each waits at most ``patience`` seconds for rivals."""

    def __init__(self, store: Store, clock: Clock, *, capacity: int, patience: float) -> None:
        self._store = store
        self._clock = clock
        self._capacity = capacity
        self._patience = patience
        self._inside = 0
        self._active: Counter[bytes] = Counter()
        self._judged = asyncio.Event()

    @asynccontextmanager
    async def enter(self, claims: Sequence[Claim]) -> AsyncIterator[int]:
        """Count a try, run the body, then let rivals go on. Yields when it was counted.

        Raises ``too_many_attempts`` when a limit is full, ``busy`` when too many tries are
        inside or rivals take too long.
        """
        if self._inside >= self._capacity:
            raise Refusal(Reason.busy, retry_after=1)
        keys = {claim.key for claim in claims}
        self._inside += 1
        try:
            at = await self._claim(claims, keys)
            try:
                yield at
            finally:
                self._leave(keys)
        finally:
            self._inside -= 1

    async def _claim(self, claims: Sequence[Claim], keys: set[bytes]) -> int:
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            judged = self._judged
            now = self._clock.now()
            self._active.update(keys)
            try:
                await self._store.write(
                    lambda tx: claim_all(tx, claims, now, Reason.too_many_attempts)  # noqa: B023
                )
                return now
            except BaseException as refusal:
                self._leave(keys)
                if not isinstance(refusal, Refusal) or not self._rivals(refusal, keys):
                    raise
            await self._wait(judged, deadline)

    def _rivals(self, refusal: Refusal, keys: set[bytes]) -> bool:
        return refusal.reason is Reason.too_many_attempts and any(self._active[key] for key in keys)

    async def _wait(self, judged: asyncio.Event, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await judged.wait()
        except TimeoutError:
            raise Refusal(Reason.busy, retry_after=1) from None

    def _leave(self, keys: set[bytes]) -> None:
        self._active.subtract(keys)
        self._active += Counter()
        self._judged.set()
        self._judged = asyncio.Event()
