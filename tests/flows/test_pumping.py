"""SMS pumping: messages that nobody proves are counted by block and range, and stopped there."""

import logging

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.session import Caller
from denglu.domain.sms_code import FixedCodes, Usage
from denglu.domain.sms_message import Trouble
from denglu.flows.ports import GatewayFailed
from denglu.flows.sms_code import SmsLimits
from tests.flows.captchas import NamedCaptcha
from tests.flows.conftest import MakeWorld
from tests.flows.rivals import race
from tests.flows.test_watch import alerts
from tests.flows.world import DAY, MOBILE, NOW, OTHER_MOBILE, Numbers, World, refused

HOUR = 3600
GENEROUS = Limit("generous", (Rate(10_000, DAY),))
ROOM = SmsLimits(GENEROUS, GENEROUS, GENEROUS, GENEROUS, GENEROUS)
BLOCK = Limit("sms-block", (Rate(3, HOUR),), provable=True)
SPAN = Limit("sms-range", (Rate(5, HOUR),), provable=True)
FEW = Numbers(sms=ROOM, block=BLOCK, span=SPAN)


def in_block(n: int, block: int = 1380000) -> str:
    """A number of one block."""
    return f"{block}{n:04d}"


def everywhere(n: int) -> Caller:
    """An address in a range of its own."""
    return Caller(ip=f"198.{18 + n // 250}.{n % 250}.9")


def nearby(n: int) -> Caller:
    """Another address of one range."""
    return Caller(ip=f"203.0.113.{n}")


async def ask(
    world: World, mobile: str, caller: Caller, token: str = "", usage: Usage = Usage.login
) -> None:
    await world.send_code(mobile=mobile, usage=usage, caller=caller, captcha_token=token)


async def prove(world: World, mobile: str, caller: Caller) -> None:
    await world.with_code(mobile, world.gateway.last_code(mobile), caller)


async def pump(world: World, count: int, first: int = 0, block: int = 1380000) -> list[str]:
    """Ask for numbers of one block, each from elsewhere; what came of it."""
    told = []
    for n in range(first, first + count):
        try:
            await ask(world, in_block(n, block), everywhere(n))
        except Refusal as refusal:
            told.append(refusal.reason.value)
        else:
            told.append("sent")
    return told


async def told_to_wait(world: World, mobile: str, caller: Caller) -> int:
    with refused(Reason.sms_too_frequent) as refusals:
        await ask(world, mobile, caller)
    assert refusals[0].retry_after is not None
    return refusals[0].retry_after


async def test_S14_a_block_of_numbers_that_nobody_proves(any_world: World) -> None:
    world = any_world
    world.wire(FEW)
    await world.add_member(in_block(0))
    assert await pump(world, 6) == ["sent"] * 3 + ["sms_too_frequent"] * 3
    assert len(world.gateway.sent) == 3
    assert HOUR <= await told_to_wait(world, in_block(9), everywhere(9)) < HOUR + 30
    # Who has a code logs in, and other blocks are none of its business.
    await prove(world, in_block(0), everywhere(0))
    await ask(world, in_block(0, 1380001), everywhere(7))
    world.clock.advance(HOUR + 29)
    await ask(world, in_block(9), everywhere(9))


async def test_S14_a_range_of_addresses_that_prove_nothing(any_world: World) -> None:
    world = any_world
    world.wire(FEW)
    for n in range(5):
        await ask(world, in_block(0, 1380000 + n), nearby(n))
    assert HOUR <= await told_to_wait(world, OTHER_MOBILE, nearby(5)) < HOUR + 30
    await ask(world, OTHER_MOBILE, everywhere(1))


async def test_S14_an_ipv6_range_is_a_48(make_world: MakeWorld) -> None:
    world = make_world(FEW)
    for n in range(5):
        await ask(world, in_block(0, 1380000 + n), Caller(ip=f"2001:db8:5:{n}::1"))
    await told_to_wait(world, OTHER_MOBILE, Caller(ip="2001:db8:5:ffff::1"))
    await ask(world, OTHER_MOBILE, Caller(ip="2001:db8:6::1"))


async def test_an_office_whose_people_log_in_is_never_kept_waiting(any_world: World) -> None:
    """Numbers side by side, behind one line: four of five prove theirs."""
    world = any_world
    world.wire(FEW)
    for n in range(40):
        mobile = in_block(n)
        if n % 5:
            await world.add_member(mobile)
        await ask(world, mobile, nearby(n))
        world.clock.advance(10)
        if n % 5:
            await prove(world, mobile, nearby(n))
    assert len(world.gateway.sent) == 40


@pytest.mark.parametrize("usage", list(Usage))
async def test_a_right_code_of_any_usage_takes_its_message_back(
    make_world: MakeWorld, usage: Usage
) -> None:
    world = make_world(FEW)
    mobile, caller = in_block(0), nearby(0)
    for n in (1, 2):
        await ask(world, in_block(n), nearby(n))
    await ask(world, mobile, caller, usage=usage)
    await told_to_wait(world, in_block(3), nearby(3))
    right = await world.tries.judge(mobile, usage, world.gateway.last_code(mobile), nearby(99))
    await told_to_wait(world, in_block(3), nearby(3))
    await world.store.write(lambda tx: world.tries.spend(tx, right, world.clock.now()))
    await ask(world, in_block(3), nearby(3))


async def test_a_code_is_spent_elsewhere_and_later(any_world: World) -> None:
    """It is the range that asked for it, and the second it did, whose message is proven."""
    world = any_world
    world.wire(FEW)
    await world.add_member(in_block(0))
    for n in range(5):
        await ask(world, in_block(0, 1380000 + n), nearby(n))
        world.clock.advance(31)
    await told_to_wait(world, OTHER_MOBILE, nearby(9))
    await prove(world, in_block(0), everywhere(0))
    await ask(world, OTHER_MOBILE, nearby(9))
    await told_to_wait(world, in_block(0, 1390000), nearby(10))


async def test_codes_to_two_numbers_take_both_messages_back(any_world: World) -> None:
    world = any_world
    world.wire(FEW)
    caller = nearby(0)
    await world.add_member()
    await ask(world, MOBILE, caller)
    await prove(world, MOBILE, caller)
    login = await world.log_in(caller=caller)
    codes = await world.codes_to_move(MOBILE, in_block(5), caller)
    await ask(world, in_block(6), nearby(1))
    await told_to_wait(world, in_block(7), nearby(2))
    await world.move(login, in_block(5), codes=codes, caller=caller)
    for n in (7, 8):
        await ask(world, in_block(n), nearby(n))


async def test_a_deed_that_is_refused_proves_nothing(make_world: MakeWorld) -> None:
    """Its code can still be spent, and a message is proven once."""
    world = make_world(FEW)
    await world.add_member(in_block(0))
    for n in range(3):
        await ask(world, in_block(n), everywhere(n), usage=Usage.register)
    with refused(Reason.mobile_taken):
        await world.join(world.gateway.last_code(in_block(0)), mobile=in_block(0))
    await told_to_wait(world, in_block(9), everywhere(9))
    await world.join(world.gateway.last_code(in_block(1)), mobile=in_block(1))
    await ask(world, in_block(9), everywhere(9))


async def test_S16_what_surely_was_not_sent_is_not_counted(any_world: World) -> None:
    world = any_world
    world.wire(FEW)
    world.gateway.fault = GatewayFailed("memory", "down", Trouble.unreachable)
    assert await pump(world, 10) == ["sms_failed"] * 10
    # What nobody answered for may have arrived.
    world.wire(FEW)
    world.gateway.fault = GatewayFailed("memory", "silent", Trouble.unanswered)
    assert await pump(world, 2, 10) == ["sms_failed"] * 2
    world.gateway.fault = None
    assert await pump(world, 3, 20) == ["sent", "sms_too_frequent", "sms_too_frequent"]


async def test_messages_that_cost_nothing_are_not_counted(make_world: MakeWorld) -> None:
    fixed = FixedCodes({in_block(0): "135790"}, NOW + DAY)
    world = make_world(Numbers(sms=ROOM, block=BLOCK, span=SPAN, fixed=fixed))
    await world.add_member(in_block(0))
    for _ in range(8):
        await ask(world, in_block(0), everywhere(0))
    assert await pump(world, 4, 1) == ["sent"] * 3 + ["sms_too_frequent"]
    # Nor do they speak for others that were sent in the same second.
    await ask(world, in_block(0), everywhere(0))
    await world.with_code(in_block(0), "135790", everywhere(0))
    await told_to_wait(world, in_block(9), everywhere(9))


async def test_a_dry_run_counts_nothing(make_world: MakeWorld) -> None:
    world = make_world(Numbers(sms=ROOM, block=BLOCK, span=SPAN, dry_run=True))
    assert await pump(world, 20) == ["sent"] * 20


# A captcha.


async def test_S14_with_a_captcha_people_pass_and_are_counted(any_world: World) -> None:
    world, people = any_world, range(10, 14)
    world.wire(Numbers(sms=ROOM, block=BLOCK, span=SPAN, captcha=NamedCaptcha()))
    assert await pump(world, 4) == ["sent"] * 3 + ["captcha_required"]
    world.clock.advance(60)
    for n in people:
        await world.add_member(in_block(n))
        await ask(world, in_block(n), everywhere(n), f"person {n}")
    assert await pump(world, 1, 20) == ["captcha_required"]
    # Four of seven are proven, and with one more half of them.
    for n in people:
        await prove(world, in_block(n), everywhere(n))
    assert await pump(world, 2, 21) == ["sent", "captcha_required"]


# What an operator is told.


async def test_S14_an_operator_is_told_which_block_and_which_range(
    any_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = any_world
    world.wire(FEW)
    await pump(world, 3)
    await world.watch.tell()
    assert alerts(world) == []  # nobody was kept waiting
    await pump(world, 5, 3)
    for n in range(6):
        if n < 5:
            await ask(world, in_block(0, 1390000 + n), nearby(n))
        else:
            await told_to_wait(world, in_block(0, 1390000 + n), nearby(n))
    await world.watch.tell()
    assert alerts(world) == ["sms_pumping 1380000 203.0.113.0/24"]
    (line,) = [record for record in caplog.records if hasattr(record, "alert")]
    assert (line.levelno, line.alert) == (logging.WARNING, "sms_pumping")
    assert "1380000 203.0.113.0/24" in line.getMessage()
    # Another one within five minutes is told when they are over, if it goes on.
    for minute in range(1, 6):
        world.clock.advance(60)
        await pump(world, 1, 30 + minute)
        await world.watch.tell()
        assert len(alerts(world)) == 1 + minute // 5
    assert alerts(world)[1] == "sms_pumping 1380000"


async def test_an_alert_names_a_few_of_many_blocks(make_world: MakeWorld) -> None:
    world = make_world(FEW)
    for n in range(40):
        for _ in range(3):
            await ask(world, in_block(0, 1300000 + n), everywhere(n))
        await told_to_wait(world, in_block(1, 1300000 + n), everywhere(n))
    await world.watch.tell()
    (note,) = alerts(world)
    kind, *blocks = note.split()
    assert (kind, len(blocks)) == ("sms_pumping", 5)


# Rivals.


async def test_S14_a_hundred_at_once_into_one_block_are_exactly_the_floor(
    any_world: World,
) -> None:
    world = any_world
    world.wire(Numbers(sms=ROOM))
    for round_ in range(3):
        block, before = 1500000 + round_, len(world.gateway.sent)

        async def act(n: int, block: int = block) -> None:
            await ask(world, in_block(n, block), everywhere(n % 50))

        outcome = await race(100, act)
        assert len(outcome.winners) == len(world.gateway.sent) - before == 30
        assert outcome.reasons == {"sms_too_frequent": 70}


async def test_S14_proofs_that_race_with_messages_are_counted_exactly(any_world: World) -> None:
    """Twenty prove theirs while forty more are asked for: no proof and no message is lost."""
    world = any_world
    world.wire(Numbers(sms=ROOM))
    for round_ in range(3):
        block = 1510000 + round_
        for n in range(30):
            await world.add_member(in_block(n, block))
            await ask(world, in_block(n, block), everywhere(n % 50))

        async def act(n: int, block: int = block) -> None:
            if n < 20:
                await prove(world, in_block(n, block), everywhere(n % 50))
            else:
                await ask(world, in_block(30 + n, block), everywhere(n % 50))

        outcome = await race(60, act)
        assert all(n in outcome.winners for n in range(20))
        sent = len(outcome.winners) - 20
        # Ten were left, with room for twenty more; those that came before the proofs had none.
        assert sent + outcome.reasons["sms_too_frequent"] == 40
        assert sent <= 20
        more = (await pump(world, 25, 200, block)).count("sent")
        assert sent + more == 20


async def test_S14_one_code_spent_by_many_takes_one_message_back(any_world: World) -> None:
    world = any_world
    world.wire(FEW)
    for round_ in range(3):
        block = 1520000 + round_
        await world.add_member(in_block(0, block))
        for n in range(3):
            await ask(world, in_block(n, block), everywhere(n))
        code = world.gateway.last_code(in_block(0, block))

        async def act(n: int, block: int = block, code: str = code) -> None:
            await world.with_code(in_block(0, block), code, everywhere(n))

        assert len((await race(20, act)).winners) == 1
        await ask(world, in_block(7, block), everywhere(7))
        await told_to_wait(world, in_block(8, block), everywhere(8))
