"""The one way of every message: booked with its deed, sent with nothing open, and closed."""

import asyncio
import logging
from typing import Any

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.member import SITE
from denglu.domain.session import Caller
from denglu.domain.sms_code import FixedCodes, Usage
from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.domain.spend import Cap, Kind
from denglu.flows.budget import Budget
from denglu.flows.ports import Accepted, GatewayFailed, Work
from denglu.sms import MemoryGateway
from tests.flows.conftest import MakeWorld
from tests.flows.rivals import race
from tests.flows.world import DAY, HOME, MOBILE, OTHER_MOBILE, Numbers, World, refused

# The second gateway is the dearest: that is what a message is charged before it is sent.
PRICES = {"memory": 450, "second": 500}
SURE = GatewayFailed("memory", "isv.AMOUNT_NOT_ENOUGH", Trouble.refused)
UNSURE = GatewayFailed("memory", "ConnectionResetError", Trouble.unanswered)
_ROWS = "select outcome, gateway, provider_id, error, cost, parts from sms_message order by id"


def numbers(messages: int = 100, **changed: Any) -> Numbers:
    """A budget of so many messages a day."""
    return Numbers(budget=Budget(PRICES, site={Kind.day: Cap(messages, 1_000_000)}), **changed)


def spent(world: World) -> list[tuple[int, int]]:
    return world.sql("select messages, cost from sms_spend")


async def ask(world: World, mobile: str = MOBILE, caller: Caller = HOME) -> None:
    await world.send_code(mobile=mobile, usage=Usage.login, caller=caller)


class Held(MemoryGateway):
    """Sends nothing until the test opens the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    async def send(self, message: SmsMessage) -> Accepted:
        self.asked.set()
        await self.gate.wait()
        return await super().send(message)


def through(world: World, *gateways: MemoryGateway, n: Numbers | None = None) -> None:
    """These are the gateways now."""
    world.gateways = list(gateways)
    world.wire(n or numbers())


async def test_a_message_is_charged_as_the_dearest_and_costs_what_its_gateway_takes(
    make_world: MakeWorld,
) -> None:
    world, gateway = make_world(numbers()), Held()
    through(world, gateway)
    asking = asyncio.create_task(ask(world))
    await gateway.asked.wait()
    assert world.sql(_ROWS) == [("sending", "", None, "", 0, 0)]
    assert spent(world) == [(1, 500)]
    gateway.gate.set()
    await asking
    assert world.sql(_ROWS) == [("sent", "memory", "memory-1", "", 450, 1)]
    assert spent(world) == [(1, 450)]
    (row,) = world.sql("select template, mobile_masked, merchant_id, created_at from sms_message")
    assert row == ("login", "138****0000", 0, world.clock.now())


async def test_every_gateway_gets_the_number_of_the_messages_row(make_world: MakeWorld) -> None:
    world = make_world(numbers())
    for mobile in (MOBILE, OTHER_MOBILE):
        await ask(world, mobile)
    rows = world.sql("select id from sms_message order by id")
    assert [(message.number,) for message in world.gateway.sent] == rows


async def test_what_surely_was_not_sent_costs_nothing(make_world: MakeWorld) -> None:
    world = make_world(numbers(messages=1))
    world.gateway.fault = SURE
    for _ in range(3):
        with refused(Reason.sms_failed):
            await ask(world)
        world.clock.advance(60)
    failed = ("failed", "memory", None, "isv.AMOUNT_NOT_ENOUGH", 0, 0)
    assert world.sql(_ROWS) == [failed] * 3
    assert spent(world) == [(0, 0)]
    world.gateway.fault = None
    await ask(world)


async def test_what_may_be_under_way_keeps_its_cost_and_the_numbers_tries(
    make_world: MakeWorld,
) -> None:
    world = make_world(numbers())
    world.gateway.fault = UNSURE
    for _ in range(5):
        with refused(Reason.sms_failed):
            await ask(world)
        world.clock.advance(60)
    unknown = ("unknown", "memory", None, "ConnectionResetError", 500, 0)
    assert world.sql(_ROWS) == [unknown] * 5
    assert spent(world) == [(5, 2500)]
    assert world.events() == ["sms_code_failed"] * 5
    world.gateway.fault = None
    with refused(Reason.sms_too_frequent):
        await ask(world)


async def test_a_budget_that_is_spent_refuses_and_leaves_no_trace(any_world: World) -> None:
    world = any_world
    world.wire(numbers(messages=1))
    await ask(world)
    with refused(Reason.sms_budget) as refusals:
        await ask(world, OTHER_MOBILE)
    assert 0 < (refusals[0].retry_after or 0) <= DAY
    assert [world.count(table) for table in ("sms_code", "sms_message")] == [1, 1]
    assert spent(world) == [(1, 450)]
    assert len(world.gateway.sent) == 1
    # Not even the cooldown: nothing was sent to that number.
    world.wire(numbers(messages=2))
    await ask(world, OTHER_MOBILE)


async def test_rivals_never_spend_more_than_the_budget(any_world: World) -> None:
    world = any_world
    wide = Limit("wide", (Rate(10_000, DAY),), provable=True)
    for round_ in range(1, 6):
        world.wire(numbers(messages=5 * round_, block=wide, span=wide))

        async def rival(n: int, round_: int = round_) -> None:
            await ask(world, f"139{round_:04d}{n:04d}", Caller(ip=f"10.{round_}.{n}.1"))

        outcome = await race(20, rival)
        assert outcome.reasons == {"sms_budget": 15}
        assert len(world.gateway.sent) == world.count("sms_message") == 5 * round_
        assert spent(world) == [(5 * round_, 450 * 5 * round_)]


async def test_a_caller_who_goes_away_stops_nothing(any_world: World) -> None:
    world, gateway = any_world, Held()
    through(world, gateway)
    asking = asyncio.create_task(ask(world))
    await gateway.asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    gateway.gate.set()
    await world.sending.close()
    assert world.sql("select outcome from sms_message") == [("sent",)]
    assert spent(world) == [(1, 450)]
    assert world.events() == ["sms_code_sent"]


async def test_a_failure_that_nobody_waits_for_is_closed_as_well(
    make_world: MakeWorld, recwarn: pytest.WarningsRecorder
) -> None:
    world, gateway = make_world(numbers()), Held()
    through(world, gateway)
    gateway.fault = SURE
    asking = asyncio.create_task(ask(world))
    await gateway.asked.wait()
    asking.cancel()
    gateway.gate.set()
    await world.sending.close()
    assert world.sql("select outcome from sms_message") == [("failed",)]
    assert spent(world) == [(0, 0)]
    assert not recwarn.list


async def test_the_end_of_the_server_waits_for_what_is_under_way(make_world: MakeWorld) -> None:
    world, gateway = make_world(numbers()), Held()
    through(world, gateway)
    asking = asyncio.create_task(ask(world))
    await gateway.asked.wait()
    asking.cancel()
    closing = asyncio.create_task(world.sending.close())
    await asyncio.sleep(0)
    assert not closing.done()
    gateway.gate.set()
    await closing
    assert world.sql("select outcome from sms_message") == [("sent",)]


async def test_a_database_that_is_busy_at_the_end_does_not_change_the_answer(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world, gateway = make_world(numbers()), Held()
    through(world, gateway)

    async def busy(work: Work[Any]) -> Any:
        raise Refusal(Reason.busy)

    for fault, told in ((None, None), (SURE, Reason.sms_failed)):
        gateway.fault = fault
        asking = asyncio.create_task(ask(world, OTHER_MOBILE if fault else MOBILE))
        await gateway.asked.wait()
        with monkeypatch.context() as patched:
            patched.setattr(world.store, "write", busy)
            gateway.gate.set()
            (answer,) = await asyncio.gather(asking, return_exceptions=True)
        assert getattr(answer, "reason", None) is told
        gateway.gate.clear()
        gateway.asked.clear()
    assert world.sql("select outcome from sms_message") == [("sending",)] * 2
    assert spent(world) == [(2, 1000)]
    assert caplog.text.count("was not closed: busy") == 2


async def test_S16_a_providers_limit_is_told_like_our_own(make_world: MakeWorld) -> None:
    world = make_world(numbers())
    for trouble in (Trouble.number_limit, Trouble.throttled):
        world.gateway.fault = GatewayFailed("memory", "isv.BUSINESS_LIMIT_CONTROL", trouble)
        with refused(Reason.sms_too_frequent) as refusals:
            await ask(world)
        assert refusals[0].retry_after == 60
        world.clock.advance(60)
    assert spent(world) == [(0, 0)]
    assert world.events() == ["sms_code_failed"] * 2


@pytest.mark.parametrize(
    ("trouble", "charged"), [(Trouble.unanswered, (1, 500)), (Trouble.blocked, (0, 0))]
)
async def test_where_waiting_does_not_help_nobody_is_told_to_wait(
    make_world: MakeWorld, trouble: Trouble, charged: tuple[int, int]
) -> None:
    world = make_world(numbers())
    world.gateway.fault = GatewayFailed("memory", "limit", Trouble.throttled)
    second = MemoryGateway("second", fault=GatewayFailed("second", "no", trouble))
    through(world, world.gateway, second)
    with refused(Reason.sms_failed):
        await ask(world)
    assert spent(world) == [charged]


async def test_the_second_gateway_is_paid_when_it_sent(make_world: MakeWorld) -> None:
    world = make_world(numbers())
    world.gateway.fault = SURE
    through(world, world.gateway, MemoryGateway("second"))
    await ask(world)
    assert world.sql(_ROWS) == [("sent", "second", "second-1", "", 500, 1)]
    assert spent(world) == [(1, 500)]


async def test_of_several_that_failed_the_row_names_the_last_that_was_asked(
    make_world: MakeWorld,
) -> None:
    world = make_world(numbers())
    world.gateway.fault = SURE
    left_alone = GatewayFailed("second", "no template", Trouble.unasked)
    through(world, world.gateway, MemoryGateway("second", fault=left_alone))
    with refused(Reason.sms_failed):
        await ask(world)
    assert world.sql(_ROWS) == [("failed", "memory", None, "isv.AMOUNT_NOT_ENOUGH", 0, 0)]
    through(world, MemoryGateway("second", fault=left_alone))
    with refused(Reason.sms_failed):
        await ask(world, OTHER_MOBILE)
    assert world.sql(_ROWS)[1] == ("failed", "second", None, "no template", 0, 0)


async def test_a_dry_run_does_everything_but_sending(make_world: MakeWorld) -> None:
    world = make_world(numbers(messages=2, dry_run=True))
    await ask(world)
    with refused(Reason.sms_too_frequent):
        await ask(world)
    await ask(world, OTHER_MOBILE)
    with refused(Reason.sms_budget):
        await ask(world, "13722222222")
    assert world.gateway.sent == []
    assert world.sql(_ROWS) == [("dry_run", "", None, "", 500, 1)] * 2
    assert world.events() == ["sms_code_sent"] * 2


async def test_S18_a_test_number_costs_nothing(make_world: MakeWorld) -> None:
    codes = FixedCodes({MOBILE: "135790"}, 2**40)
    world = make_world(numbers(messages=0, fixed=codes))
    await ask(world)
    assert world.sql(_ROWS) == [("test_number", "", None, "", 0, 0)]
    assert spent(world) == []


async def test_notices_are_written_down_and_charged(make_world: MakeWorld) -> None:
    world = make_world(numbers(messages=1))
    await world.notices.cancel_requested(MOBILE, SITE, 7)
    await world.notices.password_changed(OTHER_MOBILE, SITE)
    (message,) = world.gateway.sent
    assert (message.template, message.params["days"]) == ("cancel-requested", "7")
    assert world.sql("select template, outcome from sms_message") == [("cancel-requested", "sent")]
    assert spent(world) == [(1, 450)]


@pytest.mark.parametrize("spoil", ["budget", "gateway", "silence"])
async def test_a_notice_that_was_not_sent_raises_nothing_and_is_noted(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture, spoil: str
) -> None:
    world = make_world(numbers(messages=0 if spoil == "budget" else 5))
    world.gateway.fault = {"gateway": SURE, "silence": UNSURE}.get(spoil)
    caplog.set_level(logging.WARNING)
    await world.notices.password_changed(MOBILE, SITE)
    assert "a notice was not sent" in caplog.text
    assert MOBILE not in caplog.text
