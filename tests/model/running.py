"""Runs the machine: many small rounds, each with a seed of its own, the same each time.

Hypothesis begins a run with stories that are all new; later it mostly varies those. New ones
find more here, and a round that found something is soon run again.
"""

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.house import House
from tests.model.machine import Machine

EXAMPLES = 10
"""In a round."""
STEPS = 50


def run(
    house: House,
    first_seed: int,
    examples: int,
    *,
    shrink: bool = True,
    trouble_in: int = 30,
    namesakes: bool = False,
) -> None:
    """As many rounds as make so many examples; see ``run_round``."""
    for number in range(first_seed, first_seed + -(-examples // EXAMPLES)):
        run_round(house, number, shrink=shrink, trouble_in=trouble_in, namesakes=namesakes)
    # Now and then the machine stands still, and an example is given up. Often, it says nothing.
    assert house.stalls <= 1 + examples // 10, f"{house.stalls} of {examples} examples stalled"


def run_round(
    house: House,
    number: int,
    *,
    shrink: bool = True,
    trouble_in: int = 30,
    namesakes: bool = False,
) -> None:
    """Hold the house to the model. Raises AssertionError whose notes tell the steps in words.

    ``number``: the seed. ``trouble_in``: one example in so many has a restart or the like.
    ``namesakes``: one mobile at two merchants, see ``Asking``; the house has merchants then.
    """
    told = {"house": house, "trouble_in": trouble_in, "namesakes": namesakes}
    machine = type("Machine", (Machine,), told)
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    limits = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        phases=phases,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(machine), settings=limits)
    except BaseException as error:
        error.add_note(f"To see it again: DENGLU_MODEL_SEED={number} DENGLU_MODEL_EXAMPLES=10")
        raise
