"""When a gateway is left alone, and who may try it again."""

import pytest

from denglu.sms.circuit import Circuit, Pass


def fail(circuit: Circuit, now: float, times: int = 3) -> None:
    for _ in range(times):
        circuit.leave(Pass.plain, True, now)


def probe(circuit: Circuit, now: float, ill: bool | None) -> None:
    passed = circuit.enter(now)
    assert passed is Pass.probe
    circuit.leave(passed, ill, now)


def test_three_failures_in_a_row_open_it_for_a_quarter_of_a_minute() -> None:
    circuit = Circuit()
    fail(circuit, 100, times=2)
    assert circuit.enter(100) is Pass.plain
    fail(circuit, 100, times=1)
    assert [circuit.enter(now) for now in (100, 114.9)] == [None, None]
    assert not circuit.closed
    assert circuit.enter(115) is Pass.probe


def test_a_good_result_between_failures_starts_the_count_anew() -> None:
    circuit = Circuit()
    for _ in range(5):
        fail(circuit, 0, times=2)
        assert circuit.closed
        circuit.leave(Pass.plain, False, 0)


def test_only_one_probes_and_a_good_probe_closes_it_for_everybody() -> None:
    circuit = Circuit()
    fail(circuit, 0)
    assert [circuit.enter(15) for _ in range(3)] == [Pass.probe, None, None]
    circuit.leave(Pass.probe, False, 16)
    assert [circuit.enter(16) for _ in range(3)] == [Pass.plain] * 3
    fail(circuit, 16, times=2)
    assert circuit.closed


def test_a_bad_probe_opens_it_for_twice_as_long_and_never_longer_than_half_a_minute() -> None:
    circuit, now = Circuit(), 0.0
    fail(circuit, now)
    for pause in (15, 30, 30, 30):
        assert circuit.enter(now + pause - 0.1) is None
        now += pause
        probe(circuit, now, ill=True)
    probe(circuit, now + 30, ill=False)
    fail(circuit, 1000)
    assert circuit.enter(1015) is Pass.probe


def test_a_probe_that_says_nothing_leaves_its_place_to_the_next() -> None:
    circuit = Circuit()
    fail(circuit, 0)
    probe(circuit, 15, ill=None)
    assert not circuit.closed
    probe(circuit, 15, ill=False)
    assert circuit.closed


@pytest.mark.parametrize("ill", [None, True])
def test_who_had_passed_before_it_opened_neither_probes_nor_prolongs(ill: bool | None) -> None:
    circuit = Circuit()
    fail(circuit, 0)
    circuit.leave(Pass.plain, ill, 14)
    assert circuit.enter(15) is Pass.probe
    circuit.leave(Pass.plain, ill, 16)
    assert circuit.enter(16) is None


def test_who_had_passed_before_it_opened_and_was_sent_closes_it() -> None:
    circuit = Circuit()
    fail(circuit, 0)
    circuit.leave(Pass.plain, False, 2)
    assert circuit.enter(2) is Pass.plain


def test_a_result_that_says_nothing_does_not_count() -> None:
    circuit = Circuit()
    for _ in range(10):
        circuit.leave(Pass.plain, None, 0)
    fail(circuit, 0, times=2)
    circuit.leave(Pass.plain, None, 0)
    fail(circuit, 0, times=1)
    assert not circuit.closed
