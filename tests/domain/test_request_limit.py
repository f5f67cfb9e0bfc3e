"""The general limit of requests: what it lets through, and what it remembers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from denglu.domain.limits import Rate
from denglu.domain.request_limit import News, RequestLimit

START = 1_800_000_000 // 3600 * 3600


def let_through(limit: RequestLimit, ip: str, now: int, tries: int) -> int:
    return sum(limit.claim(ip, now) == 0 for _ in range(tries))


def test_an_address_gets_its_rate_and_others_are_left_alone() -> None:
    limit = RequestLimit([Rate(100, 60)])
    assert let_through(limit, "10.0.0.1", START + 5, 150) == 100
    assert let_through(limit, "10.0.0.2", START + 5, 50) == 50


def test_what_the_window_before_counted_weighs_less_and_less() -> None:
    limit = RequestLimit([Rate(100, 60)])
    let_through(limit, "10.0.0.1", START, 100)
    assert let_through(limit, "10.0.0.1", START + 60, 100) == 0
    assert let_through(limit, "10.0.0.1", START + 75, 100) == 25
    assert let_through(limit, "10.0.0.1", START + 105, 100) == 50
    assert let_through(limit, "10.0.0.1", START + 240, 150) == 100


def test_all_rates_hold_together() -> None:
    limit = RequestLimit([Rate(10, 10), Rate(30, 3600)])
    assert [let_through(limit, "10.0.0.1", START + n * 20, 100) for n in range(5)] == [
        10, 10, 10, 0, 0,
    ]  # fmt: skip


def test_the_wait_is_the_longest_of_all_rates() -> None:
    limit = RequestLimit([Rate(10, 10), Rate(12, 3600)])
    let_through(limit, "10.0.0.1", START, 10)
    let_through(limit, "10.0.0.1", START + 20, 2)
    assert limit.claim("10.0.0.1", START + 20) > 3500


def test_a_refused_request_counts_nothing() -> None:
    limit = RequestLimit([Rate(10, 60)])
    let_through(limit, "10.0.0.1", START, 10_000)
    assert let_through(limit, "10.0.0.1", START + 120, 100) == 10


@given(
    st.integers(10, 200),
    st.sampled_from([1, 7, 60, 3600]),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 300)), min_size=1, max_size=20),
)
def test_after_the_wait_that_was_told_there_is_room_and_not_before(
    count: int, window: int, bursts: list[tuple[int, int]]
) -> None:
    limit, now = RequestLimit([Rate(count, window)]), START
    for pause, tries in bursts:
        now += pause % (2 * window)
        let_through(limit, "10.0.0.1", now, tries)
    let_through(limit, "10.0.0.1", now, count)
    wait = limit.claim("10.0.0.1", now)
    assert 1 <= wait <= 2 * window
    if wait > 1:
        assert limit.claim("10.0.0.1", now + wait - 1) == 1
    assert limit.claim("10.0.0.1", now + wait) == 0


@given(st.lists(st.integers(0, 30), min_size=50, max_size=400))
def test_no_rhythm_gets_more_than_twice_the_rate_through(steps: list[int]) -> None:
    limit, now, good = RequestLimit([Rate(20, 60)]), START, []
    for step in steps:
        now += step % 7
        good += [now] * let_through(limit, "10.0.0.1", now, step)
    for at in good:
        assert sum(at - 60 < other <= at for other in good) <= 40


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("", "", True),
        ("no address", "no address", True),
    ],
)
def test_addresses_are_counted_by_network(one: str, other: str, same: bool) -> None:
    limit = RequestLimit([Rate(10, 60)])
    let_through(limit, one, START, 10)
    assert let_through(limit, other, START, 10) == (0 if same else 10)


def test_a_clock_that_jumps_leaves_nobody_shut_out() -> None:
    limit = RequestLimit([Rate(10, 60)])
    let_through(limit, "10.0.0.1", START, 10)
    assert let_through(limit, "10.0.0.1", START - 3600, 100) == 10
    assert let_through(limit, "10.0.0.1", START + 10**9, 100) == 10
    assert let_through(limit, "10.0.0.1", START, 100) == 10


def test_it_knows_only_so_many_addresses() -> None:
    limit = RequestLimit([Rate(10, 60)], capacity=100)
    for number in range(1000):
        assert limit.claim(f"10.0.{number >> 8}.{number & 255}", START) == 0
    assert let_through(limit, "10.0.0.1", START, 20) == 9, "those known stay known"
    assert let_through(limit, "10.0.3.1", START, 20) == 20, "others are let through"
    assert let_through(limit, "10.0.3.1", START + 120, 20) == 10


def test_news_are_told_once_and_only_where_they_are_shared() -> None:
    alone, shared = RequestLimit([Rate(10, 60)]), RequestLimit([Rate(10, 60)], shared=True)
    for limit in (alone, shared):
        let_through(limit, "10.0.0.1", START, 3)
        let_through(limit, "10.0.0.2", START, 1)
    assert alone.take(10) == []
    window = f"10/1m:{START // 60}"
    assert shared.take(1) == [News(window, 120, "10.0.0.1", 3)]
    assert shared.take(10) == [News(window, 120, "10.0.0.2", 1)]
    assert shared.take(10) == []


def test_what_others_counted_counts_here() -> None:
    limit = RequestLimit([Rate(10, 60)], shared=True)
    let_through(limit, "10.0.0.1", START, 3)
    (news,) = limit.take(10)
    let_through(limit, "10.0.0.1", START, 1)
    limit.learn(news, 8)
    assert let_through(limit, "10.0.0.1", START, 10) == 1
    (more,) = limit.take(10)
    assert more.count == 2
    limit.learn(more, 10)
    assert let_through(limit, "10.0.0.1", START + 60, 10) == 0
    assert let_through(limit, "10.0.0.1", START + 90, 10) == 5


def test_totals_that_were_lost_or_are_late_change_nothing() -> None:
    limit = RequestLimit([Rate(10, 60)], shared=True)
    let_through(limit, "10.0.0.1", START, 6)
    (news,) = limit.take(10)
    limit.learn(news, 0)
    assert let_through(limit, "10.0.0.1", START, 10) == 4
    late = RequestLimit([Rate(10, 60)], shared=True)
    let_through(late, "10.0.0.1", START, 1)
    (news,) = late.take(10)
    late.claim("10.0.0.2", START + 600)
    late.learn(news, 1000)
    assert let_through(late, "10.0.0.1", START + 600, 20) == 10
