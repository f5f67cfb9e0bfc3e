"""Counting tries in the store before they are judged, and taking them back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from denglu.domain import limits
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Tally, Wait
from denglu.flows.ports import Transaction


@dataclass(frozen=True, slots=True)
class Claim:
    """One try under one limit. ``tag`` matters to limits that count distinct things."""

    limit: Limit
    key: bytes
    tag: str = ""


async def claim_all(tx: Transaction, claims: Sequence[Claim], now: int, reason: Reason) -> None:
    """Count a try under every claim, or under none: then a Refusal with the longest wait."""
    stored = await tx.tallies.load(sorted({claim.key for claim in claims}))
    counted: list[tuple[Claim, Tally]] = []
    wait = 0
    for claim in claims:
        verdict = limits.claim(claim.limit, Tally.load(stored.get(claim.key)), now, claim.tag)
        if isinstance(verdict, Wait):
            wait = max(wait, verdict.seconds)
        else:
            counted.append((claim, verdict))
    if wait:
        raise Refusal(reason, retry_after=wait)
    for claim, tally in counted:
        await tx.tallies.save(claim.key, tally.dump(), now + claim.limit.memory)


async def release_all(tx: Transaction, claims: Sequence[Claim], at: int, now: int) -> None:
    """Take back the tries that were counted at ``at``."""
    stored = await tx.tallies.load(sorted({claim.key for claim in claims}))
    for claim in claims:
        tally = limits.release(claim.limit, Tally.load(stored.get(claim.key)), at)
        await tx.tallies.save(claim.key, tally.dump(), now + claim.limit.memory)


async def clear_all(tx: Transaction, keys: Iterable[bytes]) -> None:
    """Forget all tries under these keys."""
    for key in sorted(set(keys)):
        await tx.tallies.clear(key)
