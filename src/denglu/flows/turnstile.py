"""Tries that are counted before they are judged, without refusing honest rivals.

A try counts as a failure until it is judged. Fifty devices of one member may log in at the
same moment, though, and all be right: a try that finds its limit filled by rivals which are
still being judged waits for them, as long as its caller would wait anyway.
"""

import asyncio
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
        # Tries that are being judged, with the keys they were counted under.
        self._judging: dict[asyncio.Future[None], set[bytes]] = {}

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
            judged = asyncio.get_running_loop().create_future()
            self._judging[judged] = keys
            try:
                yield at
            finally:
                del self._judging[judged]
                judged.set_result(None)
        finally:
            self._inside -= 1

    async def _claim(self, claims: Sequence[Claim], keys: set[bytes]) -> int:
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            now = self._clock.now()
            try:
                await self._store.write(
                    lambda tx: claim_all(tx, claims, now, Reason.too_many_attempts)  # noqa: B023
                )
                return now
            except Refusal as refusal:
                # Only rivals that were let in can make room. One that is refused as well
                # cannot, and to wait for it would be to wait in a circle.
                rivals = [judged for judged, theirs in self._judging.items() if keys & theirs]
                if refusal.reason is not Reason.too_many_attempts or not rivals:
                    raise
            await self._one_judged(rivals, deadline)

    async def _one_judged(self, rivals: Sequence[asyncio.Future[None]], deadline: float) -> None:
        patience = max(0.0, deadline - asyncio.get_running_loop().time())
        judged, _ = await asyncio.wait(
            rivals, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        if not judged:
            raise Refusal(Reason.busy, retry_after=1)
