"""Figures of a benchmark: how they are shown, and what they say of each other."""

from functools import partial

import pytest

from bench.figures import Figures, Spread, ratios, shown
from bench.load import Measured, WrongAnswer


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.000123456, "0.000123"),
        (1 / 90, "0.0111"),
        (0.8, "0.800"),
        (4, "4.00"),
        (12.34, "12.3"),
        (99.96, "100.0"),
        (456.7, "457"),
        (32892.9, "32,893"),
        (-3.14159, "-3.14"),
    ],
)
def test_a_figure_is_shown_with_three_digits_that_matter(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_spread_is_the_median_between_the_extremes() -> None:
    spread = Spread.of([3.0, 1.0, 2.0])
    assert (spread.middle, spread.low, spread.high) == (2.0, 1.0, 3.0)
    assert str(spread) == "2.00 (1.00–3.00)"


def test_a_figure_that_was_taken_once_has_no_spread() -> None:
    assert str(Spread.of([2.0])) == "2.00"


def test_a_ratio_is_of_one_round_so_that_a_noisy_one_disturbs_both() -> None:
    assert ratios([100.0, 50.0, 100.0], [200.0, 100.0, 200.0]) == Spread(0.5, 0.5, 0.5)


def test_rounds_are_taken_in_turn_and_every_other_one_backwards() -> None:
    asked: list[str] = []

    def measured(name: str) -> Measured:
        asked.append(name)
        return Measured(float(len(asked)))

    figures = Figures()
    figures.take("check", 3, {name: partial(measured, name) for name in "AB"})
    assert asked == ["A", "B", "B", "A", "A", "B"]
    assert figures.rate("check", "A") == [1, 4, 5]


def test_a_wrong_answer_ends_the_run_with_the_name_of_who_gave_it() -> None:
    def wrong() -> Measured:
        raise WrongAnswer("500 oh")

    with pytest.raises(SystemExit, match="login, somebody: 500 oh"):
        Figures().take("login", 1, {"somebody": wrong})


def test_who_answers_nothing_at_all_ends_the_run_as_well() -> None:
    with pytest.raises(SystemExit, match="login, somebody: not one answer"):
        Figures().take("login", 1, {"somebody": lambda: Measured(0)})
