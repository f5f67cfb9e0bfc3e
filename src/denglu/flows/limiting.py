"""Counting tries in the store before they are judged, and taking them back.

Transactions of many processes run side by side and wait for each other's rows. So that none
ever waits in a circle, all of them lock rows in one order:

    SMS tallies < SMS code < spending < messages < code tallies < merchants < member < account
    < accounts elsewhere < marks of an import < deletion < login tallies < sessions < tokens
    < events

A kind is locked in one pass, tallies sorted by key and sessions by id: every function here
loads all the tallies that it needs at once. Tests hold every flow to this order.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from denglu.domain import limits
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Tally, Wait
from denglu.flows.ports import Store, Transaction, Work

T = TypeVar("T")

# How long the tries in a row are kept under a key that may be nobody's, in seconds after the
# last one, and until when (Unix seconds) where a deed will forget them.
_STREAK_MEMORY = 366 * 86400
_FOREVER = 2**53


@dataclass(frozen=True, slots=True)
class Claim:
    """One try under one limit. ``tag`` is what ``distinct`` limits count; with others it names
    the try, so that it is taken back once at the most.

    ``reason``: what a caller is told when the limit is full. ``owned``: the key is a member's,
    so that its tries in a row are kept until somebody forgets them. ``lasting``: the try is
    neither pending nor ever taken back. ``anyway``: it is counted even where the limit is full.
    """

    limit: Limit
    key: bytes
    reason: Reason
    tag: str = ""
    owned: bool = False
    lasting: bool = False
    anyway: bool = False

    def stored(self, tally: Tally, now: int) -> tuple[str, int]:
        """The tally for the store, and until when (Unix seconds) it matters."""
        until = now + self.limit.memory
        if tally.streak:
            until = _FOREVER if self.owned else max(until, now + _STREAK_MEMORY)
        return tally.dump(), until


@dataclass(frozen=True, slots=True)
class Tried:
    """A try that was counted at ``at``; ``mark`` names it while it is pending."""

    claims: Sequence[Claim]
    at: int
    mark: str = ""


class Full(Refusal):
    """Limits have no room. ``claims``: under which of them."""

    def __init__(self, claims: Sequence[Claim], retry_after: int | None) -> None:
        super().__init__(claims[0].reason, retry_after=retry_after)
        self.claims = claims


class StillJudged(Exception):
    """A limit is full, but only because of rivals that may turn out right."""


async def write_unless_full(store: Store, work: Work[T]) -> T:
    """``store.write`` for work that claims before it changes anything.

    A refusal by ``claim_all`` undoes nothing then: the new tallies stay, empty. MySQL makes rivals
    that wait for a row which is undone wait for each other.
    """

    async def claimed(tx: Transaction) -> T | Full | StillJudged:
        try:
            return await work(tx)
        except (Full, StillJudged) as refused:
            return refused

    done = await store.write(claimed)
    if isinstance(done, Full | StillJudged):
        raise done
    return done


async def claim_all(tx: Transaction, tried: Tried) -> dict[bytes, Tally]:
    """Count a try under every claim, or under none: then a Refusal with the longest wait.

    Returns the tallies with it, by key. The first claim that is refused gives the reason.
    Raises Full, and StillJudged for a marked try that only pending rivals keep out.
    """
    stored = await tx.tallies.load(_keys(tried.claims))
    counted: dict[bytes, Tally] = {}
    saved: dict[bytes, tuple[str, int]] = {}
    refused: list[tuple[Claim, Wait]] = []
    for claim in tried.claims:
        tally = Tally.load(stored.get(claim.key))
        mark = "" if claim.lasting else tried.mark
        verdict = limits.claim(claim.limit, tally, tried.at, claim.tag, mark)
        if claim.anyway and isinstance(verdict, Wait):
            verdict = limits.count(claim.limit, tally, tried.at)
        if isinstance(verdict, Wait):
            refused.append((claim, verdict))
        else:
            counted[claim.key], saved[claim.key] = verdict, claim.stored(verdict, tried.at)
    if refused:
        if tried.mark and all(wait.pending for _, wait in refused):
            raise StillJudged
        reason = refused[0][0].reason
        wait = _longest(w for c, w in refused if c.reason is reason)
        raise Full([claim for claim, _ in refused], wait)
    await tx.tallies.save(saved)
    return counted


async def settle_all(tx: Transaction, tried: Tried, now: int) -> None:
    """The try was judged, and was a failure."""

    def settled(tried: Tried, claim: Claim, tally: Tally) -> Tally:
        return limits.settle(claim.limit, tally, tried.at, tried.mark)

    await _change(tx, [tried], now, settled)


async def release_all(
    tx: Transaction, tried: Tried, now: int, *, forget: Collection[bytes] = ()
) -> None:
    """Take the try back; under the keys to ``forget``, every other try as well."""

    def changed(tried: Tried, claim: Claim, tally: Tally) -> Tally:
        return Tally() if claim.key in forget else _released(tried, claim, tally)

    await _change(tx, [tried], now, changed)


async def release_each(tx: Transaction, tries: Sequence[Tried], now: int) -> None:
    """Take several tries back, in one pass over what they were counted under."""
    await _change(tx, tries, now, _released)


async def prove_each(tx: Transaction, tries: Sequence[Tried], now: int) -> None:
    """Tries of ``provable`` limits are proven, in one pass over what they were counted under."""

    def proven(tried: Tried, claim: Claim, tally: Tally) -> Tally:
        return limits.prove(claim.limit, tally, tried.at)

    await _change(tx, tries, now, proven)


async def clear_all(tx: Transaction, keys: Collection[bytes], now: int) -> None:
    """Forget all tries under these keys."""
    stored = await tx.tallies.recall(sorted(set(keys)))
    await tx.tallies.save(dict.fromkeys(stored, ("", now)))


async def _change(
    tx: Transaction,
    tries: Sequence[Tried],
    now: int,
    changed: Callable[[Tried, Claim, Tally], Tally],
) -> None:
    claims = [(tried, claim) for tried in tries for claim in tried.claims if not claim.lasting]
    stored = await tx.tallies.recall(_keys([claim for _, claim in claims]))
    tallies = {key: Tally.load(text) for key, text in stored.items()}
    saved: dict[bytes, tuple[str, int]] = {}
    for tried, claim in claims:
        if before := tallies.get(claim.key):
            after = changed(tried, claim, before)
            if after != before:
                tallies[claim.key], saved[claim.key] = after, claim.stored(after, now)
    await tx.tallies.save(saved)


def _longest(waits: Iterable[Wait]) -> int | None:
    """None where one of them waits for something else than time."""
    seconds = [wait.seconds for wait in waits]
    return None if None in seconds else max(s for s in seconds if s is not None)


def _released(tried: Tried, claim: Claim, tally: Tally) -> Tally:
    return limits.release(claim.limit, tally, tried.at, tried.mark, claim.tag)


def _keys(claims: Sequence[Claim]) -> list[bytes]:
    return sorted({claim.key for claim in claims})
