"""The figures of a run: what was measured by whom, in rounds, and what they say of each other."""

import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.load import Measured, WrongAnswer

# The ceilings, as they are called beside the contenders.
BARE, BARE_INSIDE = "bare server", "bare app behind denglu's server"
HASH, STATEMENTS = "bare hash", "bare statements"

CALM_LOGINS, STORM_LOGINS = "logins just before", "logins in the storm"
START, IDLE = "start, s", "idle memory, MiB"
END = "memory at the end, MiB"
DURING_MIX, AFTER_MIX = "memory during the mix, MiB", "memory 3 s after the mix, MiB"


@dataclass(frozen=True)
class Spread:
    """A figure: the median, the smallest, the largest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of the rounds of a run."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        middle, low, high = map(shown, (self.middle, self.low, self.high))
        return middle if low == high else f"{middle} ({low}–{high})"


def shown(value: float) -> str:
    """Three digits that matter, however small; from 100 on whole, thousands with a comma."""
    if value == 0:
        return "0"
    places = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(0, places)}f}"


@dataclass
class Figures:
    """Everything that was measured: by operation, then by who did it, one value a round.
    ``about``: versions of what took part. ``load``: of the machine, when this began.
    """

    about: str = ""
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    measured: dict[str, dict[str, list[Measured]]] = field(default_factory=dict)
    single: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def take(self, operation: str, rounds: int, who: Mapping[str, Callable[[], Measured]]) -> None:
        """Measure in turn: A B C, C B A, and so on. A wrong answer ends the run with its name."""
        for number in range(rounds):
            for name in list(who)[:: -1 if number % 2 else 1]:
                try:
                    measured = who[name]()
                except WrongAnswer as wrong:
                    raise SystemExit(f"{operation}, {name}: {wrong}") from None
                if not measured.rate:
                    raise SystemExit(f"{operation}, {name}: not one answer in the time given")
                self.add(operation, name, measured)

    def add(self, operation: str, who: str, measured: Measured) -> None:
        """Keep and print what one round gave."""
        rounds = self.measured.setdefault(operation, {}).setdefault(who, [])
        rounds.append(measured)
        times = f"p50 {measured.p50:9.2f} ms  p99 {measured.p99:9.2f} ms" if measured.p99 else ""
        print(
            f"{operation:20} {len(rounds)} {who:36} {measured.rate:10,.1f}/s  {times}", flush=True
        )

    def note(self, what: str, who: str, value: float) -> None:
        """A figure that is no traffic: seconds, MiB."""
        self.single.setdefault(what, {}).setdefault(who, []).append(value)
        print(f"{what:36} {who:24} {value:10.2f}", flush=True)

    def rate(self, operation: str, who: str) -> list[float]:
        """Requests per second, of each round."""
        return [each.rate for each in self.measured[operation][who]]

    def p99(self, operation: str, who: str) -> list[float]:
        """Milliseconds, of each round."""
        return [each.p99 for each in self.measured[operation][who]]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours for each of theirs, round by round: what disturbs a round disturbs both."""
    return Spread.of([a / b for a, b in zip(ours, theirs, strict=True)])
