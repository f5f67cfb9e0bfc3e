"""Periods of budgets, their caps, and as how many messages a text is billed."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from denglu.domain.spend import Cap, Kind, parts_of

CHINA = 8


def at(text: str, offset: int = CHINA) -> int:
    """Unix seconds of a local time."""
    local = datetime.fromisoformat(text).replace(tzinfo=timezone(timedelta(hours=offset)))
    return int(local.timestamp())


@pytest.mark.parametrize(
    ("kind", "now", "starts", "ends"),
    [
        (Kind.hour, "2026-03-01T09:59:59", "2026-03-01T09:00:00", "2026-03-01T10:00:00"),
        (Kind.hour, "2026-03-01T10:00:00", "2026-03-01T10:00:00", "2026-03-01T11:00:00"),
        (Kind.day, "2026-03-01T00:00:00", "2026-03-01T00:00:00", "2026-03-02T00:00:00"),
        (Kind.day, "2026-03-01T23:59:59", "2026-03-01T00:00:00", "2026-03-02T00:00:00"),
        (Kind.day, "2026-12-31T12:00:00", "2026-12-31T00:00:00", "2027-01-01T00:00:00"),
        (Kind.month, "2026-01-31T23:59:59", "2026-01-01T00:00:00", "2026-02-01T00:00:00"),
        (Kind.month, "2026-02-01T00:00:00", "2026-02-01T00:00:00", "2026-03-01T00:00:00"),
        (Kind.month, "2026-12-31T23:59:59", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        (Kind.month, "2028-02-29T12:00:00", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
        (Kind.month, "2100-02-28T12:00:00", "2100-02-01T00:00:00", "2100-03-01T00:00:00"),
        (Kind.month, "2026-04-30T23:00:00", "2026-04-01T00:00:00", "2026-05-01T00:00:00"),
    ],
)
def test_S15_a_period_begins_and_ends_by_the_calendar(
    kind: Kind, now: str, starts: str, ends: str
) -> None:
    assert kind.span(at(now), CHINA) == (at(starts), at(ends))


def test_a_month_begins_where_the_settings_say_whatever_the_machine_thinks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = Kind.month.span(1_764_600_000, 8)
    try:
        monkeypatch.setenv("TZ", "America/Adak")
        time.tzset()
        assert Kind.month.span(1_764_600_000, 8) == here
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_leap_february_has_29_days() -> None:
    lengths = {
        year: Kind.month.span(at(f"{year}-02-10"), CHINA) for year in (2027, 2028, 2100, 2400)
    }
    days = {year: (end - start) // 86400 for year, (start, end) in lengths.items()}
    assert days == {2027: 28, 2028: 29, 2100: 28, 2400: 29}


@pytest.mark.parametrize("offset", [-12, -3, 0, 8, 14])
def test_days_and_months_begin_where_the_operator_lives(offset: int) -> None:
    begins = at("2026-03-01T00:00:00", offset)
    for kind in Kind:
        assert kind.span(begins, offset)[0] == begins
        assert kind.span(begins - 1, offset)[1] == begins


@given(
    st.sampled_from(Kind),
    st.integers(0, 4_000_000_000),
    st.integers(-12, 14),
)
def test_periods_follow_each_other_without_a_gap(kind: Kind, now: int, offset: int) -> None:
    starts_at, ends_at = kind.span(now, offset)
    assert starts_at <= now < ends_at
    assert kind.span(starts_at, offset) == kind.span(ends_at - 1, offset) == (starts_at, ends_at)
    assert kind.span(ends_at, offset)[0] == ends_at
    begins = datetime.fromtimestamp(starts_at + offset * 3600, UTC)
    assert (begins.minute, begins.second) == (0, 0)
    assert kind is Kind.hour or begins.hour == 0
    assert kind is not Kind.month or begins.day == 1


@pytest.mark.parametrize(
    ("cap", "messages", "cost", "held"),
    [
        (Cap(), 10**9, 10**15, True),
        (Cap(messages=10), 10, 10**15, True),
        (Cap(messages=10), 11, 0, False),
        (Cap(cost=10_000), 10**9, 10_000, True),
        (Cap(cost=10_000), 1, 10_001, False),
        (Cap(messages=10, cost=10_000), 10, 10_000, True),
        (Cap(messages=10, cost=10_000), 11, 10_000, False),
        (Cap(messages=10, cost=10_000), 10, 10_001, False),
    ],
)
def test_a_cap_holds_to_the_last_message_and_ten_thousandth(
    cap: Cap, messages: int, cost: int, held: bool
) -> None:
    assert cap.holds(messages, cost) is held


@pytest.mark.parametrize(
    ("cap", "messages", "cost", "half"),
    [
        (Cap(), 10**9, 10**15, False),
        (Cap(messages=10), 4, 10**15, False),
        (Cap(messages=10), 5, 0, True),
        (Cap(messages=5), 2, 0, False),
        (Cap(messages=5), 3, 0, True),
        (Cap(cost=10_001), 10**9, 5_000, False),
        (Cap(cost=10_001), 1, 5_001, True),
        (Cap(cost=10_000), 1, 5_000, True),
        (Cap(messages=10, cost=10_000), 4, 4_999, False),
    ],
)
def test_half_of_a_cap_is_half_or_more(cap: Cap, messages: int, cost: int, half: bool) -> None:
    assert cap.half(messages, cost) is half


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("码" * 70, 1),
        ("码" * 71, 2),
        ("码" * 134, 2),
        ("码" * 135, 3),
        ("a" * 71, 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
        ("\ud800" * 71, 2),
    ],
)
def test_a_text_is_billed_in_parts_of_67_once_it_is_longer_than_70(text: str, parts: int) -> None:
    assert parts_of(text) == parts
