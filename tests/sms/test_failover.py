"""When the next gateway is tried, and when a message is given up."""

import asyncio
from pathlib import Path

import pytest

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.flows.ports import Accepted, GatewayFailed, Sent, SmsNotSent
from denglu.settings import Settings
from denglu.sms import Failover, MemoryGateway, open_sender

MESSAGE = SmsMessage("13800000000", "login", "424242", 5, "【denglu】424242", 1_763_000_000)
SURE = GatewayFailed("first", "refused", Trouble.unreachable)
UNSURE = GatewayFailed("first", "connection lost", Trouble.unanswered)


async def test_the_first_gateway_that_works_sends_and_no_other() -> None:
    first, second = MemoryGateway("first"), MemoryGateway("second")
    sent = await Failover([first, second]).send(MESSAGE)
    assert sent == Sent("first", Accepted("first-1"))
    assert (first.sent, second.sent) == ([MESSAGE], [])


async def test_a_gateway_that_surely_did_not_send_is_followed_by_the_next() -> None:
    first, second = MemoryGateway("first", fault=SURE), MemoryGateway("second")
    sent = await Failover([first, second]).send(MESSAGE)
    assert sent == Sent("second", Accepted("second-1"), (SURE,))
    assert second.sent == [MESSAGE]


@pytest.mark.parametrize(
    "fault", [UNSURE, TimeoutError(), ConnectionResetError("sent 424242"), RuntimeError("424242")]
)
async def test_a_member_never_gets_two_messages_because_a_gateway_was_unsure(
    fault: Exception,
) -> None:
    first, second = MemoryGateway("first", fault=fault), MemoryGateway("second")
    with pytest.raises(SmsNotSent) as caught:
        await Failover([first, second]).send(MESSAGE)
    assert second.sent == []
    assert "first" in str(caught.value)
    assert "424242" not in str(caught.value)


async def test_silence_until_the_deadline_is_no_certainty() -> None:
    first, second = MemoryGateway("first", delay=60), MemoryGateway("second")
    for each, whole in ((0.01, 3600), (3600, 0.01)):
        sender = Failover([first, second], each=each, whole=whole)
        async with asyncio.timeout(20):  # Only so that a broken deadline does not hang the test.
            with pytest.raises(SmsNotSent, match="no answer in time"):
                await sender.send(MESSAGE)
    assert (first.sent, second.sent) == ([], [])


async def test_the_whole_deadline_holds_over_all_gateways() -> None:
    class Slow(MemoryGateway):
        async def send(self, message: SmsMessage) -> Accepted:
            await asyncio.sleep(0.03)
            raise SURE

    last = MemoryGateway("last")
    with pytest.raises(SmsNotSent):
        await Failover([Slow(), Slow(), Slow(), last], each=1, whole=0.05).send(MESSAGE)
    assert last.sent == []


async def test_no_gateway_is_asked_once_the_deadline_is_over() -> None:
    gateway = MemoryGateway()
    with pytest.raises(SmsNotSent):
        await Failover([gateway], whole=0).send(MESSAGE)
    assert gateway.sent == []


async def test_all_gateways_refusing_is_told_with_every_cause() -> None:
    second = GatewayFailed("second", "no credit", Trouble.unreachable)
    sender = Failover([MemoryGateway("first", fault=SURE), MemoryGateway("second", fault=second)])
    with pytest.raises(SmsNotSent, match=r"first: refused; second: no credit"):
        await sender.send(MESSAGE)


async def test_a_caller_who_goes_away_is_not_mistaken_for_a_fault() -> None:
    first, second = MemoryGateway("first", delay=60), MemoryGateway("second")
    task = asyncio.create_task(Failover([first, second]).send(MESSAGE))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert second.sent == []


async def test_the_settings_name_the_gateways_in_their_order(tmp_path: Path) -> None:
    box = tmp_path / "box"
    sender = open_sender(Settings(sms_gateways=("outbox", "console"), sms_outbox=box))
    assert (await sender.send(MESSAGE)).gateway == "outbox"
    assert "424242" in box.read_text("utf-8")


async def test_the_next_gateway_of_the_settings_takes_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = tmp_path / "lost" / "box"
    sender = open_sender(Settings(sms_gateways=("outbox", "console"), sms_outbox=lost))
    assert (await sender.send(MESSAGE)).gateway == "console"
    assert "424242" in capsys.readouterr().out


def test_a_gateway_without_its_settings_is_refused() -> None:
    with pytest.raises(ValueError, match="outbox"):
        open_sender(Settings(sms_gateways=("outbox",)))


async def test_gateways_that_hold_on_to_threads_let_go_of_them_in_the_end() -> None:
    class Threaded(MemoryGateway):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    gateway = Threaded()
    Failover([MemoryGateway(), gateway]).close()
    assert gateway.closed == 1
