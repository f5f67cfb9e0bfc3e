"""The turnstile: exact limits for rivals, without refusing those who turn out right."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.flows import turnstile
from denglu.flows.limiting import Claim, settle_all
from denglu.flows.ports import T, Work
from tests.flows.conftest import MakeWorld
from tests.flows.world import HOME, MOBILE, OTHER_MOBILE, Numbers, World, refused


def start(*logins: Coroutine[Any, Any, Any]) -> "list[asyncio.Future[Any]]":
    return [asyncio.ensure_future(login) for login in logins]


async def outcomes(tries: "list[asyncio.Future[Any]]") -> Counter[str]:
    """How often each reason was given; ``ok`` for success."""
    done = await asyncio.gather(*tries, return_exceptions=True)
    return Counter(one.reason.value if isinstance(one, Refusal) else "ok" for one in done)


async def settled() -> None:
    """Until nothing more happens by itself (the gate is closed)."""
    for _ in range(200):
        await asyncio.sleep(0)


class Writes:
    """Counts the transactions of a world; ``most``: how many of them there were at once."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, verb: str = "write") -> None:
        self.count = self.most = self._now = 0
        self._write = getattr(world.store, verb)
        monkeypatch.setattr(world.store, verb, self._counted)

    async def reached(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.count < count:  # noqa: ASYNC110 - a step at a time, no clock
                await asyncio.sleep(0)

    async def _counted(self, work: Work[T]) -> T:
        self.count += 1
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            return cast(T, await self._write(work))
        finally:
            self._now -= 1


async def test_P03_two_hundred_wrong_passwords_at_once_are_compared_five_times(
    any_world: World,
) -> None:
    world = any_world
    await world.add_member()
    world.passwords.gate.clear()
    tries = start(*(world.log_in(password=f"wrong {n}") for n in range(200)))
    await world.passwords.comparing(5)
    world.passwords.gate.set()
    told = await outcomes(tries)
    assert len(world.passwords.compared) == told["bad_credentials"] == 5
    assert set(told) <= {"bad_credentials", "too_many_attempts", "busy"}
    assert world.events().count("login_failed") == 5


async def test_P03_many_addresses_at_once_are_compared_ten_times(world: World) -> None:
    await world.add_member()
    callers = [type(HOME)(ip=f"198.51.100.{n}") for n in range(60)]
    tries = start(*(world.log_in(password="wrong", caller=caller) for caller in callers))
    assert await outcomes(tries) == {"bad_credentials": 10, "too_many_attempts": 50}
    assert len(world.passwords.compared) == 10


async def test_R09_fifty_devices_of_one_member_all_log_in(
    any_world: World,
) -> None:
    world = any_world
    await world.add_member()
    assert await outcomes(start(*(world.log_in() for _ in range(50)))) == {"ok": 50}
    assert len(world.live_sessions()) == 1


async def test_P10_one_right_among_fifty_wrong_leaves_a_state_that_fits(world: World) -> None:
    await world.add_member()
    wrong = [world.log_in(password="wrong") for _ in range(50)]
    told = await outcomes(start(*wrong[:25], world.log_in(), *wrong[25:]))
    assert told["ok"] <= 1
    # Five before the success and five after it, at the most.
    assert len(world.passwords.compared) <= 11


async def test_a_rival_waits_while_others_are_judged_and_goes_on_when_one_was_right(
    world: World,
) -> None:
    await world.add_member()
    world.passwords.gate.clear()
    tries = start(*(world.log_in() for _ in range(7)))
    await world.passwords.comparing(5)
    await settled()
    assert world.passwords.waiting == 5
    assert not any(one.done() for one in tries)
    world.passwords.gate.set()
    assert await outcomes(tries) == {"ok": 7}


async def test_nobody_waits_when_nobody_is_being_judged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "_LOOK_AGAIN", 1000.0)  # whoever would wait is busy
    await world.add_member()
    for _ in range(5):
        with refused(Reason.bad_credentials):
            await world.log_in(password="wrong")
    tries = start(*(world.log_in() for _ in range(20)))
    assert await outcomes(tries) == {"too_many_attempts": 20}


async def test_others_are_not_held_up_by_a_member_who_is_being_judged(world: World) -> None:
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    world.passwords.gate.clear()
    rivals = start(*(world.log_in(password="wrong") for _ in range(20)))
    await world.passwords.comparing(5)
    other = start(world.log_in(OTHER_MOBILE))
    await world.passwords.comparing(6)
    world.passwords.gate.set()
    assert await outcomes(other) == {"ok": 1}
    assert await outcomes(rivals) == {"bad_credentials": 5, "too_many_attempts": 15}


async def test_those_who_wait_for_one_account_look_one_after_the_other(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = any_world
    await world.add_member()
    world.passwords.gate.clear()
    tries = start(*(world.log_in(password="wrong") for _ in range(30)))
    await world.passwords.comparing(5)
    writes = Writes(world, monkeypatch)
    await writes.reached(3)
    assert writes.most == 1
    world.passwords.gate.set()
    async with asyncio.timeout(30):
        assert await outcomes(tries) == {"bad_credentials": 5, "too_many_attempts": 25}


async def test_a_limit_that_failures_filled_refuses_at_once_whoever_is_being_judged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnstile, "_LOOK_AGAIN", 1000.0)  # whoever would wait is busy
    one = Limit("one", (Rate(1, 60),))
    full, judged = (Claim(one, bytes([n]) * 32, Reason.too_many_attempts) for n in range(2))
    tried = await world.turnstile.claim([full])
    await world.store.write(lambda tx: settle_all(tx, tried, world.clock.now()))
    await world.turnstile.claim([judged])
    with refused(Reason.busy):
        await world.turnstile.claim([judged])
    with refused(Reason.too_many_attempts):
        await world.turnstile.claim([judged, full])


async def test_rivals_who_take_too_long_are_busy(world: World) -> None:
    await world.add_member()
    world.passwords.gate.clear()
    first = start(*(world.log_in() for _ in range(5)))
    await world.passwords.comparing(5)
    world.wire(Numbers(patience=0.01))
    with refused(Reason.busy):
        async with asyncio.timeout(10):
            await world.log_in()
    world.passwords.gate.set()
    assert await outcomes(first) == {"ok": 5}


async def test_F02_more_than_fit_inside_are_busy_before_the_store_is_asked(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(Numbers(capacity=3))
    for n in range(4):
        await world.add_member(f"1380000000{n}")
    world.passwords.gate.clear()
    inside = start(*(world.log_in(f"1380000000{n}") for n in range(3)))
    await world.passwords.comparing(3)
    writes, reads = Writes(world, monkeypatch), Writes(world, monkeypatch, "read")
    with refused(Reason.busy) as refusals:
        async with asyncio.timeout(10):
            await world.log_in("13800000003")
    assert (refusals[0].retry_after, writes.count, reads.count) == (1, 0, 0)
    world.passwords.gate.set()
    assert await outcomes(inside) == {"ok": 3}
    await world.log_in("13800000003")


async def test_F02_an_address_that_logs_in_without_end_leaves_the_other_seats(
    make_world: MakeWorld,
) -> None:
    world = make_world(Numbers(capacity=4, share=2))
    for n in range(10):
        await world.add_member(f"1380000000{n}")
    world.passwords.gate.clear()
    crowd = start(*(world.log_in(f"1380000000{n}") for n in range(8)))
    await world.passwords.comparing(2)
    await settled()
    assert world.passwords.waiting == 2
    away = type(HOME)(ip="198.51.100.9")
    others = start(*(world.log_in(f"1380000000{n}", caller=away) for n in (8, 9)))
    await world.passwords.comparing(4)
    world.passwords.gate.set()
    assert await outcomes(others) == {"ok": 2}
    # Four of an address wait at most, as many as there are seats, two were inside.
    assert await outcomes(crowd) == {"ok": 6, "busy": 2}


async def test_whoever_waits_too_long_for_the_turn_of_their_address_is_busy(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(Numbers(capacity=4, share=1, patience=0.1))
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    world.passwords.gate.clear()
    inside = start(world.log_in())
    await world.passwords.comparing(1)
    writes, reads = Writes(world, monkeypatch), Writes(world, monkeypatch, "read")
    with refused(Reason.busy) as refusals:
        async with asyncio.timeout(10):
            await world.log_in(OTHER_MOBILE)
    assert (refusals[0].retry_after, writes.count, reads.count) == (1, 0, 0)
    gone = start(world.log_in(OTHER_MOBILE))
    await settled()
    gone[0].cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    world.passwords.gate.set()
    assert await outcomes(inside) == {"ok": 1}
    # Neither who was refused nor who went away holds the turn.
    await world.log_in(OTHER_MOBILE)


async def test_a_caller_who_goes_away_has_used_a_try_and_frees_the_seat(
    make_world: MakeWorld,
) -> None:
    world = make_world(Numbers(capacity=6, patience=0.1))
    await world.add_member()
    world.passwords.gate.clear()
    tries = start(*(world.log_in(password="wrong") for _ in range(5)))
    await world.passwords.comparing(5)
    waiter = start(world.log_in())
    for one in tries:
        one.cancel()
    assert await outcomes(waiter) == {"busy": 1}
    await asyncio.gather(*tries, return_exceptions=True)
    world.passwords.gate.set()
    await world.add_member(OTHER_MOBILE)
    assert await outcomes(start(*(world.log_in(OTHER_MOBILE) for _ in range(5)))) == {"ok": 5}
    with refused(Reason.busy):  # nobody knows yet whether they were right
        await world.log_in(MOBILE)
    world.clock.advance(70)
    with refused(Reason.too_many_attempts):
        await world.log_in(MOBILE)
