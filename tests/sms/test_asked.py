"""What holds for the gateways ``tencent`` and ``http`` alike, against services on loopback."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.domain.sms_template import Template
from denglu.flows.ports import Accepted, GatewayFailed
from denglu.sms import asked, http, tencent
from denglu.sms.http import Http
from denglu.sms.tencent import Tencent
from tests.clouds.base import ACCESS, Service, serving
from tests.clouds.sender import KEY, Receiver
from tests.clouds.tc3 import APP_ID, CODE_TEMPLATE, SIGN, TencentSms
from tests.clouds.tls import certified, taken, unheard

CODE, MOBILE = "424242", "13800000042"
MESSAGE = SmsMessage(
    MOBILE, "login", CODE, 5, f"【月光】验证码{CODE}", 1_763_000_000, "login", "月光", 0, 7
)
# Far beyond what loopback needs, for tests in which an answer comes.
PATIENT = 30.0
Ours = Tencent | Http


def _tencent(url: str, seconds: float) -> Tencent:
    templates = {"code": Template(CODE_TEMPLATE, ("code", "minutes"))}
    return Tencent(ACCESS, APP_ID, SIGN, templates, endpoint=url, seconds=seconds)


def _http(url: str, seconds: float) -> Http:
    return Http(f"{url}/sms", KEY, seconds=seconds)


KINDS: dict[str, tuple[type[Service], Callable[[str, float], Ours]]] = {
    "tencent": (TencentSms, _tencent),
    "http": (Receiver, _http),
}


@dataclass
class Ground:
    """One gateway: the service, and our side of it."""

    service: Any
    stack: ExitStack
    make: Callable[[str, float], Ours]

    def gateway(self, url: str = "", seconds: float = PATIENT) -> Ours:
        """Our side, asking the service or whoever is there."""
        made = self.make(url or self.service.url, seconds)
        self.stack.callback(made.close)
        return made


@pytest.fixture(params=sorted(KINDS))
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    emulator, make = KINDS[request.param]
    with ExitStack() as stack:
        yield Ground(stack.enter_context(serving(emulator())), stack, make)


async def failure_of(gateway: Ours) -> GatewayFailed:
    """How a sending fails. What is told of it quotes neither number nor code."""
    with pytest.raises(GatewayFailed) as caught:
        await gateway.send(MESSAGE)
    failure = caught.value
    assert failure.gateway == gateway.name
    for told in (str(failure), repr(failure), failure.cause):
        assert CODE not in told
        assert MOBILE not in told
    return failure


async def test_a_message_is_taken_once_and_has_its_name_there(ground: Ground) -> None:
    gateway = ground.gateway()
    first, second = await gateway.send(MESSAGE), await gateway.send(MESSAGE)
    assert first.id
    assert first.id != second.id
    assert first.parts == 1
    assert len(ground.service.sent) == ground.service.arrived == 2
    assert ground.service.refused == []  # every request was signed as the service demands


@pytest.mark.parametrize("mode", ["garbage", "list", "broken", "bad gateway", "babbles", "cut"])
async def test_garbage_may_be_the_end_of_a_message_that_was_sent(ground: Ground, mode: str) -> None:
    ground.service.mode = mode
    failure = await failure_of(ground.gateway())
    assert failure.trouble is Trouble.unanswered
    assert ground.service.arrived == 1  # nothing is tried twice


async def test_a_service_that_hangs_up_may_have_sent(ground: Ground) -> None:
    ground.service.mode = "hangs up"
    assert (await failure_of(ground.gateway())).trouble is Trouble.unanswered
    assert ground.service.arrived == 1


async def test_a_service_that_says_it_is_down_has_not_sent(ground: Ground) -> None:
    ground.service.mode = "unavailable"
    failure = await failure_of(ground.gateway())
    assert (failure.cause, failure.trouble) == ("HTTP 503", Trouble.unreachable)
    assert ground.service.arrived == 1


async def test_nobody_waits_for_a_silent_service_beyond_the_deadline(ground: Ground) -> None:
    ground.service.mode = "silent"
    failure = await failure_of(ground.gateway(seconds=1))
    assert failure.trouble is Trouble.unanswered
    assert not ground.service.gave_up  # it would have kept silent for a minute
    assert ground.service.arrived == 1


def test_the_call_itself_ends_soon_after_the_deadline(ground: Ground) -> None:
    # Shorter than a library waits of its own accord.
    ground.service.mode, ground.service.patience = "silent", 4
    gateway = ground.gateway(seconds=0.2)
    given: Any = (http.fields_of(MESSAGE), {})
    if isinstance(gateway, Tencent):
        given = (MESSAGE, Template(CODE_TEMPLATE, ("code", "minutes")))
    with pytest.raises(GatewayFailed) as caught:
        gateway._send(*given)
    assert caught.value.trouble is Trouble.unanswered
    assert not ground.service.gave_up


async def test_where_nobody_listens_nothing_was_sent(ground: Ground) -> None:
    with serving(Service()) as gone:
        pass
    failure = await failure_of(ground.gateway(gone.url))
    assert (failure.cause, failure.trouble) == ("ConnectionRefusedError", Trouble.unreachable)


@pytest.mark.parametrize("host", ["nobody.invalid", f"{'a' * 70}.invalid"])
async def test_a_name_that_nobody_has_sends_nothing(
    ground: Ground, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*given: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    if host == "nobody.invalid":  # no resolver is asked for the other one
        monkeypatch.setattr(socket, "getaddrinfo", nobody)
    failure = await failure_of(ground.gateway(f"https://{host}"))
    assert failure.trouble is Trouble.unreachable


async def test_a_connection_that_does_not_come_about_sends_nothing(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (tencent, http):
        monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    with unheard() as where:
        failure = await failure_of(ground.gateway(f"http://{where}"))
    assert (failure.cause, failure.trouble) == ("TimeoutError", Trouble.unreachable)


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_tls_that_does_not_come_about_sends_nothing(
    ground: Ground, hangs_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (tencent, http):
        monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    with taken(hangs_up=hangs_up) as where:
        failure = await failure_of(ground.gateway(f"https://{where}"))
    assert failure.trouble is Trouble.unreachable


async def test_a_certificate_that_nobody_vouches_for_is_sent_nothing(
    ground: Ground, tmp_path: Path
) -> None:
    context, _ = certified(tmp_path)
    with serving(type(ground.service)(), tls=context) as stranger:
        failure = await failure_of(ground.gateway(stranger.url))
    assert (failure.cause, failure.trouble) == ("SSLCertVerificationError", Trouble.unreachable)
    assert stranger.arrived == 0


async def test_wrong_keys_are_refused_and_another_gateway_may_be_tried(ground: Ground) -> None:
    ground.service.access = ("AKIDexample", "another-secret-entirely")
    ground.service.key = "another-key-that-is-long-enough-as-well"
    failure = await failure_of(ground.gateway())
    assert failure.trouble is Trouble.refused
    assert failure.trouble.elsewhere
    assert len(ground.service.refused) == 1


async def test_a_message_that_finds_no_thread_soon_was_not_sent(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "PATIENCE", 0.5)
    ground.service.mode = "silent"
    gateway = ground.gateway(seconds=1.5)
    crowd = [asyncio.create_task(failure_of(gateway)) for _ in range(asked.THREADS + 26)]
    found = [failure.trouble for failure in await asyncio.gather(*crowd)]
    assert found.count(Trouble.unanswered) == ground.service.arrived == asked.THREADS
    assert len([trouble for trouble in found if trouble.surely_not_sent]) == 26


async def test_a_caller_that_goes_away_is_no_failure_of_the_gateway(ground: Ground) -> None:
    ground.service.mode = "silent"
    task = asyncio.create_task(ground.gateway().send(MESSAGE))
    await asyncio.to_thread(ground.service.waiting.acquire)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_log_quotes_number_or_code(
    ground: Ground, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = ground.gateway()
    await gateway.send(MESSAGE)
    for mode in ("garbage", "hangs up", "unavailable", "broken"):
        ground.service.mode = mode
        await failure_of(gateway)
    written = caplog.text + "".join(capfd.readouterr())
    assert CODE not in written
    assert MOBILE not in written
    assert ACCESS[1] not in written
    assert KEY not in written


async def test_what_nobody_foresaw_may_have_sent_and_its_text_is_not_told(ground: Ground) -> None:
    def surprise() -> Accepted:
        raise RuntimeError(f"{MOBILE} {CODE}")

    with pytest.raises(GatewayFailed) as caught:
        await ground.gateway().ask(surprise)
    assert (caught.value.cause, caught.value.trouble) == ("RuntimeError", Trouble.unanswered)


async def test_after_the_end_nothing_is_sent(ground: Ground) -> None:
    gateway = ground.gateway()
    gateway.close()
    assert (await failure_of(gateway)).trouble.surely_not_sent
    assert ground.service.arrived == 0
