"""Runs every attack and fault row, and prints a table: row, what was tried, figure, result.

    python -m scripts.battery            all rows
    python -m scripts.battery S02 R01    some rows

A row is a test named after it (``test_S02_parallel_code_guess``), wherever it stands below
``tests``. A row that is asked for and has no test is MISSING. The exit code is 1 unless every
row passed.
"""

import itertools
import re
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest

# The name of the plugin: where it is registered, measurements run too.
TABLE = "denglu-battery"
# What a test tells the table: (FIGURE, {"row": ..., "tried": ..., "figure": ...}).
FIGURE = "battery-figure"
_DEMANDED = (
    "S01 S02 S06-S13 S17 P11-P17 E01 E02 E05 R01-R04 R07-R14 T01-T08 I01-I07 I09 I11-I13 "
    "I15 N01-N03 N09 N10 N12 L01-L03 F01 F02 F04 F08-F15"
)
_ROW = re.compile(r"^test((?:_[A-Z][0-9]{2})+)_")
# The order of the families in the battery: codes, passwords, names, races, tokens, ...
_FAMILIES = "SPERTINLF"
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

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._documented: dict[str, str] = {}
        self.rows: dict[str, Row] = {name: Row(name) for name in wanted or demanded()}
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


def demanded(text: str = _DEMANDED) -> list[str]:
    """The rows that must have a test: ``S06-S08`` means S06, S07 and S08."""
    names: list[str] = []
    for part in text.split():
        first, _, last = part.partition("-")
        family, low = first[0], int(first[1:])
        high = int(last[1:]) if last else low
        names += [f"{family}{number:02d}" for number in range(low, high + 1)]
    return names


def render(rows: Iterable[Row]) -> str:
    """The table as text."""
    cells = [("row", "result", "tried", "figure")]
    for row in sorted(rows, key=lambda row: (_FAMILIES.find(row.name[0]), row.name)):
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


def main(arguments: Sequence[str]) -> int:
    """Run, print, and say with the exit code whether all is well."""
    unknown = [name for name in arguments if not re.fullmatch(r"[A-Z][0-9]{2}", name)]
    if unknown:
        print(f"no row: {' '.join(unknown)}; write rows such as S02 or R01", file=sys.stderr)
        return 2
    begun = time.monotonic()
    table = Table(frozenset(arguments))
    manager = _Plugins(table)
    code = pytest.main(["-q", "--no-header", "tests"], plugins=[manager])
    print(f"\n{render(table.rows.values())}\n")
    bad = [row.name for row in table.rows.values() if row.result != "pass"]
    for nodeid in table.broken:
        print(f"could not be read: {nodeid}")
    print(
        f"{len(table.rows)} rows, {len(bad)} not passed"
        + (f" ({' '.join(sorted(bad))})" if bad else "")
        + f", {time.monotonic() - begun:.0f} s"
    )
    return 1 if bad or table.broken or code not in (0, pytest.ExitCode.NO_TESTS_COLLECTED) else 0


class _Plugins:
    """Registers the table under its name, which tells the tests to measure as well."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def pytest_configure(self, config: pytest.Config) -> None:
        """Called when pytest is ready for more plugins."""
        config.pluginmanager.register(self._table, TABLE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
