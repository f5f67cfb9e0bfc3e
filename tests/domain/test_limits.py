"""Limits: exact in every window, closed for as long as they say, and forgiving about clocks."""

import json
from bisect import bisect_right

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from denglu.domain.limits import Limit, Rate, Tally, Wait, claim, reaches, release, settle

NOW = 1_750_000_000
# How far the clocks of one deployment may differ, in seconds.
TOLERANCE = 60


class Scope:
    """One key under a limit, as the store keeps it: loaded and dumped at every try."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.stored: str | None = None
        self.counted: list[int] = []

    def try_at(self, now: int, tag: str = "") -> int:
        """Seconds to wait; 0 when the try was counted."""
        verdict = claim(self.limit, Tally.load(self.stored), now, tag)
        if isinstance(verdict, Wait):
            assert verdict.seconds
            return verdict.seconds
        self.stored = verdict.dump()
        self.counted.append(now)
        return 0

    def release(self, at: int) -> None:
        self.stored = release(self.limit, Tally.load(self.stored), at).dump()

    def in_any_window(self, rate: Rate) -> int:
        """The most tries counted in any window of a rate (on a clock that was not set back)."""
        return max(
            (n + 1 - bisect_right(self.counted, end - rate.window))
            for n, end in enumerate(self.counted)
        )


def limit(*rates: str, lockouts: tuple[int, ...] = (), distinct: bool = False) -> Limit:
    return Limit("test", tuple(map(Rate.parse, rates)), lockouts, distinct)


# Rates.


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5/15m", Rate(5, 900)),
        ("10/24h", Rate(10, 86400)),
        ("1/60s", Rate(1, 60)),
        (" 20/1d ", Rate(20, 86400)),
    ],
)
def test_a_rate_is_read_as_a_person_writes_it(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "5", "5/m", "0/1h", "5/0h", "-5/1h", "5/1w", "5 / 1h", "５/1h", "5/1h\n5", "1e3/1h"],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="count/time"):
        Rate.parse(text)


@given(st.integers(1, 9999), st.integers(1, 9999), st.sampled_from("smh"))
def test_a_rate_written_and_read_again_is_the_same(count: int, time: int, unit: str) -> None:
    rate = Rate.parse(f"{count}/{time}{unit}")
    if rate.window % 3600 == 0 or rate.window % 60 == 0 or rate.window < 99999:
        assert Rate.parse(str(rate)) == rate


# Windows.


def test_a_try_leaves_the_window_to_the_second() -> None:
    scope = Scope(limit("2/60s"))
    assert [scope.try_at(NOW + s) for s in (0, 10, 11, 59, 60, 61, 70)] == [0, 0, 49, 1, 0, 9, 0]


def test_S11_cooldown_and_budgets_hold_together() -> None:
    numbers = limit("1/60s", "5/1h", "10/24h")
    scope = Scope(numbers)
    for second in range(0, 2 * 86400, 20):
        scope.try_at(NOW + second)
    assert [scope.in_any_window(rate) for rate in numbers.rates] == [1, 5, 10]


def test_the_longest_wait_of_all_rates_is_told() -> None:
    scope = Scope(limit("1/60s", "2/1h"))
    scope.try_at(NOW)
    scope.try_at(NOW + 60)
    assert scope.try_at(NOW + 61) == 3600 - 61


times = st.lists(st.integers(0, 400), min_size=1, max_size=60).map(sorted)
few_rates = st.lists(
    st.builds(Rate, st.integers(1, 8), st.integers(1, 120)), min_size=1, max_size=3
).map(tuple)


@given(few_rates, times)
def test_never_more_than_allowed_in_any_window(rates: tuple[Rate, ...], times: list[int]) -> None:
    scope = Scope(Limit("test", rates))
    for second in times:
        scope.try_at(NOW + second)
    assert all(scope.in_any_window(rate) <= rate.count for rate in rates)


@given(few_rates, times)
def test_N12_a_wait_is_exactly_as_long_as_told(rates: tuple[Rate, ...], times: list[int]) -> None:
    scope = Scope(Limit("test", rates))
    for second in times:
        before = scope.stored
        if wait := scope.try_at(NOW + second):
            assert scope.stored == before
            assert scope.try_at(NOW + second + wait - 1) == 1
            assert scope.try_at(NOW + second + wait) == 0
            return


@pytest.mark.parametrize(
    ("count", "burst", "window"), [(257, 1, 720), (1000, 7, 3600), (900, 20, 86400)]
)
def test_a_large_tally_is_rounded_to_the_strict_side(count: int, burst: int, window: int) -> None:
    rate = Rate(count, window)
    scope = Scope(Limit("test", (rate,)))
    for second in range(0, 2 * window, max(1, window * burst // (2 * count))):
        for _ in range(burst):
            scope.try_at(NOW + second)
    assert count // 2 < scope.in_any_window(rate) <= count
    assert scope.stored is not None
    # It stays small enough to be read and written at every try.
    assert len(json.loads(scope.stored)[1]) <= 722


@pytest.mark.parametrize("offset", range(5))
@pytest.mark.parametrize(
    ("rate", "longest"),
    [("256/24h", 86400), ("257/60s", 60), ("1000/1h", 3604), ("300/24h", 86519)],
)
def test_a_large_tally_is_closed_by_a_grain_longer_at_the_most(
    rate: str, longest: int, offset: int
) -> None:
    scope = Scope(limit(rate))
    window = scope.limit.window
    for _ in range(scope.limit.rates[0].count):
        assert scope.try_at(NOW + offset) == 0
    assert window <= scope.try_at(NOW + offset) <= longest
    assert scope.try_at(NOW + offset + window - 1) > 0
    assert scope.try_at(NOW + offset + longest) == 0


# Lockouts.


def test_P02_a_full_scope_is_closed_longer_each_time() -> None:
    scope = Scope(limit("3/15m", lockouts=(900, 1800, 3600)))
    now, closed = NOW, []
    for _ in range(5):
        for _ in range(3):
            assert scope.try_at(now) == 0
        closed.append(scope.try_at(now))
        assert scope.try_at(now + closed[-1] - 1) == 1
        now += closed[-1]
    assert closed == [900, 1800, 3600, 3600, 3600]


def test_failures_that_are_far_apart_close_nothing() -> None:
    scope = Scope(limit("3/15m", lockouts=(900,)))
    assert [scope.try_at(NOW + 450 * n) for n in range(20)] == [0] * 20


def test_a_lockout_counts_from_the_try_that_filled_the_rate() -> None:
    scope = Scope(limit("3/15m", lockouts=(900,)))
    for second in (0, 100, 200):
        scope.try_at(NOW + second)
    assert scope.try_at(NOW + 700) == 400
    assert scope.try_at(NOW + 1100) == 0


def test_knocking_at_a_closed_scope_does_not_keep_it_closed() -> None:
    scope = Scope(limit("3/15m", lockouts=(900,)))
    for _ in range(3):
        scope.try_at(NOW)
    assert [scope.try_at(NOW + second) for second in range(0, 900, 100)] == list(
        range(900, 0, -100)
    )
    assert scope.try_at(NOW + 900) == 0


@given(st.integers(1, 6), st.integers(1, 60), st.integers(0, 60), times)
def test_P01_lockouts_as_long_as_the_window_keep_the_rate(
    count: int, window: int, longer: int, times: list[int]
) -> None:
    rate = Rate(count, window)
    scope = Scope(Limit("test", (rate,), lockouts=(window + longer,)))
    for second in times:
        scope.try_at(NOW + second)
    assert scope.in_any_window(rate) <= count


# Distinct.


def test_S14_a_number_asked_for_again_is_not_another_number() -> None:
    scope = Scope(limit("2/1h", distinct=True))
    assert [scope.try_at(NOW + n, tag) for n, tag in enumerate("aabab")] == [0] * 5
    assert scope.try_at(NOW + 10, "c") == 3600 - 10
    assert scope.try_at(NOW + 11, "a") == 0
    assert scope.try_at(NOW + 3600, "c") == 0
    assert scope.try_at(NOW + 3601, "a") == 1


def test_a_number_that_has_left_the_window_counts_anew() -> None:
    scope = Scope(limit("2/1h", distinct=True))
    assert [scope.try_at(NOW, "a"), scope.try_at(NOW + 3600, "a")] == [0, 0]
    assert scope.try_at(NOW + 3600, "b") == 0
    assert scope.try_at(NOW + 3600, "c") == 3600


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("abcdef")), max_size=60).map(sorted))
def test_never_more_different_tags_than_allowed(tries: list[tuple[int, str]]) -> None:
    scope = Scope(limit("3/50s", distinct=True))
    counted = [(at, tag) for at, tag in tries if not scope.try_at(NOW + at, tag)]
    new = dict[str, int]()
    first_seen = []
    for at, tag in counted:
        if at - new.get(tag, -99) >= 50:
            new[tag] = at
            first_seen.append(at)
    assert all(sum(end - 50 < at <= end for at in first_seen) <= 3 for end in first_seen)


# Taking tries back.


def test_P08_a_released_try_makes_room_for_one() -> None:
    scope = Scope(limit("2/60s"))
    scope.try_at(NOW)
    scope.try_at(NOW + 1)
    scope.release(NOW + 1)
    assert [scope.try_at(NOW + 2), scope.try_at(NOW + 2)] == [0, 58]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_of_several_tries_of_a_second_is_released(count: int) -> None:
    scope = Scope(limit(f"{count}/60s"))
    for _ in range(count):
        scope.try_at(NOW)
    scope.release(NOW)
    assert [scope.try_at(NOW), scope.try_at(NOW)] == [0, 60]


@pytest.mark.parametrize("stored", [None, "[0,[]]", f'[0,[[{NOW - 1},1,""]]]'])
def test_releasing_what_is_not_there_changes_nothing(stored: str | None) -> None:
    tally = Tally.load(stored)
    assert release(limit("3/60s"), tally, NOW) == tally


@given(few_rates, times)
def test_a_try_counted_and_released_leaves_the_tally_as_it_was(
    rates: tuple[Rate, ...], times: list[int]
) -> None:
    scope = Scope(Limit("test", rates))
    for second in times:
        scope.try_at(NOW + second)
    last = NOW + times[-1]
    # A try that is refused prunes nothing, one that is counted forgets what is over.
    before = claim(scope.limit, Tally.load(scope.stored), last)
    if isinstance(before, Tally):
        after = release(scope.limit, before, last)
        assert claim(scope.limit, after, last) == before


def test_a_large_tally_can_be_released_too() -> None:
    scope = Scope(limit("1000/1h"))
    for _ in range(1000):
        assert scope.try_at(NOW) == 0
    assert scope.try_at(NOW)
    scope.release(NOW)
    assert scope.try_at(NOW) == 0


# Tries that are still being judged.


def claimed(limit: Limit, tally: Tally, now: int, mark: str) -> Tally:
    """The tally with one pending try more."""
    verdict = claim(limit, tally, now, mark=mark)
    assert isinstance(verdict, Tally)
    return verdict


def pending_tries(limit: Limit, *marks: str, at: int = NOW) -> Tally:
    tally = Tally()
    for mark in marks:
        tally = claimed(limit, tally, at, mark)
    return Tally.load(tally.dump())


either_kind = pytest.mark.parametrize("lockouts", [(), (900,)])


@either_kind
def test_P03_a_pending_try_counts_like_a_failure(lockouts: tuple[int, ...]) -> None:
    two = limit("2/15m", lockouts=lockouts)
    tally = pending_tries(two, "a", "b")
    assert claim(two, tally, NOW, mark="c") == Wait(900, pending=True)
    assert claim(two, tally, NOW) == Wait(900, pending=True)


@either_kind
def test_a_rival_who_was_right_makes_room(lockouts: tuple[int, ...]) -> None:
    two = limit("2/15m", lockouts=lockouts)
    tally = release(two, pending_tries(two, "a", "b"), NOW, "a")
    assert isinstance(claim(two, tally, NOW, mark="c"), Tally)


@either_kind
def test_when_all_rivals_were_wrong_there_is_nothing_to_wait_for(
    lockouts: tuple[int, ...],
) -> None:
    two = limit("2/15m", lockouts=lockouts)
    tally = settle(two, pending_tries(two, "a", "b"), NOW, "a")
    # One may still be right, and then there is room.
    assert claim(two, tally, NOW, mark="c") == Wait(900, pending=True)
    tally = settle(two, tally, NOW, "b")
    assert claim(two, tally, NOW, mark="c") == Wait(900)
    assert tally == Tally(((NOW, 2, ""),))


@either_kind
@pytest.mark.parametrize("age", [69, 70])
def test_a_try_nobody_judged_in_time_is_a_failure(lockouts: tuple[int, ...], age: int) -> None:
    two = limit("2/15m", lockouts=lockouts)
    tally = pending_tries(two, "a", "b")
    assert claim(two, tally, NOW + age, mark="c") == Wait(900 - age, pending=age < 70)


@pytest.mark.parametrize("skew", [-TOLERANCE, TOLERANCE])
def test_F12_a_rival_is_waited_for_on_machines_whose_clocks_differ(skew: int) -> None:
    two = limit("2/15m")
    verdict = claim(two, pending_tries(two, "a", "b", at=NOW + skew), NOW + 9, mark="c")
    assert isinstance(verdict, Wait)
    assert verdict.pending


def test_one_rate_that_failures_have_filled_is_enough_to_refuse() -> None:
    both = limit("2/10s", "3/15m")
    tally = Tally()
    for second in (0, 20, 40):
        tally = settle(both, claimed(both, tally, NOW + second, "x"), NOW + second, "x")
    assert claim(both, tally, NOW + 60, mark="c") == Wait(840)
    tally = claimed(both, Tally(tally.tries[:2]), NOW + 60, "d")
    assert claim(both, tally, NOW + 61, mark="c") == Wait(839, pending=True)


def test_only_the_very_try_is_taken_back() -> None:
    three = limit("3/15m")
    tally = pending_tries(three, "a", "b")
    assert release(three, tally, NOW, "c") == tally
    assert release(three, release(three, tally, NOW, "a"), NOW, "a") == pending_tries(three, "b")
    named = claim(three, Tally(), NOW, "x")
    assert isinstance(named, Tally)
    assert release(three, named, NOW, tag="y") == named
    assert release(three, named, NOW, tag="x") == Tally()
    # Who was forgotten with the rest and turns out wrong later takes nothing from others.
    assert settle(three, tally, NOW, "c") == tally
    assert settle(three, tally, NOW + 1, "a") == tally


def test_machines_whose_clocks_differ_count_one_after_the_other() -> None:
    one = limit("2/60s", lockouts=(100,))
    tally = claimed(one, claimed(one, Tally(), NOW + 50, "a"), NOW, "b")
    assert claim(one, tally, NOW, mark="c") == Wait(150, pending=True)
    two = limit("2/60s")
    tally = claimed(two, claimed(two, Tally(), NOW + 50, "a"), NOW, "b")
    assert claim(two, tally, NOW + 59, mark="c") == Wait(1, pending=True)
    assert isinstance(claim(two, tally, NOW + 60, mark="c"), Tally)


def test_a_large_tally_of_settled_tries_stays_small() -> None:
    many = limit("1000/1h")
    tally = Tally()
    for n in range(1000):
        tally = settle(many, claimed(many, tally, NOW, f"{n}"), NOW, f"{n}")
    assert len(tally.tries) == 1
    assert claim(many, tally, NOW, mark="x") == Wait(claim(many, tally, NOW).seconds)  # type: ignore[union-attr]


@given(
    few_rates,
    st.sampled_from([(), (30,), (5, 200)]),
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from(["wrong", "right", "gone"]))),
)
def test_pending_or_not_the_same_tries_are_let_in(
    rates: tuple[Rate, ...], lockouts: tuple[int, ...], story: list[tuple[int, str]]
) -> None:
    scope = Limit("test", rates, lockouts)
    plain, marked, now = Tally(), Tally(), NOW
    for n, (pause, end) in enumerate(story):
        now += pause
        verdict, twin = claim(scope, plain, now), claim(scope, marked, now, mark=f"{n}")
        if isinstance(verdict, Wait):
            assert isinstance(twin, Wait)
            assert twin.seconds == verdict.seconds
            continue
        assert isinstance(twin, Tally)
        plain, marked = verdict, twin
        if end == "wrong":
            marked = settle(scope, marked, now, f"{n}")
        elif end == "right":
            plain = release(scope, plain, now)
            marked = release(scope, marked, now, f"{n}")


def test_F13_a_tally_of_the_release_before_is_read() -> None:
    two = limit("2/15m")
    tally = Tally.load(f'[1,[[{NOW - 5},1,""]]]')
    assert tally == Tally(((NOW - 5, 1, ""),), 1)
    assert claim(two, claimed(two, tally, NOW, "a"), NOW) == Wait(895, pending=True)
    # And that release reads ours: an entry has three parts, pending or not.
    assert json.loads(pending_tries(two, "a").dump()) == [0, [[NOW, 1, "?a"]]]


# Tries in a row.


def in_a_row(streak: int, *rates: str, lockouts: tuple[int, ...] = ()) -> Limit:
    return Limit("test", tuple(map(Rate.parse, rates)), lockouts, streak=streak)


def test_P02_so_many_in_a_row_close_a_scope_whatever_the_time() -> None:
    three = in_a_row(3, "2/15m", lockouts=(900,))
    tally = Tally()
    for days in range(3):
        tally = settle(three, claimed(three, tally, NOW + days * 86400, "x"), NOW, "x")
    assert claim(three, tally, NOW + 3 * 86400) == Wait(None)
    assert claim(three, tally, NOW + 100 * 366 * 86400, mark="y") == Wait(None)


def test_P02_a_lockout_does_not_begin_the_row_anew() -> None:
    scope = Scope(in_a_row(5, "2/15m", lockouts=(900, 1800)))
    for second in (0, 0, 900, 900, 2700):
        assert scope.try_at(NOW + second) == 0
    assert claim(scope.limit, Tally.load(scope.stored), NOW + 9999) == Wait(None)


def test_P02_a_row_is_counted_beside_rates_without_lockouts() -> None:
    scope = Scope(in_a_row(3, "1/60s"))
    assert [scope.try_at(NOW + second) for second in (0, 59, 60, 120)] == [0, 1, 0, 0]
    assert claim(scope.limit, Tally.load(scope.stored), NOW + 999) == Wait(None)


def test_P10_a_try_taken_back_is_none_in_the_row() -> None:
    two = in_a_row(2, "9/15m")
    tally = pending_tries(two, "a", "b")
    assert tally.streak == 2
    assert claim(two, tally, NOW, mark="c") == Wait(None, pending=True)
    tally = release(two, tally, NOW, "a")
    assert tally.streak == 1
    assert release(two, tally, NOW, "a") == tally
    tally = settle(two, claimed(two, tally, NOW, "c"), NOW, "c")
    assert claim(two, tally, NOW, mark="d") == Wait(None, pending=True)
    tally = settle(two, tally, NOW, "b")
    assert claim(two, tally, NOW, mark="d") == Wait(None)


def test_a_rival_in_the_row_who_is_never_judged_is_a_failure() -> None:
    one = in_a_row(1, "9/15m")
    tally = pending_tries(one, "a")
    assert claim(one, tally, NOW + 69, mark="b") == Wait(None, pending=True)
    assert claim(one, tally, NOW + 70, mark="b") == Wait(None)


def test_a_limit_without_an_end_counts_no_row() -> None:
    tally = pending_tries(limit("9/15m"), "a", "b")
    assert tally.streak == 0
    assert release(limit("9/15m"), tally, NOW, "a").streak == 0


def test_F13_the_release_before_reads_a_row_as_a_level_and_hands_it_on() -> None:
    tally = Tally(((NOW, 1, ""),), level=3, streak=42)
    assert json.loads(tally.dump()) == [4203, [[NOW, 1, ""]]]
    assert Tally.load(tally.dump()) == tally
    assert Tally.load("[4204,[]]") == Tally((), 4, 42)


def test_a_level_never_grows_into_the_row() -> None:
    scope = Scope(limit("1/60s", lockouts=(60, 120)))
    for n in range(300):
        assert scope.try_at(NOW + 120 * n) == 0
    assert Tally.load(scope.stored) == Tally(((NOW + 120 * 299, 1, ""),), 2, 0)


# Arithmetic.

FAR = 100 * 366 * 86400


@pytest.mark.parametrize("now", [0, 1, NOW, NOW + FAR, 2**31 - 1, 2**31, 2**53 - 1, 2**63])
@pytest.mark.parametrize("lockout", [60, 86400])
def test_P09_a_lock_holds_to_the_second_at_any_time_on_any_clock(now: int, lockout: int) -> None:
    scope = Scope(limit("3/1m", lockouts=(lockout,)))
    for _ in range(3):
        assert scope.try_at(now) == 0
    for second in (0, 1, lockout // 2, lockout - 1):
        assert scope.try_at(now + second) == lockout - second
    assert scope.try_at(now + lockout) == 0


@pytest.mark.parametrize("now", [NOW, NOW + FAR, 2**53])
def test_P09_a_rate_holds_to_the_second_at_any_time(now: int) -> None:
    scope = Scope(limit("1/24h"))
    assert scope.try_at(now) == 0
    assert [scope.try_at(now + s) for s in (0, 86399, 86400)] == [86400, 1, 0]


def test_P09_a_hundred_locks_are_each_as_long_as_the_last_configured_one() -> None:
    longest = (*range(60, 60 * 8, 60), 86400)
    scope = Scope(limit("1/1m", lockouts=longest))
    now, closed = NOW, []
    for _ in range(100):
        assert scope.try_at(now) == 0
        closed.append(scope.try_at(now))
        now += closed[-1]
    assert closed == [*longest, *[86400] * 92]


@pytest.mark.parametrize(
    "text", ["-1/15m", "5/-15m", "0/15m", "99999999/1h", "5/999999h", "5/1e9s"]
)
def test_P09_a_rate_out_of_range_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="count/time"):
        Rate.parse(text)


# A budget's share.


def test_S15_half_and_all_of_a_budget_are_reached_once() -> None:
    site = limit("7/1h", "100/24h")
    tally, reached = Tally(), []
    for n in range(7):
        verdict = claim(site, tally, NOW + n)
        assert isinstance(verdict, Tally)
        tally = verdict
        reached.append([reaches(site, tally, NOW + n, share) for share in (0.5, 1.0)])
    half, whole = zip(*reached, strict=True)
    assert list(half) == [False, False, False, True, False, False, False]
    assert list(whole) == [False] * 6 + [True]


def test_S15_what_has_left_the_window_is_no_part_of_the_share() -> None:
    site = limit("3/60s", "1000/1h")
    verdict = claim(site, Tally(((NOW - 60, 1, ""), (NOW - 59, 1, ""))), NOW)
    assert isinstance(verdict, Tally)
    assert reaches(site, verdict, NOW, 0.5)
    assert not reaches(site, verdict, NOW, 1.0)


# Storing.


@given(few_rates, times, st.text(max_size=3))
def test_a_tally_dumped_and_loaded_is_the_same(
    rates: tuple[Rate, ...], times: list[int], tag: str
) -> None:
    tally = Tally()
    for second in times:
        verdict = claim(Limit("test", rates), tally, NOW + second, tag)
        tally = verdict if isinstance(verdict, Tally) else tally
        assert Tally.load(tally.dump()) == tally


def test_a_tally_is_remembered_as_long_as_it_matters() -> None:
    assert limit("5/15m", "20/24h").memory == 86400
    assert limit("5/15m", lockouts=(900, 3600)).memory == 900 + 7200


# Clocks that are set back.


@pytest.mark.parametrize("lockouts", [(), (900,)])
def test_F12_a_clock_set_back_keeps_nothing_closed_for_longer(lockouts: tuple[int, ...]) -> None:
    scope = Scope(limit("2/15m", lockouts=lockouts))
    for _ in range(2):
        scope.try_at(NOW)
    assert scope.try_at(NOW) == 900
    for back in (3600, 365 * 86400):
        assert scope.try_at(NOW - back) == 0


def test_P02_a_rate_is_not_full_with_a_try_that_is_just_outside_it() -> None:
    scope = Scope(Limit("test", (Rate(2, 60), Rate(9, 3600)), (30,)))
    assert [scope.try_at(NOW), scope.try_at(NOW + 60), scope.try_at(NOW + 60)] == [0, 0, 0]
    assert scope.try_at(NOW + 60) == 30


def test_P03_where_tries_in_judgement_take_no_room_nobody_waits_for_them() -> None:
    # Still in judgement, and already outside the rate that refuses.
    both = Limit("test", (Rate(2, 60), Rate(9, 3600)))
    tally = claimed(both, Tally(), NOW, "slow")
    for _ in range(2):
        verdict = claim(both, tally, NOW + 65)
        assert isinstance(verdict, Tally)
        tally = verdict
    assert claim(both, tally, NOW + 66) == Wait(59, pending=False)


@pytest.mark.parametrize(("text", "grain"), [("1000/1h", 5), ("257/72m", 6), ("257/4321s", 6)])
def test_a_large_tally_counts_in_grains(text: str, grain: int) -> None:
    scope = Scope(limit(text))
    start = NOW // grain * grain
    for second in range(4 * grain):
        assert scope.try_at(start + second) == 0
    ends = range(start + grain - 1, start + 4 * grain, grain)
    assert Tally.load(scope.stored).tries == tuple((end, grain, "") for end in ends)


def test_S14_a_number_that_comes_again_lets_old_ones_be_forgotten() -> None:
    numbers = Limit("test", (Rate(5, 60),), distinct=True)
    tally = Tally()
    for at, tag in ((NOW, "a"), (NOW + 30, "b"), (NOW + 70, "b")):
        verdict = claim(numbers, tally, at, tag)
        assert isinstance(verdict, Tally)
        tally = verdict
    assert tally.tries == ((NOW + 30, 1, "b"),)


def test_a_tally_is_stored_in_as_few_characters_as_there_are() -> None:
    assert Tally(((NOW, 1, "x"),), level=1, streak=2).dump() == '[201,[[1750000000,1,"x"]]]'


def test_P08_a_try_that_is_taken_back_without_a_name_may_have_one() -> None:
    tally = claim(limit("2/60s"), Tally(), NOW, "a tag")
    assert isinstance(tally, Tally)
    assert release(limit("2/60s"), tally, NOW).tries == ()
    assert release(limit("2/60s"), tally, NOW, tag="another") == tally


def test_F12_clocks_that_differ_a_little_loosen_nothing() -> None:
    scope = Scope(limit("2/15m"))
    for _ in range(2):
        scope.try_at(NOW)
    assert scope.try_at(NOW - TOLERANCE) == 900 + TOLERANCE
    assert scope.try_at(NOW + 899) == 1
    assert scope.try_at(NOW - TOLERANCE - 1) == 0


@given(
    few_rates,
    st.sampled_from([(), (30,), (5, 200)]),
    st.lists(st.integers(-1000, 1000), max_size=40),
)
@example(rates=(Rate(1, 60),), lockouts=(), jumps=[0, -1000])
def test_F12_nobody_waits_longer_than_configured_whatever_the_clock_does(
    rates: tuple[Rate, ...], lockouts: tuple[int, ...], jumps: list[int]
) -> None:
    scope = Scope(Limit("test", rates, lockouts))
    now = NOW
    longest = max([rate.window for rate in rates], default=0) if not lockouts else max(lockouts)
    for jump in jumps:
        now += jump
        assert scope.try_at(now) <= longest + TOLERANCE
    assert scope.try_at(now + longest + TOLERANCE) == 0
