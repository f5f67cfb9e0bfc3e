"""The page: what was measured, what it says against the targets, and a plot of it."""

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import plot
from bench.figures import Figures, Spread, ratios, shown
from bench.plan import BARE, HASH, STATEMENTS

_BEGIN, _END = "<!-- figures of `make bench`: begin -->", "<!-- figures of `make bench`: end -->"
_OPERATIONS = {
    "check": "token check",
    "verify": "verify-access-token",
    "login": "login, right password",
    "refresh": "refresh, chained",
    "sms-code": "sms-code, to the outbox",
    "mobile-login": "mobile-login",
    "mix": "mix: 80 % check, 12 % refresh, 6 % login, 2 % sms-code",
    "storm": "storm: checks at 50/s while logins saturate",
    "logins in the storm": "storm: the logins meanwhile",
}


@dataclass(frozen=True)
class Target:
    """One line of what is wanted: a name, the figure, the bound, and whether less is better."""

    what: str
    figure: Spread
    bound: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        middle = self.figure.middle
        return middle <= self.bound if self.at_most else middle >= self.bound


def targets(figures: Figures) -> Iterator[Target]:
    """Every target that this run can speak of."""
    ours = [name for name in figures.measured["check"] if name.startswith("denglu")]
    peers = [n for n in figures.measured["check"] if n not in ours and n != BARE]
    for name in ours:
        yield Target(f"login, {name} / bare hash", _over(figures, "login", name, HASH), 0.95)
        yield Target(
            f"token check, {name} / bare server", _over(figures, "check", name, BARE), 0.65
        )
        bare = f"{STATEMENTS}, {name}"
        yield Target(
            f"refresh, {name} / bare statements", _over(figures, "refresh", name, bare), 0.5
        )
        storm = Spread.of(figures.p99("storm", name))
        yield Target(f"storm: check p99, ms, {name}", storm, 10, at_most=True)
        alone = ratios(figures.rate("logins in the storm", name), figures.rate("login", name))
        yield Target(f"storm: logins / logins alone, {name}", alone, 0.8)
        idle = figures.single["idle memory, MiB"][name]
        yield Target(f"idle memory, MiB, {name}", Spread.of(idle), 80, at_most=True)
        more = [
            each - Spread.of(idle).middle
            for each in figures.single["memory after the mix, MiB"][name]
        ]
        yield Target(f"more memory after the mix, MiB, {name}", Spread.of(more), 30, at_most=True)
        yield Target(
            f"start, s, {name}", Spread.of(figures.single["start, s"][name]), 0.8, at_most=True
        )
    if peers:
        yield from _against(figures, ours, peers)


def _against(figures: Figures, ours: Sequence[str], peers: Sequence[str]) -> Iterator[Target]:
    for name in ours:
        for operation, bound in (("login", 4), ("check", 40)):
            best = max(peers, key=lambda peer: Spread.of(figures.rate(operation, peer)).middle)
            figure = _over(figures, operation, name, best)
            yield Target(f"{operation}, {name} / {best}", figure, bound)
        best = max(peers, key=lambda peer: Spread.of(figures.rate("check", peer)).middle)
        refresh = ratios(figures.rate("refresh", name), figures.rate("check", best))
        yield Target(f"refresh, {name} / {best}, check", refresh, 8)
        calm = min(peers, key=lambda peer: Spread.of(figures.p99("storm", peer)).middle)
        share = ratios(figures.p99("storm", name), figures.p99("storm", calm))
        yield Target(f"storm: check p99, {name} / {calm}", share, 1 / 90, at_most=True)


def _over(figures: Figures, operation: str, ours: str, theirs: str) -> Spread:
    return ratios(figures.rate(operation, ours), figures.rate(operation, theirs))


def page(figures: Figures, minutes: float) -> str:
    """Markdown: the machine, the targets, every figure."""
    parts = [f"{machine()}; {minutes:.0f} minutes.", _targets(figures), *_tables(figures)]
    return "\n\n".join(parts) + "\n"


def _targets(figures: Figures) -> str:
    lines = ["| what | median (smallest–largest) | target | |", "| --- | --: | --: | --- |"]
    for each in targets(figures):
        bound = f"{'≤' if each.at_most else '≥'} {each.bound:.3g}"
        lines.append(f"| {each.what} | {each.figure} | {bound} | {'✓' if each.reached else '✗'} |")
    return "\n".join(lines)


def _tables(figures: Figures) -> Iterator[str]:
    for operation, title in _OPERATIONS.items():
        lines = ["| | per second | p50, ms | p99, ms |", "| --- | --: | --: | --: |"]
        for name, rounds in figures.measured.get(operation, {}).items():
            times = [
                Spread.of([getattr(each, which) for each in rounds]) for which in ("p50", "p99")
            ]
            told = ["" if time.high == 0 else str(time) for time in times]
            rate = Spread.of([each.rate for each in rounds])
            lines.append(f"| {name} | {rate} | {told[0]} | {told[1]} |")
        yield f"**{title}**\n\n" + "\n".join(lines)
    names = list(figures.single["start, s"])
    columns = list(figures.single)
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --: |" * len(columns)]
    for name in names:
        values = [figures.single[column].get(name) for column in columns]
        told = [shown(Spread.of(each).middle) if each else "" for each in values]
        lines.append(f"| {name} | " + " | ".join(told) + " |")
    yield "**start and memory** (all processes of a contender together)\n\n" + "\n".join(lines)


def machine() -> str:
    """Processor, memory, kernel and versions."""
    about = Path("/proc/cpuinfo").read_text()
    found = re.search(r"model name\s*:\s*(.+)", about)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    return (
        f"{len(os.sched_getaffinity(0))} cores ({found[1].strip() if found else 'unknown'}), "
        f"{memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}, "
        f"{' '.join(wrk.split()[:2])}, load {load:.1f} at the end"
    )


def write(path: Path, figures: Figures, minutes: float) -> None:
    """Put the figures between the marks of the page, and the plot beside it."""
    text = path.read_text("utf-8")
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    body = f"{_BEGIN}\n\n{page(figures, minutes)}\n{_END}"
    path.write_text(before + body + after, "utf-8")
    path.with_suffix(".svg").write_text(plot.bars(figures), "utf-8")
