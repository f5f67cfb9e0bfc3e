"""The figures of a run: what was measured by whom, in rounds, and what they say of each other."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.load import Measured


@dataclass(frozen=True)
class Spread:
    """A figure: the median, the smallest, the largest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{shown(self.middle)} ({shown(self.low)}–{shown(self.high)})"


def shown(value: float) -> str:
    """Three digits that matter, thousands with a comma."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


@dataclass
class Figures:
    """Everything that was measured: by operation, then by who did it, one value a round."""

    measured: dict[str, dict[str, list[Measured]]] = field(default_factory=dict)
    single: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def take(self, operation: str, rounds: int, **who: Callable[[], Measured]) -> None:
        """Measure in turn, A B A B; keyword names with spaces come as a mapping."""
        rows = self.measured.setdefault(operation, {})
        for number in range(rounds):
            for name, measure in who.items():
                rows.setdefault(name, []).append(measure())
                last = rows[name][-1]
                print(
                    f"{operation:16} {number + 1}/{rounds} {name:24} {last.rate:10,.1f}/s"
                    f"  p50 {last.p50:9.2f} ms  p99 {last.p99:9.2f} ms",
                    flush=True,
                )

    def note(self, what: str, who: str, value: float) -> None:
        """A figure that is no traffic: seconds, MiB."""
        self.single.setdefault(what, {}).setdefault(who, []).append(value)
        print(f"{what:36} {who:24} {value:10.2f}", flush=True)

    def rate(self, operation: str, who: str) -> list[float]:
        return [each.rate for each in self.measured[operation][who]]

    def p99(self, operation: str, who: str) -> list[float]:
        return [each.p99 for each in self.measured[operation][who]]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours for each of theirs, round by round."""
    return Spread.of([a / b for a, b in zip(ours, theirs, strict=True)])
