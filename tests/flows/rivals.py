"""Rivals: callers who are released by a barrier and do the same thing at the same moment."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from denglu.domain.errors import Refusal


@dataclass(frozen=True)
class Outcome:
    """What the rivals were told, in their order: a value, or the Refusal."""

    told: Sequence[Any]

    @property
    def winners(self) -> dict[int, Any]:
        """Who succeeded, and with what."""
        return {n: one for n, one in enumerate(self.told) if not isinstance(one, Refusal)}

    @property
    def reasons(self) -> Counter[str]:
        """How often each reason was given."""
        return Counter(one.reason.value for one in self.told if isinstance(one, Refusal))


async def race(how_many: int, act: Callable[[int], Awaitable[Any]]) -> Outcome:
    """Let so many rivals act at once. Whatever is raised but a Refusal comes out here."""
    barrier = asyncio.Barrier(how_many)

    async def rival(number: int) -> Any:
        await barrier.wait()
        try:
            return await act(number)
        except Refusal as refusal:
            return refusal

    return Outcome(await asyncio.gather(*(rival(number) for number in range(how_many))))
