"""No line of any log, and nothing on the terminal, holds a code, a number or a text."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import SmsMessage
from denglu.flows.ports import SmsNotSent
from denglu.settings import Settings
from denglu.settings.wording import wording_of
from denglu.sms import open_sender
from tests.clouds.aliyun import AliyunPnvs, AliyunSms
from tests.clouds.base import Service, serving
from tests.clouds.sender import Receiver
from tests.clouds.settings import of_aliyun, of_http, of_pnvs, of_tencent
from tests.clouds.tc3 import TencentSms
from tests.settings_loading import load

# No other text that is logged has these digits.
MOBILE, CODE = "13800274683", "719354"
SETTINGS = {
    "aliyun": (AliyunSms, of_aliyun),
    "aliyun-pnvs": (AliyunPnvs, of_pnvs),
    "tencent": (TencentSms, of_tencent),
    "http": (Receiver, of_http),
}
MODES = ("answers", "garbage", "hangs up", "babbles", "broken", "cut", "silent")


@pytest.fixture(params=SETTINGS)
def gateway(request: pytest.FixtureRequest) -> Iterator[tuple[str, Service]]:
    kind, _ = SETTINGS[request.param]
    with ExitStack() as stack:
        yield request.param, stack.enter_context(serving(kind()))


@pytest.fixture
def every_logger() -> Iterator[None]:
    """All loggers that there are say all that they have to say."""
    known = list(logging.root.manager.loggerDict.values())
    before = {
        each: each.level
        for each in known
        # Gateways quiet the one when they are loaded, which may be during the test.
        if isinstance(each, logging.Logger)
        and each.name.partition(".")[0] not in ("urllib3", "asyncio")
    }
    for each in before:
        each.setLevel(logging.DEBUG)
    yield
    for each, level in before.items():
        each.setLevel(level)


def message_of(settings: Settings) -> SmsMessage:
    return wording_of(settings).of_code(
        Usage.login, mobile=MOBILE, code=CODE, life=300, now=1_763_000_000
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.usefixtures("every_logger")
async def test_S17_with_all_logs_at_debug_no_code_and_no_number_is_seen(
    gateway: tuple[str, Service],
    mode: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, service = gateway
    monkeypatch.setenv("DEBUG", "sdk")
    caplog.set_level(logging.DEBUG)
    settings = load(
        tmp_path,
        **SETTINGS[name][1](service, SMS_GATEWAY_TIMEOUT="1", SMS_AUTOFILL_DOMAIN="shop.example"),
    )
    service.mode = mode
    sender = open_sender(settings)
    told = ""
    try:
        sent = await sender.send(message_of(settings))
        told = repr(sent)
        assert mode == "answers"
    except SmsNotSent as error:
        assert mode != "answers"
        told = f"{error!r} {error} {error.failures!r} {error.__cause__!r} {error.__context__!r}"
    finally:
        sender.close()
    service.woken.set()
    await asyncio.sleep(0)
    logging.getLogger("denglu").warning("the end")
    records = [f"{each.getMessage()} {each.__dict__}" for each in caplog.records]
    seen = "\n".join([*records, *capfd.readouterr(), told])
    assert service.arrived
    assert "the end" in seen
    for secret in (MOBILE, CODE, MOBILE[-8:]):
        assert secret not in seen
