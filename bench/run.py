"""A run under way: who is served where, and how long a figure takes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from subprocess import Popen

from bench import processes
from bench.contenders import Contender
from bench.figures import Figures
from bench.load import Measured

Measures = dict[str, Callable[[], Measured]]


@dataclass(frozen=True)
class Size:
    """How long: seconds of a figure, and how often each is taken."""

    seconds: int
    rounds: int


@dataclass(frozen=True)
class Run:
    """A run under way: everybody is served, each on a port of its own, and idle until its turn."""

    size: Size
    folder: Path
    figures: Figures
    ports: dict[str, int]
    processes: dict[str, "Popen[bytes]"]

    def port(self, who: Contender) -> int:
        """Where it listens."""
        return self.ports[who.name]

    def take(self, operation: str, measures: Measures) -> None:
        """Measure in turn; of a contender also the memory that it needs meanwhile."""
        watched = {name: partial(self._watched, name, each) for name, each in measures.items()}
        self.figures.take(operation, self.size.rounds, watched)

    def _watched(self, name: str, measure: Callable[[], Measured]) -> Measured:
        process = self.processes.get(name)
        if process is None:
            return measure()
        processes.forget_peak(process.pid)
        measured = measure()
        return replace(measured, peak=processes.peak(process.pid))
