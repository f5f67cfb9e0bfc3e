"""The page of a benchmark: every target with its mark, and nothing else on it is touched."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import report
from bench.figures import AFTER_MIX, BARE_INSIDE, STORM_LOGINS, Spread
from bench.load import Measured
from bench.plot import bars
from bench.targets import Target, targets
from tests.bench.made_up import FAST, OURS, figures

_ROWS = (
    "login / bare hash",
    "token check / bare server",
    "refresh / bare statements",
    f"login / {FAST}",
    f"token check / {FAST}",
    f"refresh / {FAST}",
    f"storm, p99 of checks / {FAST}",
    "storm, p99 of checks, ms",
    "storm, logins / logins alone",
    "idle memory, MiB",
    f"{AFTER_MIX}, more than idle",
    "start, s",
)


def test_every_target_is_there_for_each_database_and_reached() -> None:
    found = list(targets(figures()))
    assert [each.what for each in found] == [f"{name}: {row}" for name in OURS for row in _ROWS]
    assert [each.what for each in found if not each.reached] == []


def test_a_noisy_round_changes_no_ratio() -> None:
    by_name = {each.what: each for each in targets(figures())}
    ratio = by_name[f"{OURS[0]}: token check / bare server"].figure
    assert ratio.low == pytest.approx(ratio.high) == pytest.approx(2 / 3)


def test_without_peers_there_are_only_the_targets_without_them() -> None:
    assert len(list(targets(figures(peers=False)))) == len(OURS) * (len(_ROWS) - 4)


@pytest.mark.parametrize(
    ("figure", "at_most", "reached"),
    [(10.0, True, True), (10.1, True, False), (10.0, False, True), (9.9, False, False)],
)
def test_a_bound_is_reached_when_it_is_met(figure: float, at_most: bool, reached: bool) -> None:
    assert Target("t", Spread.of([figure]), 10, at_most=at_most).reached is reached


def test_the_page_marks_what_is_reached_and_what_is_not() -> None:
    made = figures()
    made.measured[STORM_LOGINS][OURS[0]] = [Measured(20.0)] * 3
    page = report.page(made, 7.5)
    assert (
        f"| {OURS[0]}: storm, logins / logins alone | 0.250 (0.250–0.278) | ≥ 0.800 | ✗ |" in page
    )
    assert f"| {OURS[1]}: storm, logins / logins alone | 0.812 | ≥ 0.800 | ✓ |" in page
    assert f"| {OURS[0]}: storm, p99 of checks / {FAST} | 0.0110 | ≤ 0.0111 | ✓ |" in page
    assert "3 rounds in 7.5 minutes" in page
    assert f"token check / {BARE_INSIDE}: denglu, SQLite 0.714" in page


def test_only_what_stands_between_the_marks_is_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "benchmark.md"
    page.write_text(f"# Words\n\n{report.BEGIN}\nold figures\n{report.END}\n\nMore words.\n")
    report.write(page, figures(), 7.5)
    text = page.read_text("utf-8")
    assert text.startswith(f"# Words\n\n{report.BEGIN}\n\n")
    assert text.endswith(f"\n{report.END}\n\nMore words.\n")
    assert "old figures" not in text
    report.write(page, figures(), 7.5)
    assert page.read_text("utf-8").count(report.BEGIN) == 1


def test_a_page_without_marks_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "benchmark.md"
    page.write_text("# Words\n")
    with pytest.raises(SystemExit, match="a mark is missing"):
        report.write(page, figures(), 7.5)
    assert page.read_text() == "# Words\n"


def test_the_plot_is_xml_and_has_a_bar_for_everybody() -> None:
    drawn = ElementTree.fromstring(bars(figures()))
    said = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {*OURS, FAST, "bare server"} <= set(said)
