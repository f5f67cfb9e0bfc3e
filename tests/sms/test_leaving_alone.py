"""A gateway that is out of order is left alone, and used again soon after it is back."""

import asyncio
import logging

import pytest

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.flows.ports import Accepted, GatewayFailed, SmsNotSent
from denglu.sms import Failover, MemoryGateway

MESSAGE = SmsMessage("13800000000", "login", "424242", 5, "【denglu】424242", 1_763_000_000)
DEAD = GatewayFailed("first", "ConnectionRefusedError", Trouble.unreachable)
SILENT = GatewayFailed("first", "no answer in time", Trouble.unanswered)
_ROUNDS, _RIVALS = 50, 40


class Seconds:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Counting(MemoryGateway):
    """``asked``: how often it was asked to send."""

    asked = 0

    async def send(self, message: SmsMessage) -> Accepted:
        self.asked += 1
        return await super().send(message)


async def outcome(sender: Failover) -> str:
    """Which gateway took a message, or why none did."""
    try:
        return (await sender.send(MESSAGE)).gateway
    except SmsNotSent as lost:
        return str(lost)


async def test_of_two_gateways_the_first_dead_codes_arrive_and_it_is_used_again_within_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now, first, second = Seconds(), Counting("first", fault=DEAD), Counting("second")
    sender = Failover([first, second], now=now)
    for now.at in range(300):
        assert await outcome(sender) == "second"
    # Three, and then a probe after 15 s and every 30 s from then on.
    assert first.asked == 3 + 1 + (300 - 15) // 30
    first.fault = None
    back = now.at
    while await outcome(sender) != "first":
        now.at += 1
    assert now.at - back <= 30
    assert {await outcome(sender) for _ in range(10)} == {"first"}
    said = [line.getMessage() for line in caplog.records]
    assert said.count("SMS sent at a later try") == 3 + 1 + (300 - 15) // 30
    assert [line for line in said if "SMS gateway" in line] == [
        "SMS gateway first fails again and again, and is left alone",
        "SMS gateway first answers again",
    ]


async def test_a_silent_gateway_costs_three_messages_and_then_one_for_each_probe() -> None:
    now, first, second = Seconds(), Counting("first", fault=SILENT), Counting("second")
    sender = Failover([first, second], now=now)
    told = []
    for now.at in range(16):
        told.append(await outcome(sender))
    # It opened at second 2.
    assert told == [str(SILENT)] * 3 + ["second"] * 13
    now.at = 17
    assert await outcome(sender) == str(SILENT)
    assert await outcome(sender) == "second"


async def test_with_one_gateway_nobody_waits_for_it_while_it_is_left_alone() -> None:
    now, only = Seconds(), Counting("first", fault=SILENT)
    sender = Failover([only], now=now)
    for _ in range(3):
        await outcome(sender)
    only.fault = None
    with pytest.raises(SmsNotSent, match="first: circuit_open") as caught:
        await sender.send(MESSAGE)
    assert caught.value.surely
    assert only.asked == 3
    now.at = 15
    assert await outcome(sender) == "first"


@pytest.mark.parametrize("faulty", [True, False])
async def test_of_many_at_once_exactly_one_probes(faulty: bool) -> None:
    for round_ in range(_ROUNDS):
        now, first, second = Seconds(), Counting("first", fault=DEAD), Counting("second")
        sender = Failover([first, second], now=now)
        for _ in range(3):
            await outcome(sender)
        now.at, first.asked = 15, 0
        first.fault, first.delay = DEAD if faulty else None, 0.001 * (round_ % 2)
        barrier = asyncio.Barrier(_RIVALS)

        async def rival(barrier: asyncio.Barrier, sender: Failover) -> str:
            await barrier.wait()
            return await outcome(sender)

        told = await asyncio.gather(*(rival(barrier, sender) for _ in range(_RIVALS)))
        if faulty:
            assert (first.asked, told.count("second")) == (1, _RIVALS)
        elif first.delay:  # Nobody but the probe was let in while it was under way.
            assert (told.count("first"), told.count("second")) == (1, _RIVALS - 1)
        else:
            assert first.asked == told.count("first") >= 1
        assert len(first.sent) + len(second.sent) == _RIVALS + 3


@pytest.mark.parametrize(
    "trouble", [Trouble.refused, Trouble.throttled, Trouble.number_limit, Trouble.unasked]
)
async def test_a_gateway_that_says_no_to_us_is_asked_for_the_next_message(trouble: Trouble) -> None:
    first, second = Counting("first", fault=GatewayFailed("first", "no", trouble)), Counting("b")
    sender = Failover([first, second], now=Seconds())
    assert [await outcome(sender) for _ in range(10)] == ["b"] * 10
    assert first.asked == 10


async def test_a_full_queue_of_our_own_says_nothing_about_a_gateway() -> None:
    full = GatewayFailed("first", "queue", Trouble.unasked)
    first, second = Counting("first"), Counting("second")
    sender = Failover([first, second], now=Seconds())
    for first.fault in (DEAD, full, DEAD, full, DEAD, full):
        await outcome(sender)
    # Not by the last one, which found it left alone.
    assert first.asked == 5


@pytest.mark.parametrize("trouble", [Trouble.bad_number, Trouble.blocked])
async def test_what_is_the_numbers_own_trouble_is_tried_nowhere_else(trouble: Trouble) -> None:
    first, second = Counting("first", fault=GatewayFailed("first", "no", trouble)), Counting("b")
    sender = Failover([first, second], now=Seconds())
    for _ in range(5):
        with pytest.raises(SmsNotSent) as caught:
            await sender.send(MESSAGE)
        assert caught.value.surely
    assert (first.asked, second.asked) == (5, 0)


async def test_a_probe_whose_caller_went_away_leaves_its_place_to_the_next() -> None:
    now, only = Seconds(), Counting("first", fault=DEAD)
    sender = Failover([only], now=now)
    for _ in range(3):
        await outcome(sender)
    now.at, only.fault, only.delay = 15, None, 60
    probe = asyncio.create_task(outcome(sender))
    await asyncio.sleep(0)
    assert await outcome(sender) == "first: circuit_open"
    probe.cancel()
    await asyncio.wait([probe])
    only.delay = 0
    assert await outcome(sender) == "first"


async def test_what_only_an_operator_can_mend_is_said_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = Seconds()
    gateway = MemoryGateway("first", fault=GatewayFailed("first", "no credit", Trouble.refused))
    sender = Failover([gateway], now=now)
    for now.at in range(90):
        await outcome(sender)
    said = [line.getMessage() for line in caplog.records if line.levelno >= logging.WARNING]
    assert said == ["SMS gateway first: no credit (see denglu doctor sms)"] * 2


async def test_every_gateway_that_was_asked_is_told_of_and_no_other() -> None:
    told: list[tuple[str, str]] = []
    first, second = MemoryGateway("first", fault=DEAD), MemoryGateway("second")

    def hear(gateway: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        told.append((gateway, outcome))

    sender = Failover([first, second], now=Seconds(), told=hear)
    for _ in range(4):
        await outcome(sender)
    once = [("first", "unreachable"), ("second", "sent")]
    assert told == [*once, *once, *once, ("second", "sent")]
