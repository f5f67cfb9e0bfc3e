"""Login with a code: guesses are counted before they are judged, right codes are no guesses."""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.member import Status
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.flows.ports import Work
from tests.flows.conftest import MakeWorld
from tests.flows.world import (
    DAY,
    HOME,
    IOS,
    MOBILE,
    NOW,
    OTHER_MOBILE,
    Numbers,
    World,
    refused,
    wrong,
)


def elsewhere(n: int) -> Caller:
    """A caller at another address."""
    return Caller(ip=f"198.51.{n // 250}.{n % 250 + 1}")


async def guess(world: World, code: str, mobile: str = MOBILE, caller: Caller = HOME) -> None:
    with refused(Reason.bad_code) as refusals:
        await world.with_code(mobile, code, caller)
    assert (refusals[0].retry_after, refusals[0].details) == (None, {})


def guesses(world: World) -> int:
    """How often a code was compared."""
    return world.events().count("sms_code_compared")


async def test_a_member_logs_in_with_a_code(world: World) -> None:
    await world.add_member()
    grant = await world.with_code(MOBILE, await world.code_for())
    assert grant.expires_in == 7200
    assert (grant.member.visit_count, grant.member.last_ip) == (1, HOME.ip)
    assert (await world.authenticate(grant.access_token)).session.group == "iOS"
    assert world.events()[-2:] == ["sms_code_compared", "mobile_login"]


async def test_R01_a_code_is_good_once(world: World) -> None:
    await world.add_member()
    code = await world.code_for()
    await world.with_code(MOBILE, code)
    await guess(world, code)
    assert len(world.live_sessions()) == 1


async def test_S03_a_login_whose_answer_was_lost_gives_no_other_try_back(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(Numbers(code_number=Limit("code-number", (Rate(2, 3600),))))
    await world.add_member()
    code = await world.code_for()
    await guess(world, wrong(code))
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "write", losing_answer(2, world.store.write))
        with refused(Reason.busy):
            await world.with_code(MOBILE, code)
    assert len(world.live_sessions()) == 1

    code = await world.code_for()
    await guess(world, wrong(code))
    await guess(world, code)


def losing_answer(number: int, write: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """A ``write`` of which one call is committed, and nobody can say so."""
    calls = count(1)

    async def lossy(work: Work[Any]) -> Any:
        answer = await write(work)
        if next(calls) == number:
            raise Refusal(Reason.busy, retry_after=1)
        return answer

    return lossy


async def test_I02_what_cannot_be_a_code_is_wrong_and_costs_no_try(world: World) -> None:
    await world.add_member()
    code = await world.code_for()
    for _ in range(10):
        await guess(world, "")
    assert guesses(world) == 0
    await world.with_code(MOBILE, code)


async def test_S01_after_five_wrong_guesses_the_right_one_is_refused(world: World) -> None:
    await world.add_member()
    code = await world.code_for()
    for _ in range(20):
        await guess(world, wrong(code))
    await guess(world, code)
    assert guesses(world) == 5
    await world.with_code(MOBILE, await world.code_for())


async def test_four_wrong_guesses_spoil_nothing(world: World) -> None:
    await world.add_member()
    code = await world.code_for()
    for _ in range(4):
        await guess(world, wrong(code))
    await world.with_code(MOBILE, code)


async def test_S03_twenty_guesses_a_day_whatever_codes_usages_and_addresses(
    world: World,
) -> None:
    await world.add_member()
    for round_ in range(24):
        usage = list(Usage)[round_ % 3]
        caller = elsewhere(round_)
        code = await world.code_for(usage=usage, caller=caller) if round_ < 10 else "123456"
        for _ in range(5):
            with refused(Reason.bad_code):
                await world.tries.judge(MOBILE, usage, wrong(code), caller)
        world.clock.advance(3600 - 60)
    assert guesses(world) == 20


async def test_S03_ten_guesses_an_hour(world: World) -> None:
    await world.add_member()
    codes = []
    for _ in range(3):
        codes.append(await world.code_for())
        for _ in range(5):
            await guess(world, wrong(codes[-1]))
    assert guesses(world) == 10
    await guess(world, codes[-1])  # the right one is refused as well now
    world.clock.advance(3600)
    await world.with_code(MOBILE, await world.code_for())


async def test_S04_two_hundred_addresses_have_five_guesses_together(world: World) -> None:
    await world.add_member()
    code = await world.code_for()
    for n in range(200):
        await guess(world, wrong(code), caller=elsewhere(n))
    assert guesses(world) == 5


async def test_an_address_that_guesses_at_many_numbers_is_stopped(world: World) -> None:
    for n in range(7):
        mobile = f"1380000000{n}"
        code = await world.code_for(mobile, caller=elsewhere(n))
        world.clock.advance(-60)
        for _ in range(5 if n < 6 else 0):
            await guess(world, wrong(code), mobile)
    with refused(Reason.too_many_attempts) as refusals:
        await world.with_code("13800000006", code)
    assert refusals[0].retry_after == 300
    world.clock.advance(240)
    await world.add_member("13800000006")
    await world.with_code("13800000006", code, elsewhere(1))


async def test_S07_a_code_ends_to_the_second(make_world: MakeWorld) -> None:
    world = make_world(Numbers())
    await world.add_member()
    await world.send_code(mobile=MOBILE, usage=Usage.login, caller=HOME)
    world.clock.advance(299)
    await world.with_code(MOBILE, world.gateway.last_code(MOBILE))

    await world.send_code(mobile=MOBILE, usage=Usage.login, caller=HOME)
    world.clock.advance(300)
    await guess(world, world.gateway.last_code(MOBILE))


async def test_F12_a_clock_set_back_makes_no_code_good_again(world: World) -> None:
    await world.add_member()
    code = await world.code_for()
    await world.with_code(MOBILE, code)
    world.clock.advance(-3600)
    await guess(world, code)


@pytest.mark.parametrize("usage", [usage for usage in Usage if usage is not Usage.login])
async def test_S08_a_code_for_something_else_is_wrong(world: World, usage: Usage) -> None:
    await world.add_member()
    await guess(world, await world.code_for(usage=usage))
    assert world.live_sessions() == []


async def test_S08_a_code_of_another_number_is_wrong_and_counted(world: World) -> None:
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    code = await world.code_for()
    other = await world.code_for(OTHER_MOBILE)
    if other == code:  # one in a million
        return
    await guess(world, code, OTHER_MOBILE)
    assert guesses(world) == 1
    await world.with_code(OTHER_MOBILE, other)


async def test_S08_a_code_of_one_merchant_is_none_at_another(world: World) -> None:
    await world.add_member()
    code = await world.code_for(caller=Caller(ip=HOME.ip, merchant_id=5))
    await guess(world, code)


async def test_S09_only_the_newest_code_is_good(world: World) -> None:
    await world.add_member()
    first = await world.code_for()
    second = await world.code_for()
    if first == second:  # one in a million
        return
    await guess(world, first)
    await world.with_code(MOBILE, second)


async def unknown(world: World) -> None:
    pass


async def disabled(world: World) -> None:
    await world.administer.set_status(await world.add_member(), Status.disabled)


@pytest.mark.parametrize("who", [unknown, disabled])
async def test_E06_who_has_no_member_learns_it_with_a_right_code_only(
    world: World, who: Callable[[World], Awaitable[None]]
) -> None:
    await who(world)
    code = await world.code_for()
    for _ in range(4):
        await guess(world, wrong(code))
    with refused(Reason.member_not_found):
        await world.with_code(MOBILE, code)
    assert world.live_sessions() == []


async def test_a_right_code_is_no_guess_and_stays_good_for_who_has_no_member_yet(
    world: World,
) -> None:
    code = await world.code_for()
    for _ in range(20):
        with refused(Reason.member_not_found):
            await world.with_code(MOBILE, code)
    await world.add_member()
    for _ in range(4):
        await guess(world, wrong(code))
    await world.with_code(MOBILE, code)


async def test_right_codes_use_up_no_guesses(world: World) -> None:
    await world.add_member()
    for n in range(5):
        code = await world.code_for()
        for _ in range(4 if n < 2 else 0):
            await guess(world, wrong(code))
        # With the eight wrong ones, five right ones would be more than ten an hour.
        await world.with_code(MOBILE, code)


@pytest.mark.parametrize("fault", [LookupError("a bug"), OSError("a disk")])
async def test_R12_a_fault_behind_the_code_check_leaves_the_code_good(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def broken() -> bytes:
        raise fault

    await world.add_member()
    code = await world.code_for()
    with monkeypatch.context() as patch:
        patch.setattr(world.tokens, "new_nonce", broken)
        with pytest.raises(type(fault)):
            await world.with_code(MOBILE, code)
    assert world.live_sessions() == []
    assert guesses(world) == 1
    grant = await world.with_code(MOBILE, code)
    assert grant.member.visit_count == 1


async def test_L01_the_trail_of_a_guess_is_masked(world: World) -> None:
    await world.add_member()
    code = await world.code_for()
    await guess(world, wrong(code))
    notes = world.sql("select note, ip, at from audit_event where event = 'sms_code_compared'")
    assert notes == [("login 138****0000", HOME.ip, NOW + 60)]
    everything = str([world.sql(f"select * from {table}") for table in ("sms_code", "audit_event")])
    assert code not in everything
    assert MOBILE not in everything


async def test_an_sms_login_replaces_the_session_of_its_group(world: World) -> None:
    await world.add_member()
    before = await world.log_in(group=IOS)
    await world.with_code(MOBILE, await world.code_for())
    with refused(Reason.session_replaced):
        await world.authenticate(before.access_token)


async def test_a_day_later_the_guesses_of_a_number_are_forgotten(world: World) -> None:
    await world.add_member()
    for _ in range(4):
        code = await world.code_for()
        for _ in range(5):
            await guess(world, wrong(code))
        world.clock.advance(3600)
    code = await world.code_for()
    await guess(world, code)
    world.clock.advance(DAY)
    await world.with_code(MOBILE, await world.code_for())


async def test_the_trail_says_at_which_merchant_a_code_was_compared(world: World) -> None:
    caller = Caller(ip="203.0.113.9", merchant_id=7)
    code = await world.code_for(caller=caller)
    with refused(Reason.bad_code):
        await world.with_code(MOBILE, wrong(code), caller)
    compared = "select merchant_id, ip from audit_event where event = 'sms_code_compared'"
    assert world.sql(compared) == [(7, caller.ip)]
