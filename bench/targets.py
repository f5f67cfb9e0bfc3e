"""What is wanted of denglu, and what a run says to that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.figures import (
    AFTER_MIX,
    BARE,
    BARE_INSIDE,
    CALM_LOGINS,
    HASH,
    IDLE,
    START,
    STATEMENTS,
    STORM_LOGINS,
    Figures,
    Spread,
    ratios,
)


@dataclass(frozen=True)
class Target:
    """One line: a name, the figure, the bound, and whether less is better."""

    what: str
    figure: Spread
    bound: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Judged by the median of the rounds."""
        middle = self.figure.middle
        return middle <= self.bound if self.at_most else middle >= self.bound


def targets(figures: Figures) -> Iterator[Target]:
    """Every target that this run can speak of; those against peers only where there are peers."""
    checked = list(figures.measured["check"])
    ours = [name for name in checked if name.startswith("denglu")]
    peers = [name for name in checked if name not in (*ours, BARE, BARE_INSIDE)]
    for name in ours:
        yield from _against_ceilings(figures, name)
        if peers:
            yield from _against_peers(figures, name, peers)
        yield from _by_itself(figures, name)


def _against_ceilings(figures: Figures, name: str) -> Iterator[Target]:
    """What is there beside the work itself."""
    for what, operation, ceiling, bound in (
        ("login / bare hash", "login", HASH, 0.95),
        ("token check / bare server", "check", BARE, 0.65),
        ("refresh / bare statements", "refresh", f"{STATEMENTS}, {name}", 0.5),
    ):
        yield Target(f"{name}: {what}", _over(figures, operation, name, ceiling), bound)


def _against_peers(figures: Figures, name: str, peers: Sequence[str]) -> Iterator[Target]:
    """Always against the best of them."""
    renewing = [
        other
        for other in figures.measured["refresh"]
        if not other.startswith(("denglu", STATEMENTS))
    ]
    for what, operation, others, bound in (
        ("login", "login", peers, 4),
        ("token check", "check", peers, 40),
        ("refresh", "refresh", renewing, 8),
    ):
        best = max(others, key=lambda one: Spread.of(figures.rate(operation, one)).middle)
        figure = _over(figures, operation, name, best)
        yield Target(f"{name}: {what} / {best}", figure, bound)
    calm = min(peers, key=lambda one: Spread.of(figures.p99("storm", one)).middle)
    share = ratios(figures.p99("storm", name), figures.p99("storm", calm))
    yield Target(f"{name}: storm, p99 of checks / {calm}", share, 1 / 90, at_most=True)


def _by_itself(figures: Figures, name: str) -> Iterator[Target]:
    storm = Spread.of(figures.p99("storm", name))
    yield Target(f"{name}: storm, p99 of checks, ms", storm, 10, at_most=True)
    alone = ratios(figures.rate(STORM_LOGINS, name), figures.rate(CALM_LOGINS, name))
    yield Target(f"{name}: storm, logins / logins alone", alone, 0.8)
    idle, after = Spread.of(figures.single[IDLE][name]), figures.single[AFTER_MIX][name]
    yield Target(f"{name}: {IDLE}", idle, 80, at_most=True)
    more = Spread.of([each - idle.middle for each in after])
    yield Target(f"{name}: {AFTER_MIX}, more than idle", more, 30, at_most=True)
    yield Target(f"{name}: {START}", Spread.of(figures.single[START][name]), 0.8, at_most=True)


def _over(figures: Figures, operation: str, ours: str, theirs: str) -> Spread:
    return ratios(figures.rate(operation, ours), figures.rate(operation, theirs))
