"""The page: what was measured, what it says against the targets, and a plot of it."""

import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import plot
from bench.figures import (
    BARE,
    BARE_INSIDE,
    CALM_LOGINS,
    STORM_LOGINS,
    Figures,
    Spread,
    ratios,
    shown,
)
from bench.load import Measured
from bench.targets import targets

BEGIN, END = "<!-- figures of `make bench`: begin -->", "<!-- figures of `make bench`: end -->"
_OPERATIONS = {
    "check": "token check",
    "verify": "verify-access-token",
    "login": "login, right password",
    "refresh": "refresh, chained",
    "sms-code": "sms-code, to the outbox",
    "mobile-login": "mobile-login",
    "mix": "mix: 80 % check, 12 % refresh, 6 % login, 2 % sms-code",
    "storm": "storm: checks at 50 a second while logins saturate",
    CALM_LOGINS: "storm: logins alone, just before",
    STORM_LOGINS: "storm: the logins meanwhile",
}
# What stands above a column, and the figure of a round in it.
_COLUMNS: dict[str, Callable[[Measured], float]] = {
    "per second": lambda round_: round_.rate,
    "p50, ms": lambda round_: round_.p50,
    "p99, ms": lambda round_: round_.p99,
    "peak memory, MiB": lambda round_: round_.peak,
}


def page(figures: Figures, minutes: float) -> str:
    """Markdown: the machine, the targets, every figure."""
    rounds = max(len(each) for each in figures.measured["check"].values())
    told = f"{rounds} round{'s' if rounds > 1 else ''} in {minutes:.1f} minutes"
    about = f"{machine()}, {figures.about}; load {figures.load:.1f} when it began; {told}."
    parts = [about, _targets(figures), _stricter(figures), _memory()]
    return "\n\n".join([*parts, *_tables(figures)]) + "\n"


def _targets(figures: Figures) -> str:
    lines = []
    for each in targets(figures):
        bound = f"{'≤' if each.at_most else '≥'} {shown(each.bound)}"
        lines.append([each.what, str(each.figure), bound, "✓" if each.reached else "✗"])
    return _table(["what", "median (smallest–largest)", "target", "reached"], lines)


def _stricter(figures: Figures) -> str:
    """The second ceiling of a token check, which is no target."""
    told = [
        f"{name} {ratios(figures.rate('check', name), figures.rate('check', BARE_INSIDE))}"
        for name in figures.measured["check"]
        if name.startswith("denglu")
    ]
    plain = ratios(figures.rate("check", BARE_INSIDE), figures.rate("check", BARE))
    return (
        f"A stricter ceiling, beside the targets: token check / {BARE_INSIDE}: "
        f"{'; '.join(told)}. That bare app / {BARE}: {plain}."
    )


def _memory() -> str:
    return (
        "Hashing a password needs 19 MiB for each hashing thread while it lasts, by the parameters "
        "of Argon2id; they are given back a second after the last hash. The peaks hold them, the "
        "memory after the mix does not."
    )


def _tables(figures: Figures) -> Iterator[str]:
    for operation, title in _OPERATIONS.items():
        lines = [
            [name, *(_cell([value(each) for each in rounds]) for value in _COLUMNS.values())]
            for name, rounds in figures.measured.get(operation, {}).items()
        ]
        yield f"**{title}**\n\n" + _table(["", *_COLUMNS], lines)
    lines = [
        [name, *(_cell(column.get(name, ())) for column in figures.single.values())]
        for name in next(iter(figures.single.values()))
    ]
    yield "**start and memory**\n\n" + _table(["", *figures.single], lines)


def _cell(values: Sequence[float]) -> str:
    """A ceiling has no latencies, a peer no mix: an empty cell."""
    return str(Spread.of(values)) if any(values) else ""


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *(["--:"] * (len(head) - 1))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def machine() -> str:
    """Processor, memory, kernel and versions."""
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{len(os.sched_getaffinity(0))} cores ({found[1].strip() if found else 'unknown'}), "
        f"{memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"
        f"{_version('node', '--version', 'Node {}')}{_version('wrk', '-v', 'wrk {}')}"
    )


def _version(program: str, option: str, told: str) -> str:
    """What it says of itself; nothing where it is not there."""
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout)
    return ", " + told.format(found[0]) if found else ""


def write(path: Path, figures: Figures, minutes: float) -> None:
    """Put the figures between the marks of the page, and the plot beside it."""
    text = path.read_text("utf-8")
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise SystemExit(f"{path.name} has no place for the figures: a mark is missing")
    path.write_text(f"{before}{BEGIN}\n\n{page(figures, minutes)}\n{END}{after}", "utf-8")
    path.with_suffix(".svg").write_text(plot.bars(figures), "utf-8")
