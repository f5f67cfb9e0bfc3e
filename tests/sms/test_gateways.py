"""What every gateway does: one contract for the console, the outbox and the memory twin."""

import asyncio
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.domain.wording import Wording
from denglu.flows.ports import GatewayFailed, SmsGateway
from denglu.sms import ConsoleGateway, MemoryGateway, OutboxGateway
from denglu.sms.console import console_line

Sent = Callable[[], list[str]]
Case = tuple[SmsGateway, Sent, SmsGateway]


def message(number: int = 0) -> SmsMessage:
    code = f"{number:06d}"
    text = f"【denglu】您的验证码是{code}，5分钟内有效，请勿泄露。"
    return SmsMessage(f"138{number:08d}", "login", code, 5, text, 1_763_000_000 + number)


def console(tmp_path: Path) -> Case:
    stream, closed = io.StringIO(), io.StringIO()
    closed.close()
    return (
        ConsoleGateway(stream),
        lambda: stream.getvalue().splitlines(),
        ConsoleGateway(closed),
    )


def outbox(tmp_path: Path) -> Case:
    file = tmp_path / "outbox"

    def sent() -> list[str]:
        return file.read_text("utf-8").splitlines() if file.exists() else []

    return OutboxGateway(file), sent, OutboxGateway(tmp_path / "lost" / "outbox")


def memory(tmp_path: Path) -> Case:
    gateway = MemoryGateway()
    fault = GatewayFailed("memory", "told to fail", Trouble.unreachable)
    return gateway, lambda: [m.text for m in gateway.sent], MemoryGateway(fault=fault)


@pytest.fixture(params=[console, outbox, memory])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    made: Case = request.param(tmp_path)
    return made


async def test_a_member_finds_code_and_text_in_what_was_sent(case: Case) -> None:
    gateway, sent, _ = case
    await gateway.send(message(42))
    (line,) = sent()
    assert "000042" in line
    assert message(42).text in line


async def test_messages_keep_their_order(case: Case) -> None:
    gateway, sent, _ = case
    for number in range(5):
        await gateway.send(message(number))
    assert [f"{number:06d}" in line for number, line in enumerate(sent())] == [True] * 5


async def test_messages_sent_at_once_are_whole_lines(case: Case) -> None:
    gateway, sent, _ = case
    await asyncio.gather(*(gateway.send(message(number)) for number in range(50)))
    lines = sent()
    assert len(lines) == 50
    assert all(sum(message(n).text in line for line in lines) == 1 for n in range(50))


async def test_a_gateway_that_cannot_send_is_sure_of_it_and_quotes_no_code(case: Case) -> None:
    _, _, broken = case
    with pytest.raises(GatewayFailed) as caught:
        await broken.send(message(424242))
    assert caught.value.trouble.surely_not_sent
    assert caught.value.gateway == broken.name
    assert "424242" not in str(caught.value)


def test_every_gateway_has_its_name(case: Case) -> None:
    assert case[0].name in {"console", "outbox", "memory"}
    assert case[0].name == case[2].name


async def test_the_terminal_shows_the_number_masked_and_never_two_lines() -> None:
    stream = io.StringIO()
    evil = SmsMessage("13800001234", "login", "123456", 5, "a\nb\x1b[2J\u2028c\rd", 0)
    await ConsoleGateway(stream).send(evil)
    text = stream.getvalue()
    assert "138****1234" in text
    assert "13800001234" not in text
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text


def test_the_lines_that_phones_read_stay_one_line_on_a_terminal() -> None:
    wording = Wording(code="{code}", domain="shop.example", android_hash="FA+9qCX9VSu")
    sent = wording.of_code(Usage.login, mobile="13800000000", code="042042", life=300, now=7)
    line = console_line(sent)
    assert line.endswith("  【denglu】042042 ⏎ FA+9qCX9VSu ⏎ @shop.example #042042")
    assert "13800000000" not in line


async def test_a_notice_without_a_code_shows_none() -> None:
    stream = io.StringIO()
    await ConsoleGateway(stream).send(SmsMessage("13800001234", "notice", "", 0, "您好", 0))
    assert stream.getvalue() == "[短信 SMS] 138****1234  notice  您好\n"


async def test_the_terminal_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    await ConsoleGateway().send(message())
    assert "000000" in capsys.readouterr().out


async def test_the_outbox_holds_what_the_contract_names(tmp_path: Path) -> None:
    file = tmp_path / "outbox"
    await OutboxGateway(file).send(message(7))
    assert json.loads(file.read_text("utf-8")) == {
        "mobile": "13800000007",
        "usage": "login",
        "code": "000007",
        "text": message(7).text,
        "sent_at": 1_763_000_007,
    }
    assert file.stat().st_mode & 0o777 == 0o600


async def test_two_servers_may_share_an_outbox(tmp_path: Path) -> None:
    file = tmp_path / "outbox"
    rivals = [OutboxGateway(file) for _ in range(4)]
    await asyncio.gather(*(rivals[n % 4].send(message(n)) for n in range(100)))
    codes = [json.loads(line)["code"] for line in file.read_text("utf-8").splitlines()]
    assert sorted(codes) == [f"{number:06d}" for number in range(100)]


async def test_a_full_disk_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "outbox"
    await OutboxGateway(file).send(message(1))
    whole = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda number, line: whole(number, line[:10]))
        with pytest.raises(GatewayFailed, match="10 of") as caught:
            await OutboxGateway(file).send(message(2))
    assert caught.value.trouble.surely_not_sent
    await OutboxGateway(file).send(message(3))
    lines = file.read_text("utf-8").splitlines()
    assert [json.loads(line)["code"] for line in lines] == ["000001", "000003"]


async def test_the_memory_twin_knows_the_newest_code_of_a_number() -> None:
    gateway = MemoryGateway()
    first, second = message(1), message(1)
    await gateway.send(first)
    await gateway.send(message(2))
    await gateway.send(SmsMessage(second.mobile, "login", "999999", 5, "", 0))
    assert gateway.last_code(first.mobile) == "999999"
    with pytest.raises(LookupError):
        gateway.last_code("13900000000")
