"""Counting tries in the store before they are judged, and taking them back.

Transactions of many processes run side by side and wait for each other's rows. So that none
ever waits in a circle, all of them lock rows in one order:

    SMS tallies < SMS code < code tallies < member < account < login tallies < sessions < tokens

A kind is locked in one pass, tallies sorted by key and sessions by id: every function here
loads all the tallies that it needs at once. Tests hold every flow to this order.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from denglu.domain import limits
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Tally, Wait
from denglu.flows.ports import Transaction


@dataclass(frozen=True, slots=True)
class Claim:
    """One try under one limit. ``tag`` is what ``distinct`` limits count; with others it names
    the try, so that it is taken back once at the most.

    ``reason``: what a caller is told when the limit is full.
    """

    limit: Limit
    key: bytes
    reason: Reason
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A try that was counted at ``at``; ``mark`` names it while it is pending."""

    claims: Sequence[Claim]
    at: int
    mark: str = ""


class StillJudged(Exception):
    """A limit is full, but only because of rivals that may turn out right."""


async def claim_all(tx: Transaction, tried: Tried) -> None:
    """Count a try under every claim, or under none: then a Refusal with the longest wait.

    The first claim that is refused gives the reason. Raises StillJudged for a marked try that
    only pending rivals keep out.
    """
    stored = await tx.tallies.load(_keys(tried.claims))
    counted: dict[bytes, tuple[str, int]] = {}
    refused: list[tuple[Claim, Wait]] = []
    for claim in tried.claims:
        tally = Tally.load(stored.get(claim.key))
        verdict = limits.claim(claim.limit, tally, tried.at, claim.tag, tried.mark)
        if isinstance(verdict, Wait):
            refused.append((claim, verdict))
        else:
            counted[claim.key] = verdict.dump(), tried.at + claim.limit.memory
    if refused:
        if tried.mark and all(wait.pending for _, wait in refused):
            raise StillJudged
        reason = refused[0][0].reason
        longest = max(wait.seconds for claim, wait in refused if claim.reason is reason)
        raise Refusal(reason, retry_after=longest)
    await tx.tallies.save(counted)


async def settle_all(tx: Transaction, tried: Tried, now: int) -> None:
    """The try was judged, and was a failure."""
    await _change(tx, tried, now, lambda claim, tally: _settled(tried, claim, tally))


async def release_all(
    tx: Transaction, tried: Tried, now: int, *, forget: Collection[bytes] = ()
) -> None:
    """Take the try back; under the keys to ``forget``, every other try as well."""

    def changed(claim: Claim, tally: Tally) -> Tally:
        if claim.key in forget:
            return Tally()
        return limits.release(claim.limit, tally, tried.at, tried.mark, claim.tag)

    await _change(tx, tried, now, changed)


async def clear_all(tx: Transaction, keys: Collection[bytes], now: int) -> None:
    """Forget all tries under these keys."""
    stored = await tx.tallies.recall(sorted(set(keys)))
    await tx.tallies.save(dict.fromkeys(stored, ("", now)))


async def _change(
    tx: Transaction, tried: Tried, now: int, changed: Callable[[Claim, Tally], Tally]
) -> None:
    stored = await tx.tallies.recall(_keys(tried.claims))
    saved: dict[bytes, tuple[str, int]] = {}
    for claim in tried.claims:
        if text := stored.get(claim.key):
            before = Tally.load(text)
            after = changed(claim, before)
            if after != before:
                saved[claim.key] = after.dump(), now + claim.limit.memory
    await tx.tallies.save(saved)


def _settled(tried: Tried, claim: Claim, tally: Tally) -> Tally:
    return limits.settle(claim.limit, tally, tried.at, tried.mark)


def _keys(claims: Sequence[Claim]) -> list[bytes]:
    return sorted({claim.key for claim in claims})
