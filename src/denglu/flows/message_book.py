"""Which messages were sent, and how well? For operators."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from denglu.domain.audit import Span
from denglu.domain.message_book import Counting, MessageEntry, Statistics
from denglu.domain.spend import Cap, Kind
from denglu.flows.ports import Clock, Period, Spent, Store, Transaction
from denglu.flows.walking import END_OF_TIME, newest_first, span_of

_DAY = 86400
_SITE = -1


@dataclass(frozen=True, slots=True)
class Number:
    """A number, as messages to it are found."""

    masked: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for. Times are Unix seconds; ``until`` itself is not included."""

    number: Number | None = None
    gateway: str = ""
    outcome: str = ""
    since: int | None = None
    until: int = END_OF_TIME

    def wants(self, entry: MessageEntry, now: int) -> bool:
        """Whether a message is one that is looked for, its time and number aside."""
        if self.gateway and entry.gateway != self.gateway:
            return False
        return not self.outcome or entry.outcome_by(now) == self.outcome


@dataclass(frozen=True, slots=True)
class Standing:
    """What is spent of a budget of the site, until it begins anew at ``ends_at``."""

    period: Period
    cap: Cap
    spent: Spent


class ReadMessages:
    """Reads by page, so that no statement takes long. ``caps``, ``offset``: the site's budgets,
    as in ``Budget``.
    """

    def __init__(self, store: Store, clock: Clock, caps: Mapping[Kind, Cap], offset: int) -> None:
        self._store = store
        self._clock = clock
        self._caps = dict(caps)
        self._offset = offset

    def now(self) -> int:
        """Unix seconds."""
        return self._clock.now()

    async def find(self, question: Question, limit: int) -> list[MessageEntry]:
        """The newest ``limit`` messages, oldest first.

        Without ``since`` all messages to a number are looked through, of everybody's those of
        the last 24 hours (before ``until``).
        """
        now, found = self.now(), list[MessageEntry]()
        async for entry in self._walk(question):
            if question.wants(entry, now):
                found.append(entry)
                if len(found) == limit:
                    break
        return found[::-1]

    async def statistics(self, since: int, until: int) -> Statistics:
        """The figures of a time, from ``since`` on and before ``until``."""
        counting = Counting(self.now())
        async for entry in self._walk(Question(since=since, until=until)):
            counting.add(entry)
        counting.add_codes(await self._store.read(lambda tx: tx.message_book.codes(since, until)))
        return Statistics(since, until, counting.gateways, counting.templates)

    async def budgets(self) -> list[Standing]:
        """How the budgets of the site stand now."""
        now = self.now()
        periods = [Period(_SITE, kind, *kind.span(now, self._offset)) for kind in self._caps]
        spent = await self._store.read(lambda tx: tx.spending.of(periods))
        return [Standing(*found) for found in zip(periods, self._caps.values(), spent, strict=True)]

    def _walk(self, question: Question) -> AsyncIterator[MessageEntry]:
        """Messages, newest first."""
        number = question.number

        async def page(tx: Transaction, span: Span, limit: int) -> list[MessageEntry]:
            if number is None:
                return await tx.message_book.page(span, limit)
            return await tx.message_book.page_of(number.masked, number.key, span, limit)

        whole = number is not None
        span = span_of(question.since, question.until, self.now(), whole=whole)
        return newest_first(self._store, span, page, lambda entry: (entry.created_at, entry.id))
