"""Runs every attack and fault row, and prints a table: row, what was tried, figure, result.

    python -m scripts.battery            all rows of every day; writes docs/battery.md
    python -m scripts.battery --times 3  the same, three times in a row
    python -m scripts.battery --release  the rows of a release too: minutes of load each
    python -m scripts.battery S02 R01    some rows

A row is a test named after it (``test_S02_parallel_code_guess``), wherever it stands below
``tests``. A row that is asked for and has no test is MISSING. The exit code is 1 unless every
row passed.
"""

import argparse
import itertools
import os
import platform
import re
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# The name of the plugin: where it is registered, measurements run too.
TABLE = "denglu-battery"
# What a test tells the table: (FIGURE, {"row": ..., "tried": ..., "figure": ...}).
FIGURE = "battery-figure"
# What must have a test. Of the rows of a release, those that take minutes are marked so and
# run with ``--release`` or when they are named; the others run every day.
_DAILY = (
    "S01-S04 S06-S14 S16-S18 P01-P04 P06-P17 E01-E07 R01-R12 R14 T01-T10 I01-I18 N01-N12 "
    "L01-L04 L06 L07 F01 F02 F04-F07 F10-F12 F14 F15 V01-V06"
)
_OF_RELEASE = "S05 S15 P05 E08 R13 L05 F03 F08 F09 F13 F16-F18"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "battery.md"
_ROW = re.compile(r"^test((?:_[A-Z][0-9]{2})+)_")
# The order of the families in the battery: codes, passwords, names, races, tokens, ...
_FAMILIES = "SPERTINLFV"
_WORST_FIRST = ("FAIL", "SKIPPED", "pass")
# Columns are wrapped at so many characters.
_WIDTH = 64


@dataclass
class Row:
    """One row of the table."""

    name: str
    # What was tried, and the figures that were told about it.
    told: dict[str, list[str]] = field(default_factory=dict)
    # Tests that told nothing: what they try, and in how many cases.
    silent: Counter[str] = field(default_factory=Counter)
    outcomes: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        """The worst of its tests, or MISSING."""
        return next((worst for worst in _WORST_FIRST if worst in self.outcomes), "MISSING")

    def lines(self) -> list[tuple[str, str]]:
        """What was tried and the figures, a pair for each line of the table."""
        told = [(tried, "; ".join(figures)) for tried, figures in self.told.items()]
        if told and self.silent:
            return [*told, (f"and {_counted(self.silent.total(), 'test')} of its parts", "")]
        cases = [
            (tried, _counted(count, "case") if count > 1 else "")
            for tried, count in self.silent.items()
        ]
        return told or cases or [("-", "")]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("s" if count > 1 else "")


class Table:
    """A plugin of pytest: keeps the tests of rows, and gathers what they tell."""

    def __init__(self, wanted: frozenset[str], *, release: bool = False) -> None:
        self._wanted = wanted
        self._documented: dict[str, str] = {}
        self.rows: dict[str, Row] = {
            name: Row(name) for name in wanted or demanded(release=release)
        }
        self.broken: list[str] = []

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep what stands for a row that is wanted."""
        kept = [item for item in items if self._rows_of(item.nodeid)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
        for item in kept:
            function = getattr(item, "function", None)
            story = (getattr(function, "__doc__", None) or "").strip().partition("\n")[0]
            self._documented[item.nodeid] = story.rstrip(".")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be read may hold a row."""
        if report.failed:
            self.broken.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test is over."""
        for name in self._rows_of(report.nodeid):
            row = self.rows.setdefault(name, Row(name))
            if report.failed:
                row.outcomes.append("FAIL")
            elif report.skipped:
                row.outcomes.append("SKIPPED")
            elif report.when == "call":
                row.outcomes.append("pass")
            if report.when == "call":
                self._tell(row, report)

    def _tell(self, row: Row, report: pytest.TestReport) -> None:
        told: list[dict[str, str]] = [
            value
            for key, value in report.user_properties
            if key == FIGURE and isinstance(value, dict) and value["row"] == row.name
        ]
        if not told:
            row.silent[self._documented.get(report.nodeid) or _in_words(report.nodeid)] += 1
        for entry in told:
            figures = row.told.setdefault(entry["tried"], [])
            if entry["figure"] and entry["figure"] not in figures:
                figures.append(entry["figure"])

    def _rows_of(self, nodeid: str) -> list[str]:
        found = _ROW.match(_test_of(nodeid))
        names = found[1].strip("_").split("_") if found else []
        return [name for name in names if not self._wanted or name in self._wanted]


def _test_of(nodeid: str) -> str:
    return nodeid.partition("[")[0].rpartition("::")[2]


def _in_words(nodeid: str) -> str:
    return _ROW.sub("", _test_of(nodeid)).replace("_", " ")


def demanded(text: str = "", *, release: bool = False) -> list[str]:
    """The rows that must have a test: ``S06-S08`` means S06, S07 and S08."""
    text = text or (f"{_DAILY} {_OF_RELEASE}" if release else _DAILY)
    names: list[str] = []
    for part in text.split():
        first, _, last = part.partition("-")
        family, low = first[0], int(first[1:])
        high = int(last[1:]) if last else low
        names += [f"{family}{number:02d}" for number in range(low, high + 1)]
    return names


def in_order(rows: Iterable[Row]) -> list[Row]:
    """The rows as the battery has them."""
    return sorted(rows, key=lambda row: (_FAMILIES.find(row.name[0]), row.name))


def render(rows: Iterable[Row]) -> str:
    """The table as text."""
    cells = [("row", "result", "tried", "figure")]
    for row in in_order(rows):
        names = itertools.chain([(row.name, row.result)], itertools.repeat(("", "")))
        for name, (tried, figure) in zip(names, row.lines(), strict=False):
            left, right = textwrap.wrap(tried, _WIDTH), textwrap.wrap(figure, _WIDTH)
            parts = itertools.zip_longest(left, right, fillvalue="")
            first = itertools.chain([name], itertools.repeat(("", "")))
            cells += [(*start, *part) for start, part in zip(first, parts, strict=False)]
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    return "\n".join(
        "  ".join([*map(str.ljust, line[:3], widths), line[3]]).rstrip() for line in cells
    )


def page(rows: Iterable[Row], *, times: int, seconds: float) -> str:
    """The table as a document."""
    lines = [
        "# The battery",
        "",
        "Every attack and every fault that denglu is held to, what was tried and what came out.",
        "`make battery` writes this page; [SECURITY.md](../SECURITY.md) says what is promised and",
        "which rows stand behind it. Rows that are judged by time report it and fail nothing.",
        "",
        f"Run on {time.strftime('%Y-%m-%d')}, {_machine()}, in {seconds:.0f} s"
        + (f", the last of {times} that passed in a row." if times > 1 else "."),
        "",
        "| row | result | tried | figure |",
        "| --- | --- | --- | --- |",
    ]
    for row in in_order(rows):
        names = itertools.chain([(row.name, row.result)], itertools.repeat(("", "")))
        for (name, result), (tried, figure) in zip(names, row.lines(), strict=False):
            lines.append(f"| {name} | {result} | {_cell(tried)} | {_cell(figure)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, Python {platform.python_version()}, {platform.system()}"


def main(arguments: Sequence[str]) -> int:
    """Run, print, and say with the exit code whether all is well."""
    given = _read(arguments)
    for earlier in range(1, given.times):
        again = [word for word in arguments if word not in ("--times", str(given.times))]
        print(f"run {earlier} of {given.times}", flush=True)
        done = subprocess.run([sys.executable, "-m", "scripts.battery", *again, "--no-page"])
        if done.returncode:
            return done.returncode
    begun = time.monotonic()
    table = Table(frozenset(given.rows), release=given.release)
    manager = _Plugins(table)
    # What takes minutes runs where it was asked for.
    long_ones = ["-m", ""] if given.release or given.rows else []
    code = pytest.main(["-q", "--no-header", *long_ones, "tests"], plugins=[manager])
    seconds = time.monotonic() - begun
    print(f"\n{render(table.rows.values())}\n")
    bad = [row.name for row in table.rows.values() if row.result != "pass"]
    for nodeid in table.broken:
        print(f"could not be read: {nodeid}")
    print(
        f"{len(table.rows)} rows, {len(bad)} not passed"
        + (f" ({' '.join(sorted(bad))})" if bad else "")
        + f", {seconds:.0f} s"
    )
    if not given.rows and not given.no_page:
        PAGE.write_text(page(table.rows.values(), times=given.times, seconds=seconds), "utf-8")
    return 1 if bad or table.broken or code not in (0, pytest.ExitCode.NO_TESTS_COLLECTED) else 0


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", type=_row, metavar="ROW")
    parser.add_argument("--release", action="store_true", help="the rows of a release too")
    parser.add_argument("--times", type=int, default=1, choices=range(1, 10), metavar="N")
    parser.add_argument("--no-page", action="store_true", help="leave docs/battery.md as it is")
    return parser.parse_args(arguments)


def _row(text: str) -> str:
    if not re.fullmatch(r"[A-Z][0-9]{2}", text):
        raise argparse.ArgumentTypeError(f"no row: {text}; write rows such as S02 or R01")
    return text


class _Plugins:
    """Registers the table under its name, which tells the tests to measure as well."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def pytest_configure(self, config: pytest.Config) -> None:
        """Called when pytest is ready for more plugins."""
        config.pluginmanager.register(self._table, TABLE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
