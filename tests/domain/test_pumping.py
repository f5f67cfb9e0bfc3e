"""Pumping: what a message counts under, and when there are too many that nobody proved."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from denglu.domain.limits import Limit, Rate, Tally, Wait, claim, count, prove, release
from denglu.domain.pumping import block_of, range_of

NOW = 1_750_000_000
HOUR = 3600


def provable(*rates: str) -> Limit:
    return Limit("test", tuple(map(Rate.parse, rates)), provable=True)


@dataclass
class Block:
    """One block, as the store keeps it: loaded and dumped at every message."""

    limit: Limit
    stored: str | None = None

    def send(self, at: int) -> int:
        """Seconds to wait; 0 when the message was counted."""
        verdict = claim(self.limit, Tally.load(self.stored), at)
        if isinstance(verdict, Wait):
            assert verdict.seconds
            return verdict.seconds
        self.stored = verdict.dump()
        return 0

    def count(self, at: int) -> None:
        self.stored = count(self.limit, Tally.load(self.stored), at).dump()

    def prove(self, at: int) -> None:
        self.stored = prove(self.limit, Tally.load(self.stored), at).dump()

    def release(self, at: int) -> None:
        self.stored = release(self.limit, Tally.load(self.stored), at).dump()


def filled(unproven: int, proven: int, limit: Limit) -> Block:
    block = Block(limit)
    for n in range(unproven + proven):
        block.count(NOW)
        if n < proven:
            block.prove(NOW)
    return block


# What it counts under.


@pytest.mark.parametrize(
    ("mobile", "block"),
    [("13800001234", "1380000"), ("13800009999", "1380000"), ("13800010000", "1380001")],
)
def test_ten_thousand_numbers_are_a_block(mobile: str, block: str) -> None:
    assert block_of(mobile) == block


@pytest.mark.parametrize(
    ("ip", "span"),
    [
        ("198.51.100.1", "198.51.100.0/24"),
        ("198.51.100.255", "198.51.100.0/24"),
        ("198.51.101.0", "198.51.101.0/24"),
        ("::ffff:198.51.100.9", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::1", "2001:db8:1::/48"),
        ("2001:db8:2::1", "2001:db8:2::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::1", "::/48"),
        ("0.0.0.5", "0.0.0.0/24"),
        ("", ""),
        ("unix", ""),
    ],
)
def test_neighbouring_addresses_are_a_range(ip: str, span: str) -> None:
    assert range_of(ip) == span


# When it is full.


@pytest.mark.parametrize(
    ("unproven", "proven", "room"),
    [
        # As many as the floor in any case, and no more while few are proven.
        (0, 0, True),
        (29, 0, True),
        (30, 0, False),
        (30, 1, False),
        (30, 30, False),
        # With this one not more than half.
        (30, 31, True),
        (31, 31, False),
        (31, 32, True),
        (200, 800, True),
        (499, 500, True),
        (500, 500, False),
        (29, 1000, True),
    ],
)
def test_S14_full_are_those_that_few_prove(unproven: int, proven: int, room: bool) -> None:
    block = filled(unproven, proven, provable("30/1h"))
    assert (block.send(NOW) == 0) == room


def test_S14_a_proof_makes_room_twice() -> None:
    """It takes one away from those that count, and speaks for another one of them."""
    block = filled(31, 31, provable("30/1h"))
    assert block.send(NOW + 1) > 0
    for _ in range(3):
        block.prove(NOW)
        assert [block.send(NOW + 2) == 0 for _ in range(3)] == [True, True, False]


def test_each_rate_looks_at_its_own_window() -> None:
    block = filled(0, 10, provable("3/1m", "6/2m"))
    # What was proven a minute ago speaks for the longer rate only.
    told = [block.send(NOW + second) for second in (61, 62, 63, 64, 121, 122, 123, 124)]
    assert told == [0, 0, 0, 57, 0, 0, 0, 57]


@pytest.mark.parametrize("offset", [0, 1, 10, 29])
def test_a_proof_speaks_for_others_no_longer_than_the_window(offset: int) -> None:
    block, start = Block(provable("1/1h")), NOW + offset
    for _ in range(5):
        block.count(start)
        block.prove(start)
    assert [block.send(start + HOUR) == 0 for _ in range(2)] == [True, False]


@pytest.mark.parametrize("by", ["prove", "release"])
def test_only_what_is_there_is_proven_or_taken_back(by: str) -> None:
    block = filled(2, 1, provable("30/1h"))
    before = block.stored
    getattr(block, by)(NOW + HOUR)
    getattr(block, by)(NOW - HOUR)
    assert block.stored == before
    for _ in range(5):
        getattr(block, by)(NOW)
    after = Tally.load(block.stored)
    # A proven one stays, so that nobody takes it from who proved it.
    assert sum(n for _, n, tag in after.tries if tag == "+") == {"prove": 3, "release": 1}[by]
    assert sum(n for _, n, tag in after.tries if not tag) == 0


@dataclass
class Plain:
    """The same, told as simply as can be: every message for itself."""

    rate: Rate
    messages: list[list[int]] = field(default_factory=list)  # [time, proven]

    def send(self, now: int) -> bool:
        inside = Counter(proven for at, proven in self.messages if at > now - self.rate.window)
        unproven, proven = inside[0] + 1, inside[1]
        if unproven > self.rate.count and 2 * unproven > unproven + proven:
            return False
        self.messages.append([now, 0])
        return True

    def change(self, at: int, *, proven: bool) -> None:
        for message in self.messages:
            if message == [at, 0]:
                self.messages.remove(message)
                if proven:
                    self.messages.append([at, 1])
                return


steps = st.tuples(
    st.sampled_from(["send", "send", "send", "prove", "prove", "release"]),
    st.integers(0, 20),
    st.integers(0, 30),
)


@given(st.integers(1, 5), st.lists(steps, max_size=80))
@example(1, [("send", 0, 0), ("prove", 0, 0), ("send", 1, 0), ("release", 0, 1), ("send", 0, 0)])
def test_a_tally_counts_as_whoever_remembers_every_message(
    floor: int, story: list[tuple[str, int, int]]
) -> None:
    rate = Rate(floor, 100)
    block, plain = Block(Limit("test", (rate,), provable=True)), Plain(rate)
    now, sent = NOW, []
    for what, pause, which in story:
        now += pause
        if what == "send":
            room = plain.send(now)
            assert (block.send(now) == 0) == room
            sent += [now] * room
        elif sent:
            at = sent[which % len(sent)]
            plain.change(at, proven=what == "prove")
            (block.prove if what == "prove" else block.release)(at)


@pytest.mark.parametrize("offset", [0, 1, 29])
@pytest.mark.parametrize(
    ("rate", "longest"), [("2/100s", 100), ("2/1h", 3629), ("2/24h", 86400 + 719)]
)
def test_a_wait_is_long_enough_and_at_most_a_grain_too_long(
    rate: str, longest: int, offset: int
) -> None:
    block = filled(0, 0, provable(rate))
    start = NOW + offset
    assert [block.send(start), block.send(start)] == [0, 0]
    wait = block.send(start)
    assert block.limit.window <= wait <= longest
    assert block.send(start + wait - 1) == 1
    assert block.send(start + wait) == 0


@pytest.mark.parametrize("window", ["1h", "24h"])
def test_a_busy_block_stays_small_and_can_be_proven_to_the_last(window: str) -> None:
    busy = provable(f"2500/{window}")
    block = Block(busy)
    times = [NOW + second * busy.window // 4000 for second in range(4000)]
    for n, at in enumerate(times):
        assert block.send(at) == 0
        if n % 2:
            block.prove(times[n - 1])
    assert block.stored is not None
    # It is read and written for every message. MySQL takes 65,535.
    assert len(block.stored) < 6_000
    for at in times[1::2]:
        block.prove(at)
    tries = Tally.load(block.stored).tries
    assert {tag for _, _, tag in tries} == {"+"}
    assert sum(n for _, n, _ in tries) == 4000


def test_proofs_of_the_last_hour_do_not_speak_for_the_day() -> None:
    block = Block(provable("3/1h", "4/1d"))
    for n in range(4):
        assert block.send(NOW + 2 * HOUR * n) == 0
    later = NOW + 10 * HOUR
    block.stored = count(block.limit, Tally.load(block.stored), later).dump()
    block.stored = prove(block.limit, Tally.load(block.stored), later).dump()
    assert block.send(later) > 0


def test_a_counted_message_is_one_plain_try_and_what_is_over_is_forgotten() -> None:
    limit = provable("3/150s")
    first = count(limit, Tally(), NOW)
    ((at, n, tag),) = first.tries
    assert (type(at), n, tag) == (int, 1, "")
    assert len(count(limit, first, at + 149).tries) == 2
    assert len(count(limit, first, at + 150).tries) == 1


def test_a_proof_speaks_up_to_the_end_of_its_window() -> None:
    limit = provable("1/1h")
    slot = (NOW // 30 + 1) * 30 - 1
    proven = prove(limit, prove(limit, count(limit, count(limit, Tally(), slot), slot), slot), slot)
    waiting = count(limit, proven, slot + HOUR - 60)
    assert isinstance(claim(limit, waiting, slot + HOUR - 30), Tally)
    assert isinstance(claim(limit, waiting, slot + HOUR - 29), Wait)
