"""The table of ``make battery``: no row that is asked for can be passed over in silence."""

from collections.abc import Sequence
from typing import Any

import pytest

from scripts.battery import FIGURE, Row, Table, demanded, main, render


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
    rows = demanded()
    assert len(rows) == len(set(rows)) == 73
    assert {"S13", "P17", "R13", "T08", "I15", "N10", "L03", "F08", "F15"} <= set(rows)


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
    assert main(["--help"]) == 2
    assert "no row: --help" in capsys.readouterr().err
