"""The figures of a run as Markdown: for the terminal, and between two marks of a document."""

import os
import platform
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.scale_blocks import CONCURRENCY, Pace
from bench.scale_measure import Cost, Costs

_MARKS = ("<!-- figures of `make scale`: begin -->", "<!-- figures of `make scale`: end -->")
_TITLES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
_PARTS = ("denglu", "database", "log")
_GIB = 1 << 30


@dataclass
class Run:
    """What was found out about one kind of database."""

    kind: str
    version: str
    filled: dict[int, float] = field(default_factory=dict)
    bytes: dict[int, dict[str, int]] = field(default_factory=dict)
    costs: Costs = field(default_factory=dict)
    trips: dict[str, float] = field(default_factory=dict)
    paces: dict[tuple[str, int], Pace] = field(default_factory=dict)
    extras: list[tuple[str, Cost]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def report(runs: Sequence[Run], words: str) -> str:
    """Everything, as one text. ``words``: the command line and the load."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    head = [
        f"{words}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB of memory,"
        f" {_huge_pages()}, Python {platform.python_version()},"
        f" {', '.join(run.version for run in runs)}.",
    ]
    parts = [line for run in runs for line in _about(run)]
    return "\n".join([*head, "", *parts]).rstrip() + "\n"


def _huge_pages() -> str:
    found = re.search(r"HugePages_Total:\s+(\d+)", Path("/proc/meminfo").read_text())
    return "huge pages reserved" if found and int(found[1]) else "no huge pages"


def write(text: str, page: Path) -> None:
    """Put the figures between the marks of a page."""
    before, _, rest = page.read_text("utf-8").partition(_MARKS[0])
    _, mark, after = rest.partition(_MARKS[1])
    if not mark:
        raise SystemExit(f"{page}: the marks for the figures are missing")
    page.write_text(f"{before}{_MARKS[0]}\n\n{text}\n{mark}{after}", "utf-8")


def _about(run: Run) -> list[str]:
    lines = [f"### {_TITLES[run.kind]}", "", *(f"Left out: {why}." for why in run.left_out)]
    lines += ["", *_costs(run), "", *_sizes(run), ""]
    if run.paces:
        lines += [*_paces(run), ""]
    if run.extras:
        lines += [*_extras(run), ""]
    return lines


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    ruler = ["---", *("--:" for _ in head[1:])]
    return ["| " + " | ".join(cells) + " |" for cells in (head, ruler, *rows)]


def _costs(run: Run) -> list[str]:
    head = ["operation, µs", "members", "clock", "denglu CPU"]
    # SQLite has no process of its own, and no log whose length it tells.
    head += ["database CPU", "log bytes"] if run.kind == "postgresql" else []
    rows = [
        [
            *(name, f"{size:,}", _spread([cost.clock for cost in costs])),
            *(_median(costs, of) for of in _PARTS[: len(head) - 3]),
            f"{_ratio(by_size, size, lambda cost: cost.clock):.2f}",
            f"{_ratio(by_size, size, lambda cost: cost.denglu + cost.database):.2f}",
        ]
        for name, by_size in run.costs.items()
        for size, costs in by_size.items()
    ]
    return _table([*head, "clock ratio", "CPU ratio"], rows)


def _spread(values: Sequence[float]) -> str:
    """The median, and the quartiles: half of the rounds lie between them."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:,.0f} ({low:,.0f}–{high:,.0f})"


def _median(costs: Sequence[Cost], of: str) -> str:
    return f"{statistics.median(getattr(cost, of) for cost in costs):,.0f}"


def _ratio(costs: dict[int, list[Cost]], size: int, of: Callable[[Cost], float]) -> float:
    """To the smallest: the median of the rounds' ratios, each of two blocks side by side."""
    first = costs[min(costs)]
    return statistics.median(of(b) / of(a) for a, b in zip(first, costs[size], strict=True))


def _sizes(run: Run) -> list[str]:
    sizes = list(run.bytes)
    head = ["bytes per member", *(f"{size:,}" for size in sizes)]
    names = sorted(run.bytes[sizes[-1]])
    rows = [[f"`{name}`", *(f"{run.bytes[n].get(name, 0) / n:,.0f}" for n in sizes)]
            for name in names if run.bytes[sizes[-1]][name] / sizes[-1] >= 1]  # fmt: skip
    totals = {n: sum(run.bytes[n].values()) for n in sizes}
    rows.append(["**together**", *(f"**{totals[n] / n:,.0f}**" for n in sizes)])
    rows.append(["the whole database, GiB", *(f"{totals[n] / _GIB:,.2f}" for n in sizes)])
    rows.append(["filled in, s", *(f"{run.filled.get(n, 0):,.0f}" for n in sizes)])
    return _table(head, rows)


def _paces(run: Run) -> list[str]:
    processes = sorted({count for _, count in run.paces})
    head = ["operations per second", *(f"{n} process{'es' * (n > 1)}" for n in processes),
            "denglu CPU, µs", "round trips"]  # fmt: skip
    rows = []
    for name in run.costs:
        paces = [run.paces[name, n] for n in processes]
        trips = run.trips.get(name)
        rows.append([name, *(_paced(pace) for pace in paces), f"{paces[0].cpu:,.0f}",
                     "–" if trips is None else f"{trips:g}"])  # fmt: skip
    note = f"{CONCURRENCY} operations at once in each process; database and denglu share the cores."
    if run.kind == "sqlite":
        note += " Nobody writes during the token checks, so they come from memory."
    return [*_table(head, rows), "", note]


def _paced(pace: Pace) -> str:
    return f"{pace.rate:,.0f}" + (f" (and {pace.busy:,.0f} told `busy`)" if pace.busy else "")


def _extras(run: Run) -> list[str]:
    head = ["once more, µs", "on the clock", "denglu CPU", "database CPU", "log bytes"]
    rows = [
        [name, *(f"{value:,.0f}" for value in (cost.clock, cost.denglu, cost.database, cost.log))]
        for name, cost in run.extras
    ]
    return [*_table(head, rows), "", *run.notes]
