"""Figures that nobody measured: two of denglu, two peers, and the ceilings."""

from bench.figures import (
    AFTER_MIX,
    BARE,
    BARE_INSIDE,
    CALM_LOGINS,
    DURING_MIX,
    HASH,
    IDLE,
    START,
    STATEMENTS,
    STORM_LOGINS,
    Figures,
)
from bench.load import Measured

OURS = ("denglu, SQLite", "denglu, PostgreSQL")
SLOW, FAST = "slow peer", "fast peer"


def figures(*, peers: bool = True) -> Figures:
    """Every target is reached, by little; the rounds differ."""
    made = Figures()
    rates = {name: {"check": 20_000.0, "login": 80.0, "refresh": 4_000.0} for name in OURS}
    rates[BARE], rates[BARE_INSIDE] = {"check": 30_000.0}, {"check": 28_000.0}
    rates[HASH] = {"login": 84.0}
    rates |= {f"{STATEMENTS}, {name}": {"refresh": 7_900.0} for name in OURS}
    if peers:
        rates[SLOW] = {"check": 100.0, "login": 4.0, "refresh": 50.0}
        rates[FAST] = {"check": 490.0, "login": 19.0, "refresh": 490.0}
    for name, of in rates.items():
        for operation, rate in of.items():
            _rounds(made, operation, name, rate, 5.0)
    for name in OURS:
        _rounds(made, "mix", name, 900.0, 8.0)
        _rounds(made, CALM_LOGINS, name, 80.0, 190.0)
        _rounds(made, STORM_LOGINS, name, 65.0, 200.0)
        _rounds(made, "storm", name, 50.0, 9.9)
        for what, value in ((START, 0.79), (IDLE, 70.0), (DURING_MIX, 140.0), (AFTER_MIX, 99.0)):
            made.note(what, name, value)
    for name in (SLOW, FAST) if peers else ():
        _rounds(made, "storm", name, 50.0, 900.0 if name == FAST else 4_000.0)
    return made


def _rounds(made: Figures, operation: str, name: str, rate: float, p99: float) -> None:
    """The machine was a tenth slower in the second round, for everybody."""
    for pace in (1.0, 0.9, 1.0):
        made.add(operation, name, Measured(rate * pace, p99 / 2, p99 / pace, 120.0))
