"""Members, thieves, operators and machines do what they like: the server keeps its promises.

``DENGLU_MODEL_SEED=7`` begins with the round of that seed, such as a failure names.
``DENGLU_MODEL_EXAMPLES=20`` runs fewer, or more.
"""

import ast
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.model import mutants
from tests.model.house import House, at_home
from tests.model.limits import Budget, Lock
from tests.model.running import run
from tests.model.truths import most_within

_SEED = int(os.environ.get("DENGLU_MODEL_SEED", "1"))
_EXAMPLES = int(os.environ.get("DENGLU_MODEL_EXAMPLES", "500"))
# Within so many examples each broken server is found out.
_WITHIN = 30
_NEVER = 10**6
_OF_A_PROMISE = re.compile("promised?|assert")
_OPINION = ("model", "sessions", "limits")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with at_home(tmp_path) as opened:
        yield opened


def test_whatever_people_do_the_server_does_what_was_promised(house: House) -> None:
    run(house, _SEED, _EXAMPLES)


@pytest.mark.parametrize(
    ("mutant", "seed", "trouble_in"),
    [
        (mutants.rotation, 11, _NEVER),
        (mutants.code, 1, _NEVER),
        (mutants.limits, 1, _NEVER),
        (mutants.replacement, 1, _NEVER),
        (mutants.logout, 1, _NEVER),
        (mutants.reset, 1, _NEVER),
        (mutants.amnesia, 1, 1),
        (mutants.clock, 1, _NEVER),
    ],
)
def test_a_broken_server_is_found_out(
    tmp_path: Path, mutant: Callable[[], None], seed: int, trouble_in: int
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "home").mkdir()
    with mutants.broken(tmp_path / "code", mutant), at_home(tmp_path / "home") as house:
        house.server.expected.append("a request failed")
        with pytest.raises(AssertionError, match=_OF_A_PROMISE):
            run(house, seed, _WITHIN, shrink=False, trouble_in=trouble_in)


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
