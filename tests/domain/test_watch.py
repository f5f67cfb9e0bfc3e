"""What is suspicious about a whole site, and when an operator is told so (again)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from denglu.domain.limits import Rate
from denglu.domain.watch import Alarms, Alert, Ledger, Sight

NOW = 1_750_000_000
SHIPPED = Alarms((Rate(1000, 300),), (Rate(100, 300),))
FAILED, COMPARED, WRONG = Sight.login_failed, Sight.code_compared, Sight.code_wrong


def ledger(now: int = NOW, alarms: Alarms = SHIPPED, **seen: int) -> Ledger:
    """A ledger with so many of each, all seen now."""
    more = {(alarms.slot(now), Sight[name].value): count for name, count in seen.items()}
    return alarms.added(Ledger(), more, now)


@pytest.mark.parametrize(("failed", "on"), [(1000, False), (1001, True)])
def test_P05_more_than_a_thousand_wrong_passwords_are_suspicious(failed: int, on: bool) -> None:
    assert SHIPPED.logins(ledger(login_failed=failed), NOW) is on


@pytest.mark.parametrize(
    ("compared", "wrong", "on"),
    [(99, 99, False), (100, 50, False), (100, 51, True), (101, 51, True), (1000, 500, False)],
)
def test_S05_more_than_half_of_a_hundred_codes_wrong_is_guessing(
    compared: int, wrong: int, on: bool
) -> None:
    assert SHIPPED.codes(ledger(code_compared=compared, code_wrong=wrong), NOW) is on


@pytest.mark.parametrize("later", range(5))
def test_what_was_seen_counts_for_its_window_and_a_slot_longer_at_the_most(later: int) -> None:
    seen = ledger(NOW + later, login_failed=1001)
    assert SHIPPED.logins(seen, NOW + later + 299)
    assert not SHIPPED.logins(seen, NOW + later + 305)
    assert SHIPPED.added(seen, {}, NOW + later + 305) == Ledger()


def test_what_happens_over_minutes_is_added_up() -> None:
    seen = Ledger()
    for second in range(0, 290, 10):
        now = NOW + second
        seen = SHIPPED.added(seen, {(SHIPPED.slot(now), FAILED.value): 35}, now)
    assert SHIPPED.logins(seen, NOW + 290)
    assert len(seen.counts) == 29


def test_any_rate_is_enough_and_each_has_its_own_window() -> None:
    both = Alarms((Rate(10, 60), Rate(50, 3600)), (Rate(100, 300),))
    assert both.logins(ledger(alarms=both, login_failed=11), NOW)
    slow = Ledger()
    for minute in range(51):
        now = NOW + 60 * minute
        slow = both.added(slow, {(both.slot(now), FAILED.value): 1}, now)
    assert both.logins(slow, now)
    assert not both.logins(slow, now + 3600)


@given(st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(list(Sight))), max_size=300))
def test_a_ledger_is_read_as_it_was_written(
    sights: list[tuple[int, Sight]],
) -> None:
    seen = Ledger({}, {Alert.code_guessing.value: NOW})
    for second, what in sorted(sights):
        now = NOW + second
        seen = SHIPPED.added(seen, {(SHIPPED.slot(now), what.value): 1}, now)
        assert Ledger.load(seen.dump()) == seen


def test_a_ledger_stays_small() -> None:
    seen = Ledger()
    for second in range(4000):
        now = NOW + second
        seen = SHIPPED.added(seen, {(SHIPPED.slot(now), what.value): 1 for what in Sight}, now)
    assert len(seen.counts) <= 61 * len(Sight)


def test_nothing_stored_is_an_empty_ledger() -> None:
    assert Ledger.load(None) == Ledger.load("") == Ledger()


def test_P05_an_alert_is_raised_at_once_and_again_after_five_minutes() -> None:
    attacked = ledger(login_failed=5000)
    assert SHIPPED.due(attacked, {}, NOW) == [Alert.login_failures]
    told = Ledger(attacked.counts, {Alert.login_failures.value: NOW})
    assert SHIPPED.due(told, {}, NOW + 299) == []
    later = Ledger(ledger(NOW + 300, login_failed=5000).counts, told.alerts)
    assert SHIPPED.due(later, {}, NOW + 300) == [Alert.login_failures]


def test_S15_what_others_noted_is_raised_beside_what_was_seen() -> None:
    noted = {Alert.sms_budget_half: "", Alert.sms_budget_spent: ""}
    both = ledger(login_failed=5000, code_compared=100, code_wrong=100)
    assert SHIPPED.due(both, noted, NOW) == [Alert.login_failures, Alert.code_guessing, *noted]
    assert SHIPPED.due(Ledger(), noted, NOW) == [Alert.sms_budget_half, Alert.sms_budget_spent]


def test_S15_each_budget_has_an_alert_of_its_own() -> None:
    told = SHIPPED.told(Ledger(), [Alert.sms_budget_spent], {Alert.sms_budget_spent: "hour"}, NOW)
    for about, expected in (
        ("hour", []),
        ("month", [Alert.sms_budget_spent]),
        ("", [Alert.sms_budget_spent]),
    ):
        assert SHIPPED.due(told, {Alert.sms_budget_spent: about}, NOW + 299) == expected
    assert SHIPPED.due(told, {Alert.sms_budget_spent: "hour"}, NOW + 300)


def test_what_an_alert_is_about_does_not_raise_it_again() -> None:
    told = SHIPPED.told(Ledger(), [Alert.sms_pumping], {Alert.sms_pumping: "1380000"}, NOW)
    assert SHIPPED.due(told, {Alert.sms_pumping: "1390000"}, NOW + 299) == []


def test_alerts_of_long_ago_are_forgotten() -> None:
    first = SHIPPED.told(Ledger(), [Alert.sms_budget_half], {Alert.sms_budget_half: "day"}, NOW)
    later = SHIPPED.told(first, [Alert.code_guessing], {}, NOW + 300)
    assert later.alerts == {"code_guessing": NOW + 300}


def test_F12_a_clock_set_back_keeps_no_alert_quiet_and_no_site_suspicious() -> None:
    attacked = ledger(NOW, login_failed=5000)
    told = Ledger(attacked.counts, {Alert.login_failures.value: NOW})
    back = SHIPPED.added(told, {}, NOW - 3600)
    assert back.counts == {}
    again = ledger(NOW - 3600, login_failed=5000)
    assert SHIPPED.due(Ledger(again.counts, told.alerts), {}, NOW - 3600) == [Alert.login_failures]


def test_clocks_that_differ_a_little_are_believed() -> None:
    ahead = {(SHIPPED.slot(NOW + 60), FAILED.value): 1001}
    assert SHIPPED.logins(SHIPPED.added(Ledger(), ahead, NOW), NOW)
    attacked = ledger(NOW, login_failed=5000)
    for second in range(61):
        told = Ledger(attacked.counts, {Alert.login_failures.value: NOW + second})
        assert SHIPPED.due(told, {}, NOW) == []


def test_a_ledger_is_remembered_as_long_as_it_matters() -> None:
    assert SHIPPED.memory == 300 + 5 + 60
    assert Alarms((Rate(1, 60),), (Rate(1, 3600),)).memory == 3600 + 60 + 60
