"""Tokens that an import brought: another server gave them out, and ours come with a refresh.

They have a shape and no tag of ours, so only the store can tell one from garbage. It is asked
about that shape only while it says that such tokens may be alive: wherever nobody imported any,
garbage is refused without I/O.
"""

import asyncio
import time
from collections.abc import Callable

from denglu.flows.ports import Clock, Store, Tokens

# Seconds after which a process looks whether there was an import meanwhile.
_LOOK_AGAIN = 1.0
# Seconds for which those who come too late are told so.
_TOO_LATE = 30 * 86400


class ImportedTokens:
    """Recognises them. ``Tokens`` knows all others without asking anybody."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        tokens: Tokens,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._monotonic = monotonic
        self._until = 0
        self._look: asyncio.Task[int] | None = None
        self._looked_at = 0.0

    async def digest(self, token: str) -> bytes | None:
        """SHA-256 of what may be such a token, of either kind; None for what is none.

        Raises ``busy`` when the store cannot say.
        """
        digest = self._tokens.imported_digest(token)
        return digest if digest is not None and await self._are_there() else None

    async def _are_there(self) -> bool:
        now = self._clock.now()
        if now >= self._until:
            self._until = await asyncio.shield(self._newest_look()) + _TOO_LATE
        return now < self._until

    def _newest_look(self) -> asyncio.Task[int]:
        """All who ask within a second share one look, and what came of it."""
        moment = self._monotonic()
        if self._look is None or moment - self._looked_at >= _LOOK_AGAIN:
            self._looked_at = moment
            self._look = asyncio.create_task(self._store.imported_until())
            self._look.add_done_callback(_hear)
        return self._look


def _hear(look: asyncio.Task[int]) -> None:
    """Whoever waits is told of a failure; nobody may be left."""
    if not look.cancelled():
        look.exception()
