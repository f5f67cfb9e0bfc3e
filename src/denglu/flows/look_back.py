"""What happened? The audit trail, for operators."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from denglu.domain.audit import Entry, Span
from denglu.flows.ports import Clock, Store, Transaction
from denglu.flows.walking import END_OF_TIME, PAGE, newest_first, span_of

# Lines get their ids when they are written, and are seen when they are committed: so far behind
# the newest id one may still come to light.
_OVERLAP = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for. Times are Unix seconds; ``until`` itself is not included."""

    member_id: int | None = None
    merchant_id: int | None = None
    events: frozenset[str] = frozenset()
    since: int | None = None
    until: int = END_OF_TIME

    def wants(self, entry: Entry) -> bool:
        """Whether a line is one that is looked for, its time aside."""
        if self.events and entry.event not in self.events:
            return False
        wanted = ((self.member_id, entry.member_id), (self.merchant_id, entry.merchant_id))
        return all(asked is None or asked == given for asked, given in wanted)


class LookBack:
    """Reads the trail by page, so that no statement takes long."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def now(self) -> int:
        """Unix seconds."""
        return self._clock.now()

    async def find(self, question: Question, limit: int) -> list[Entry]:
        """The newest ``limit`` lines, oldest first.

        Without ``since`` all of a member's lines are looked through, of everybody's those of
        the last 24 hours (before ``until``).
        """
        found: list[Entry] = []
        async for entry in self._walk(question):
            if question.wants(entry):
                found.append(entry)
                if len(found) == limit:
                    break
        return found[::-1]

    def _walk(self, question: Question) -> AsyncIterator[Entry]:
        """Lines, newest first."""
        member_id = question.member_id

        async def page(tx: Transaction, span: Span, limit: int) -> list[Entry]:
            if member_id is None:
                return await tx.journal.page(span, limit)
            return await tx.journal.page_of(member_id, span, limit)

        whole = member_id is not None
        span = span_of(question.since, question.until, self.now(), whole=whole)
        return newest_first(self._store, span, page, lambda entry: (entry.at, entry.id))

    async def follow(self) -> "Follow":
        """What is written from now on."""
        followed = Follow(self._store, await self._store.read(lambda tx: tx.journal.newest()))
        await followed.news()
        return followed


class Follow:
    """Tells each line once, in the order in which they come to light."""

    def __init__(self, store: Store, newest: int) -> None:
        self._store = store
        self._newest = newest
        self._seen: set[int] = set()

    async def news(self) -> list[Entry]:
        """Lines that have come to light since the last call."""
        found: list[Entry] = []
        after = max(0, self._newest - _OVERLAP)
        while True:
            page = await self._store.read(lambda tx, after=after: tx.journal.after(after, PAGE))  # type: ignore[misc]
            found += page
            if len(page) < PAGE:
                break
            after = page[-1].id
        news = [entry for entry in found if entry.id not in self._seen]
        if found:
            self._newest = max(self._newest, found[-1].id)
        self._seen = {entry.id for entry in found if entry.id > self._newest - _OVERLAP}
        return news
