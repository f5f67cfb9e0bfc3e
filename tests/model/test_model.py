"""Members, thieves, operators and machines do what they like: the server keeps its promises.

``DENGLU_MODEL_SEED=7`` begins with the round of that seed, such as a failure names.
``DENGLU_MODEL_EXAMPLES=20`` runs fewer, or more.
"""

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.model import mutants
from tests.model.house import MARK, House, at_home, holds_secret
from tests.model.limits import Budget, Lock
from tests.model.running import run, run_round
from tests.model.truths import most_within

_SEED = int(os.environ.get("DENGLU_MODEL_SEED", "1"))
_EXAMPLES = int(os.environ.get("DENGLU_MODEL_EXAMPLES", "500"))
_NEVER = 10**6
_OPINION = ("model", "sessions", "limits")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with at_home(tmp_path) as opened:
        yield opened


def test_whatever_people_do_the_server_does_what_was_promised(house: House) -> None:
    run(house, _SEED, _EXAMPLES)


def test_one_mobile_at_two_merchants_is_two_people_to_whom_the_server_keeps_its_promises(
    tmp_path: Path,
) -> None:
    with at_home(tmp_path, has_merchant=True) as house:
        run(house, _SEED, max(10, _EXAMPLES // 5), namesakes=True)


@pytest.mark.parametrize(("mutant", "seed"), [(mutants.merchant, 1), (mutants.namesake, 1)])
def test_a_server_that_takes_one_for_the_other_is_found_out(
    tmp_path: Path, mutant: Callable[[], None], seed: int
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "home").mkdir()
    with (
        mutants.broken(tmp_path / "code", mutant),
        at_home(tmp_path / "home", has_merchant=True) as house,
        pytest.raises(AssertionError, match="promise"),
    ):
        run_round(house, seed, shrink=False, trouble_in=_NEVER, namesakes=True)


# One round each: with this seed the story comes up in which it shows.
@pytest.mark.parametrize(
    ("mutant", "seed", "found"),
    [
        (mutants.rotation, 1, "OK, and refresh_invalid was promised"),
        (mutants.code, 1, "compared against promise"),
        (mutants.limits, 2, "compared against promise"),
        (mutants.replacement, 1, "are live"),
        (mutants.logout, 2, "is good against promise"),
        (mutants.reset, 2, "is good against promise"),
        (mutants.amnesia, 2, "was promised"),
        (mutants.clock, 1, "OK, and sms_too_frequent was promised"),
    ],
)
def test_a_broken_server_is_found_out(
    tmp_path: Path, mutant: Callable[[], None], seed: int, found: str
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "home").mkdir()
    # What is forgotten with a process shows only where there is a next one.
    trouble_in = 1 if mutant is mutants.amnesia else _NEVER
    with (
        mutants.broken(tmp_path / "code", mutant),
        at_home(tmp_path / "home") as house,
        pytest.raises(AssertionError, match=found) as caught,
    ):
        run_round(house, seed, shrink=False, trouble_in=trouble_in)
    story = "\n".join(caught.value.__notes__)
    assert "A asks for a code for register, from home: OK" in story
    assert f"DENGLU_MODEL_SEED={seed}" in story


def test_the_second_opinion_knows_nothing_of_denglu() -> None:
    for name in _OPINION:
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text("utf-8"))
        imported = [
            name
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [str(node.module)]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        ]
        assert not [each for each in imported if each.startswith("denglu")], name


@pytest.mark.parametrize("secret", [f"{MARK}-first", "a-Z0_" * 8 + "abc", "314159"])
def test_a_secret_in_the_log_is_found(secret: str) -> None:
    line = '{"time":"2026-01-02T03:04:05.314159Z","message":"%s","duration_ms":314159.314159}'
    assert holds_secret(line % f"code={secret}.", ["314159"])
    assert not holds_secret(line % "all is well: 1314159", ["314159"])


def test_a_budget_has_room_again_when_the_oldest_is_so_old() -> None:
    budget = Budget([(2, 60), (3, 3600)])
    for at in (0, 10):
        assert budget.wait(at) == 0
        assert budget.count(at) == [at + 60, at + 3600]
    assert [budget.wait(at) for at in (10, 59, 60)] == [50, 1, 0]
    budget.count(60)
    assert [budget.wait(at) for at in (60, 70, 3599, 3600)] == [3540, 3530, 1, 0]


def test_a_lock_closes_longer_each_time_until_a_success() -> None:
    lock = Lock(2, 60, [100, 200])
    for at, closed in ((0, 0), (59, 100), (200, 0), (210, 200), (500, 0), (501, 200)):
        assert lock.wait(at) == 0
        lock.fail(at)
        assert lock.wait(at) == closed
    lock.clear()
    assert lock.wait(502) == 0


def test_most_within_is_a_sliding_window() -> None:
    assert most_within([0, 59, 60, 61], 60) == 3
    assert most_within([], 60) == 0
