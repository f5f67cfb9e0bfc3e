"""The table of ``make battery``: no row that is asked for can be passed over in silence."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scripts import battery
from scripts.battery import FIGURE, Row, Table, demanded, main, page, render


def a_report(nodeid: str, *, outcome: str = "passed", **told: str) -> pytest.TestReport:
    """What pytest says about a test that ran."""
    properties: list[tuple[str, Any]] = [(FIGURE, told)] if told else []
    return pytest.TestReport(
        nodeid=nodeid,
        location=("", 0, ""),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=None,
        when="call",
        user_properties=properties,
    )


def a_table(*reports: pytest.TestReport, wanted: Sequence[str] = ("S02", "R01")) -> Table:
    """A table after these tests have run."""
    table = Table(frozenset(wanted))
    for report in reports:
        table.pytest_runtest_logreport(report)
    return table


def test_a_range_of_rows_means_every_row_in_it() -> None:
    assert demanded("S01 P06-P08") == ["S01", "P06", "P07", "P08"]


def test_the_demanded_rows_are_those_that_were_promised() -> None:
    daily, all_of_them = demanded(), demanded(release=True)
    assert len(daily) == len(set(daily)) == 115
    assert len(all_of_them) == len(set(all_of_them)) == 128
    assert {"S13", "P17", "R14", "T10", "I18", "N05", "L07", "F05", "F15", "V01"} <= set(daily)
    assert set(all_of_them) - set(daily) >= {"S05", "R13", "F13", "F17"}


def test_a_row_without_a_test_is_missing() -> None:
    table = a_table(a_report("tests/x.py::test_S02_one"))
    assert {name: row.result for name, row in table.rows.items()} == {
        "S02": "pass",
        "R01": "MISSING",
    }


@pytest.mark.parametrize(
    ("outcomes", "result"),
    [
        (["passed"], "pass"),
        (["passed", "failed", "passed"], "FAIL"),
        (["passed", "skipped"], "SKIPPED"),
        (["skipped", "failed"], "FAIL"),
    ],
)
def test_a_row_is_as_good_as_the_worst_of_its_tests(outcomes: list[str], result: str) -> None:
    reports = [a_report(f"t.py::test_S02_n[{n}::{o}]", outcome=o) for n, o in enumerate(outcomes)]
    assert a_table(*reports).rows["S02"].result == result


def test_a_test_of_two_rows_stands_in_both() -> None:
    table = a_table(a_report("t.py::test_S02_R01_both"))
    assert {row.result for row in table.rows.values()} == {"pass"}


def test_figures_stand_beside_what_was_tried() -> None:
    told = {"row": "S02", "tried": "200 at once", "figure": "5 judged"}
    table = a_table(
        a_report("t.py::test_S02_a[1]", **told),
        a_report("t.py::test_S02_a[2]", **(told | {"figure": "4 judged"})),
        a_report("t.py::test_S02_told_nothing"),
    )
    assert table.rows["S02"].lines() == [
        ("200 at once", "5 judged; 4 judged"),
        ("and 1 test of its parts", ""),
    ]
    assert "S02  pass     200 at once" in render(table.rows.values())


def test_what_told_nothing_is_named_by_its_words() -> None:
    table = a_table(*(a_report(f"t.py::test_S02_many_wrong_codes[{n}]") for n in range(3)))
    assert table.rows["S02"].lines() == [("many wrong codes", "3 cases")]


def test_rows_stand_in_the_order_of_the_battery() -> None:
    text = render(Row(name) for name in ("F01", "R01", "S02", "S01"))
    assert [line[:3] for line in text.splitlines()] == ["row", "S01", "S02", "R01", "F01"]


def test_a_page_holds_every_row_with_its_figure() -> None:
    told = {"row": "S02", "tried": "200 | at once", "figure": "5 judged"}
    text = page(a_table(a_report("t::test_S02_a", **told)).rows.values(), times=3, seconds=60.4)
    assert "| S02 | pass | 200 \\| at once | 5 judged |" in text
    assert "| R01 | MISSING | - |  |" in text
    assert "in 60 s, the last of 3 that passed in a row." in text


def test_three_times_in_a_row_means_three_runs_that_all_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun: list[list[str]] = []

    def run(words: list[str]) -> subprocess.CompletedProcess[str]:
        begun.append(words[3:])
        return subprocess.CompletedProcess(words, 0 if len(begun) < 3 else 1)

    def inside(arguments: list[str], plugins: list[Any]) -> int:
        plugins[0]._table.rows.clear()
        return 0

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(pytest, "main", inside)
    monkeypatch.setattr(battery, "PAGE", tmp_path / "battery.md")
    assert main(["--times", "3"]) == 0
    assert begun == [["--no-page"], ["--no-page"]]
    assert "3 that passed in a row" in (tmp_path / "battery.md").read_text()
    assert main(["--times", "3"]) == 1


@pytest.mark.parametrize(("outcome", "code"), [("passed", 0), ("failed", 1), (None, 1)])
def test_the_exit_code_says_whether_every_row_passed(
    monkeypatch: pytest.MonkeyPatch, outcome: str | None, code: int
) -> None:
    def run(arguments: list[str], plugins: list[Any]) -> int:
        if outcome is not None:
            plugins[0]._table.pytest_runtest_logreport(a_report("t::test_S02_x", outcome=outcome))
        return 1 if outcome == "failed" else 0

    monkeypatch.setattr(pytest, "main", run)
    assert main(["S02"]) == code


def test_what_is_no_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["help"])
    assert refused.value.code == 2
    assert "no row: help" in capsys.readouterr().err
