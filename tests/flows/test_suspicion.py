"""Suspicion: who is asked for a captcha, what a good one opens, and that it opens it once."""

from dataclasses import replace

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.flows.limiting import Claim, Tried, claim_all, release_all, settle_all
from denglu.flows.results import Grant
from tests.flows.captchas import NamedCaptcha
from tests.flows.conftest import MakeWorld
from tests.flows.rivals import race
from tests.flows.world import (
    DAY,
    HOME,
    IOS,
    MOBILE,
    PASSWORD,
    Numbers,
    World,
    refused,
)

SHOWN = {"captcha": {"kind": "name yourself"}}
# A site that expects a crowd.
ROOM = Limit("room", (Rate(9999, 3600),))
ROOM_FOR_ONE = Limit("room for one", (Rate(1, 60),))


@pytest.fixture
def captcha() -> NamedCaptcha:
    return NamedCaptcha()


@pytest.fixture
def guarded(make_world: MakeWorld, captcha: NamedCaptcha) -> World:
    """A world with a captcha."""
    return make_world(Numbers(captcha=captcha))


async def log_in(world: World, token: str = "", password: str = PASSWORD) -> Grant:
    return await world.login(
        username=MOBILE, password=password, group=IOS, caller=HOME, captcha_token=token
    )


async def ask(world: World, mobile: str, token: str = "", caller: Caller = HOME) -> None:
    await world.send_code(mobile=mobile, usage=Usage.login, caller=caller, captcha_token=token)


async def fail(world: World, times: int, token: str = "", first: int = 0) -> None:
    """Wrong passwords for another name each time, from one address."""
    for n in range(first, first + times):
        with refused(Reason.bad_credentials):
            await world.login(
                username=f"nobody{n}",
                password="wrong",
                group=IOS,
                caller=HOME,
                captcha_token=token and f"{token} {n}",
            )


def address(n: int) -> Caller:
    return Caller(ip=f"198.51.100.{n + 1}")


def block(n: int) -> str:
    """Numbers of one block."""
    return f"1380000{n:04d}"


# Logins.


async def test_P04_after_ten_failures_an_address_is_asked_for_a_captcha(guarded: World) -> None:
    await guarded.add_member()
    await fail(guarded, 10)
    for token in ("", "robot"):
        with refused(Reason.captcha_required) as refusals:
            await log_in(guarded, token)
        assert (refusals[0].details, refusals[0].retry_after) == (SHOWN, None)
    await log_in(guarded, "person 1")
    await guarded.login(
        username=MOBILE, password=PASSWORD, group=IOS, caller=Caller(ip="198.51.100.1")
    )
    guarded.clock.advance(300)
    await log_in(guarded)


async def test_P04_a_captcha_opens_no_other_limit(guarded: World) -> None:
    await guarded.add_member()
    await fail(guarded, 10)
    await fail(guarded, 20, "person", first=10)
    for token in ("", "person 1"):
        with refused(Reason.too_many_attempts):
            await log_in(guarded, token)


async def test_who_is_refused_keeps_the_captcha(guarded: World) -> None:
    await guarded.add_member()
    await fail(guarded, 10)
    await fail(guarded, 20, "person", first=10)
    with refused(Reason.too_many_attempts):
        await log_in(guarded, "person with patience")
    guarded.clock.advance(250)
    await fail(guarded, 0)
    guarded.clock.advance(50)
    await log_in(guarded, "person with patience")


async def test_success_is_no_reason_for_suspicion(guarded: World, captcha: NamedCaptcha) -> None:
    await guarded.add_member()
    for _ in range(30):
        await log_in(guarded)
    assert captcha.asked == []


async def test_a_captcha_is_spent_by_a_try_whatever_comes_of_it(guarded: World) -> None:
    await guarded.add_member()
    await fail(guarded, 10)
    await log_in(guarded, "person who is right")
    with refused(Reason.bad_credentials):
        await log_in(guarded, "person who is wrong", "wrong")
    for used in ("person who is right", "person who is wrong"):
        with refused(Reason.captcha_required):
            await log_in(guarded, used)


async def test_a_captcha_spent_on_a_code_is_spent_for_logins(guarded: World) -> None:
    await guarded.add_member()
    await pump(guarded, 10, 65)
    await ask(guarded, block(77), "person 1")
    await fail(guarded, 10)
    with refused(Reason.captcha_required):
        await log_in(guarded, "person 1")
    await log_in(guarded, "person 2")


async def test_a_service_is_asked_only_where_nothing_but_suspicion_stands_in_the_way(
    guarded: World, captcha: NamedCaptcha
) -> None:
    await guarded.add_member()
    await log_in(guarded, "person 1")
    await ask(guarded, MOBILE, "person 2")
    with refused(Reason.sms_too_frequent):
        await ask(guarded, MOBILE, "person 3")
    await fail(guarded, 10)
    await fail(guarded, 20, "person", first=10)
    with refused(Reason.too_many_attempts):
        await log_in(guarded, "person 4")
    assert captcha.asked == [f"person {n}" for n in range(10, 30)]


@pytest.mark.parametrize("right", [True, False])
async def test_rivals_with_one_captcha_are_one(any_world: World, right: bool) -> None:
    world = any_world
    world.wire(Numbers(captcha=NamedCaptcha(), account_address=ROOM, account=ROOM))
    await world.add_member()
    await fail(world, 10)
    for round_ in range(5):
        token, password = f"person {round_}", PASSWORD if right else "wrong"
        outcome = await race(16, lambda n: log_in(world, token, password))  # noqa: B023
        wanted = {"captcha_required": 15} | ({} if right else {"bad_credentials": 1})
        assert outcome.reasons == wanted
        assert len(outcome.winners) == right


async def test_rivals_who_ask_for_codes_with_one_captcha_are_one(any_world: World) -> None:
    world = any_world
    one_number = Limit("numbers", (Rate(1, 3600),), distinct=True)
    limits = replace(Numbers().sms, address=ROOM, address_numbers=one_number)
    world.wire(Numbers(captcha=NamedCaptcha(), sms=limits))
    for round_ in range(5):
        token = f"person {round_}"
        await ask(world, block(99))
        outcome = await race(16, lambda n: ask(world, block(n), token))  # noqa: B023
        assert outcome.reasons == {"captcha_required": 15}
        world.clock.advance(DAY)
    assert len(world.gateway.sent) == 10


async def test_what_was_spent_is_never_taken_back(world: World) -> None:
    once = Claim(ROOM_FOR_ONE, b"k" * 32, Reason.captcha_required, lasting=True)
    for mark in ("", "a mark"):
        tried = Tried([once], world.clock.now(), mark)
        await world.store.write(lambda tx: claim_all(tx, tried))  # noqa: B023
        for undo in (release_all, settle_all):
            await world.store.write(lambda tx: undo(tx, tried, world.clock.now()))  # noqa: B023
        with refused(Reason.captcha_required):
            await world.store.write(lambda tx: claim_all(tx, tried))  # noqa: B023
        world.clock.advance(60)


# Codes.


async def pump(world: World, numbers: int, pause: int, token: str = "") -> list[str]:
    """Ask for the numbers of a block, one after the other; what came of it."""
    told = []
    for n in range(numbers):
        try:
            await ask(world, block(n), token and f"{token} {n}")
            told.append("sent")
        except Refusal as refusal:
            told.append(refusal.reason.value)
        world.clock.advance(pause)
    return told


async def test_S14_the_eleventh_number_of_an_address_needs_a_captcha(guarded: World) -> None:
    told = await pump(guarded, 55, 65)
    assert told[:10] == ["sent"] * 10
    assert set(told[10:]) == {"captcha_required"}
    assert len(guarded.gateway.sent) == 10
    with refused(Reason.captcha_required) as refusals:
        await ask(guarded, block(77))
    assert refusals[0].details == SHOWN
    await ask(guarded, block(0))  # a number asked for before is no other number
    await ask(guarded, block(77), "person 1")


async def test_S14_without_a_captcha_the_eleventh_number_is_refused(world: World) -> None:
    told = await pump(world, 55, 65)
    assert told[:10] == ["sent"] * 10
    assert set(told[10:]) == {"sms_too_frequent"}


async def test_S14_three_hundred_numbers_with_captchas_meet_the_limits_of_the_address(
    guarded: World,
) -> None:
    start, pause = guarded.clock.now(), 50
    told = await pump(guarded, 900, pause, "person")
    assert set(told) == {"sent", "sms_too_frequent"}
    sent = [start + pause * n for n, one in enumerate(told) if one == "sent"]
    for window, most in ((600, 10), (3600, 30), (DAY, 100)):
        assert max(sum(end - window < at <= end for at in sent) for end in sent) == most


async def test_S14_a_service_that_cannot_be_asked_is_busy_and_counts_nothing(
    guarded: World, captcha: NamedCaptcha, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(token: str, ip: str) -> bytes | None:
        raise Refusal(Reason.busy, retry_after=5)

    monkeypatch.setattr(captcha, "check", down)
    await pump(guarded, 10, 65)
    with refused(Reason.busy):
        await ask(guarded, block(77), "person 1")
    with refused(Reason.captcha_required):
        await ask(guarded, block(77))
    assert guarded.count("sms_code") == 10


async def test_where_no_captcha_is_configured_a_token_is_ignored(world: World) -> None:
    await world.add_member()
    await log_in(world, "person 1")
    await log_in(world, "person 1")
    await ask(world, MOBILE, "person 1")
