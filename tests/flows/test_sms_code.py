"""Asking for a code: claimed before it is sent, the same for everybody, within every budget."""

import asyncio
from contextlib import suppress

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.flows.ports import Accepted, GatewayFailed
from denglu.flows.sms_code import SmsLimits
from tests.flows.conftest import MakeWorld
from tests.flows.world import DAY, HOME, MOBILE, NOW, OTHER_MOBILE, Numbers, World, refused

DOWN = GatewayFailed("memory", "down", Trouble.unreachable)
GENEROUS = Limit("generous", (Rate(10_000, DAY),))


async def ask(
    world: World, mobile: str = MOBILE, usage: Usage = Usage.login, caller: Caller = HOME
) -> None:
    await world.send_code(mobile=mobile, usage=usage, caller=caller)


async def wait_for(world: World, mobile: str = MOBILE, caller: Caller = HOME) -> int:
    """How long somebody is told to wait; nothing is sent."""
    sent = len(world.gateway.sent)
    with refused(Reason.sms_too_frequent) as refusals:
        await ask(world, mobile, caller=caller)
    assert len(world.gateway.sent) == sent
    assert refusals[0].retry_after is not None
    return refusals[0].retry_after


async def test_a_code_arrives(world: World) -> None:
    await ask(world, usage=Usage.up_pwd)
    (message,) = world.gateway.sent
    assert (message.mobile, message.usage, message.sent_at) == (MOBILE, "up-pwd", NOW)
    assert len(message.code) == 6
    assert message.code.isdecimal()
    assert message.code in message.text
    assert f"{message.minutes}分钟" in message.text
    assert message.minutes == 5
    assert world.sql("select gateway, outcome, mobile_masked from sms_message") == [
        ("memory", "sent", "138****0000")
    ]
    assert world.events() == ["sms_code_sent"]


async def test_E03_a_number_without_a_member_gets_one_as_well(world: World) -> None:
    await world.add_member()
    await ask(world)
    await ask(world, OTHER_MOBILE)
    assert [message.mobile for message in world.gateway.sent] == [MOBILE, OTHER_MOBILE]


async def test_S11_one_message_a_minute(world: World) -> None:
    await ask(world)
    assert await wait_for(world) == 60
    world.clock.advance(59)
    assert await wait_for(world) == 1
    world.clock.advance(1)
    await ask(world)


async def test_S11_another_usage_has_no_budget_of_its_own(world: World) -> None:
    await ask(world)
    with refused(Reason.sms_too_frequent):
        await ask(world, usage=Usage.register)


async def test_S11_five_an_hour_and_ten_a_day(world: World) -> None:
    sent_at = []
    for second in range(0, 2 * DAY, 30):
        world.clock.time = NOW + second
        before = len(world.gateway.sent)
        with suppress(Refusal):
            await ask(world, caller=Caller(ip=f"198.51.100.{second % 250}"))
        sent_at += [second] * (len(world.gateway.sent) - before)
    for window, most in ((60, 1), (3600, 5), (DAY, 10)):
        assert max(sum(end - window < at <= end for at in sent_at) for end in sent_at) == most


async def test_S12_fifty_at_once_are_one_message(any_world: World) -> None:
    world = any_world
    done = await asyncio.gather(*(ask(world) for _ in range(50)), return_exceptions=True)
    told = [getattr(one, "reason", None) for one in done]
    assert told.count(None) == 1
    assert told.count(Reason.sms_too_frequent) == 49
    assert len(world.gateway.sent) == 1
    assert world.count("sms_code") == 1


async def test_S14_an_address_may_ask_for_ten_different_numbers_an_hour(world: World) -> None:
    for n in range(10):
        await ask(world, f"1380000{n:04d}")
        world.clock.advance(70)
    assert await wait_for(world, OTHER_MOBILE) == 3600 - 700
    await ask(world, "13800000000")
    await ask(world, OTHER_MOBILE, caller=Caller(ip="198.51.100.1"))


async def test_S14_an_address_may_ask_ten_times_in_ten_minutes(make_world: MakeWorld) -> None:
    limits = Numbers().sms
    sms = SmsLimits(GENEROUS, GENEROUS, limits.address, limits.address_numbers, GENEROUS)
    world = make_world(Numbers(sms=sms, block=GENEROUS))
    for _ in range(10):
        await ask(world)
    assert await wait_for(world) == 600
    for _ in range(2):
        world.clock.advance(600)
        for _ in range(10):
            await ask(world)
    world.clock.advance(600)
    assert await wait_for(world) == 1800


async def test_S15_the_site_has_a_budget(make_world: MakeWorld) -> None:
    limits = Numbers().sms
    site = Limit("site", (Rate(3, 3600),))
    world = make_world(
        Numbers(
            sms=SmsLimits(
                limits.cooldown, limits.number, limits.address, limits.address_numbers, site
            )
        )
    )
    for n in range(3):
        await ask(world, f"1380000000{n}", caller=Caller(ip=f"198.51.100.{n}"))
    assert await wait_for(world, OTHER_MOBILE) == 3600
    await world.add_member("13800000000")
    await world.with_code("13800000000", world.gateway.last_code("13800000000"))


async def test_the_longest_wait_is_told(world: World) -> None:
    for _ in range(5):
        await ask(world)
        world.clock.advance(60)
    assert await wait_for(world) == 3600 - 300


async def test_S16_a_failed_sending_costs_the_cooldown_and_not_the_budget(world: World) -> None:
    world.gateway.fault = DOWN
    for _ in range(20):
        with refused(Reason.sms_failed):
            await ask(world, caller=Caller(ip=f"198.51.100.{world.clock.time % 250}"))
        with refused(Reason.sms_too_frequent):
            await ask(world)
        world.clock.advance(60)
    world.gateway.fault = None
    for _ in range(5):
        await ask(world)
        world.clock.advance(60)
    assert world.events() == ["sms_code_failed"] * 20 + ["sms_code_sent"] * 5
    assert world.sql("select outcome, count(*) from sms_message group by 1 order by 1") == [
        ("failed", 20),
        ("sent", 5),
    ]


async def test_S16_addresses_pay_for_failed_sendings(world: World) -> None:
    world.gateway.fault = DOWN
    for n in range(10):
        with refused(Reason.sms_failed):
            await ask(world, f"1380000000{n}")
    assert await wait_for(world, OTHER_MOBILE) == 3600


async def test_S16_nothing_is_open_while_a_message_is_under_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = world.gateway.send

    async def and_meanwhile(message: SmsMessage) -> Accepted:
        # Everything is committed by now, and others can write.
        assert world.count("sms_code") == world.count("sms_message") == 1
        await world.add_member()
        return await send(message)

    monkeypatch.setattr(world.gateway, "send", and_meanwhile)
    await ask(world)
    assert world.count("member") == 1


async def test_L01_only_the_phone_sees_the_code_and_the_number(world: World) -> None:
    await ask(world)
    tables = ("sms_code", "sms_message", "audit_event", "limit_tally")
    everything = str([world.sql(f"select * from {table}") for table in tables])
    assert world.gateway.last_code(MOBILE) not in everything
    assert MOBILE not in everything
    assert "138****0000" in everything
