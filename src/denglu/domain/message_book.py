"""Messages as operators look at them: one by one, and in figures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from denglu.domain.sms_message import Outcome

# So long after its beginning a sending has surely ended, or its process has.
_LONGEST = 60
TAKEN = (Outcome.sent, Outcome.delivered, Outcome.undelivered)
"""Outcomes of a message that a gateway took, whether or not it arrived."""


@dataclass(frozen=True, slots=True)
class MessageEntry:
    """A message as it is written down. Times: Unix seconds, 0 for never. ``cost``: in
    ten-thousandths. ``outcome`` is text: a later version may have written one that this one does
    not know.
    """

    id: int
    created_at: int
    merchant_id: int
    masked: str
    template: str
    gateway: str
    outcome: str
    provider_id: str
    error: str
    cost: int
    parts: int
    latency_ms: int
    finished_at: int
    received_at: int

    def outcome_by(self, now: int) -> str:
        """The outcome; what has been under way for too long is not known."""
        if self.outcome == Outcome.sending and now - self.created_at > _LONGEST:
            return Outcome.unknown.value
        return self.outcome


@dataclass(frozen=True, slots=True)
class CodeUse:
    """Codes of one usage that a gateway took, and how many of them were used."""

    gateway: str
    usage: str
    codes: int
    used: int


@dataclass(slots=True)
class Figures:
    """Messages of one gateway or template. ``codes``, ``used``: of the codes among them that are
    still kept.
    """

    outcomes: dict[str, int] = field(default_factory=dict)
    latencies: list[int] = field(default_factory=list)
    cost: int = 0
    codes: int = 0
    used: int = 0

    def add(self, entry: MessageEntry, outcome: str) -> None:
        """Count a message."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.cost += entry.cost
        if outcome in TAKEN:
            self.latencies.append(entry.latency_ms)

    def of(self, *outcomes: str) -> int:
        """How many messages ended in one of these ways."""
        return sum(self.outcomes.get(outcome, 0) for outcome in outcomes)

    @property
    def taken(self) -> int:
        """How many a gateway took, whether or not they arrived."""
        return self.of(*TAKEN)

    @property
    def verified(self) -> float | None:
        """The share of codes that were used."""
        return self.used / self.codes if self.codes else None

    def latency(self, percent: int) -> int | None:
        """So many of a hundred messages were taken within so many milliseconds."""
        if not self.latencies:
            return None
        ranked = sorted(self.latencies)
        return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The messages of a time. A message that no gateway took is under the gateway ''."""

    since: int
    until: int
    gateways: Mapping[str, Figures]
    templates: Mapping[str, Figures]


class Counting:
    """Turns messages into figures."""

    def __init__(self, now: int) -> None:
        self._now = now
        self.gateways: dict[str, Figures] = {}
        self.templates: dict[str, Figures] = {}

    def add(self, entry: MessageEntry) -> None:
        """Count a message."""
        outcome = entry.outcome_by(self._now)
        for figures in self._of(entry.gateway, entry.template):
            figures.add(entry, outcome)

    def add_codes(self, uses: Iterable[CodeUse]) -> None:
        """Count codes, where there are messages to go with them."""
        for use in uses:
            for known, name in ((self.gateways, use.gateway), (self.templates, use.usage)):
                if figures := known.get(name):
                    figures.codes += use.codes
                    figures.used += use.used

    def _of(self, gateway: str, template: str) -> tuple[Figures, Figures]:
        return (
            self.gateways.setdefault(gateway, Figures()),
            self.templates.setdefault(template, Figures()),
        )
