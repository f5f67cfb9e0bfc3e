"""The gateway ``http``, its settings, and the receiver that its page shows."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.flows.ports import Accepted, GatewayFailed
from denglu.settings import Settings
from denglu.sms import open_gateway
from denglu.sms.codes import Check
from denglu.sms.http import Http, signature
from tests.battery.harness import free_port
from tests.clouds.base import serving
from tests.clouds.sender import KEY, Receiver
from tests.clouds.tls import certified, dripping
from tests.settings_loading import fault, load

PAGE = Path(__file__).parents[2] / "docs" / "sms-http.md"
CODE = SmsMessage(
    "13800000042",
    "login",
    "424242",
    5,
    "【月光】验证码424242",
    1_763_000_000,
    "login",
    "月光",
    0,
    7,
)
NOTICE = SmsMessage(
    "13800000042", "notice", "", 0, "【月光】注销", 1_763_000_000, "cancel-requested", "月光", 15, 8
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serving(Receiver()) as started:
        yield started


@pytest.fixture
def gateway(receiver: Receiver) -> Iterator[Http]:
    opened = Http(f"{receiver.url}/sms?from=denglu", KEY, seconds=30)
    yield opened
    opened.close()


async def failure_of(gateway: Http) -> tuple[str, Trouble]:
    with pytest.raises(GatewayFailed) as caught:
        await gateway.send(CODE)
    return caught.value.cause, caught.value.trouble


async def test_a_receiver_is_told_everything_by_name(gateway: Http, receiver: Receiver) -> None:
    assert await gateway.send(CODE) == Accepted("m-1", 1)
    assert await gateway.send(NOTICE) == Accepted("m-2", 1)
    code, notice = receiver.sent
    assert code == {
        "mobile": "+8613800000042",
        "usage": "login",
        "template": "login",
        "code": "424242",
        "minutes": 5,
        "product": "月光",
        "days": 0,
        "text": "【月光】验证码424242",
        "sent_at": 1_763_000_000,
        "key": "7-1763000000",
    }
    assert (notice["template"], notice["days"], notice["code"]) == ("cancel-requested", 15, "")
    assert receiver.asked[0]["path"] == "/sms?from=denglu"
    assert receiver.refused == []


def test_the_signature_is_the_published_one() -> None:
    # printf '1763000000.{"probe": true}' | openssl dgst -sha256 -hmac key
    body = b'{"probe": true}'
    right = (
        "b7fa7ff7214f78dd078dfa0f72ec56a2"  # pragma: allowlist secret
        "0010cb0c619f1df1f15dc52b9d8d8fa6"  # pragma: allowlist secret
    )
    assert signature(b"key", "1763000000", body) == right


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ({}, Accepted("", 1)),
        ({"id": "x-9", "parts": 3}, Accepted("x-9", 3)),
        ({"id": 17}, Accepted("17", 1)),
        ({"id": None, "parts": "many"}, Accepted("", 1)),
        ({"id": "x" * 65, "parts": 0}, Accepted("", 1)),
        ({"parts": 10**9, "error": "refused"}, Accepted("", 1)),
    ],
)
async def test_taken_is_taken_whatever_else_is_said(
    gateway: Http, receiver: Receiver, answer: Any, accepted: Accepted
) -> None:
    receiver.says = 202, answer
    assert await gateway.send(CODE) == accepted


@pytest.mark.parametrize(("answer", "parts"), [({}, 2), ({"parts": 1}, 1)])
async def test_a_long_text_is_several_messages_unless_the_sender_says_otherwise(
    gateway: Http, receiver: Receiver, answer: Any, parts: int
) -> None:
    receiver.says = 200, answer
    assert (await gateway.send(replace(CODE, text="码" * 71))).parts == parts


ANSWERS: list[tuple[int, Any, str, Trouble]] = [
    (400, {"error": "bad_number"}, "bad_number", Trouble.bad_number),
    (403, {"error": "blocked"}, "blocked", Trouble.blocked),
    (422, {"error": "number_limit"}, "number_limit", Trouble.number_limit),
    (400, {"error": "throttled"}, "throttled", Trouble.throttled),
    (401, {"error": "refused"}, "refused", Trouble.refused),
    (429, {}, "HTTP 429", Trouble.throttled),
    (429, b"slow down", "HTTP 429", Trouble.throttled),
    (429, {"error": "number_limit"}, "number_limit", Trouble.number_limit),
    (503, b"", "HTTP 503", Trouble.unreachable),
    # What frameworks and proxies say of themselves, maybe after the message was sent.
    (500, {"status": 500, "error": "Internal Server Error"}, "HTTP 500", Trouble.unanswered),
    (504, {"status": 504, "error": "Gateway Timeout"}, "HTTP 504", Trouble.unanswered),
    (502, {"error": "refused"}, "refused", Trouble.unreachable),
    (500, b"<html>", "HTTP 500", Trouble.unanswered),
    (500, {"error": 7}, "HTTP 500", Trouble.unanswered),
    (502, b"Bad Gateway", "HTTP 502", Trouble.unanswered),
    (504, {}, "HTTP 504", Trouble.unanswered),
    (404, b"not found", "HTTP 404", Trouble.unanswered),
    (400, {"error": "+8613800000042 has 424242"}, "HTTP 400", Trouble.unanswered),
    (400, {"error": "unanswered"}, "HTTP 400", Trouble.unanswered),
    (400, {"error": ["blocked"]}, "HTTP 400", Trouble.unanswered),
    (204, b"", "HTTP 204", Trouble.unanswered),
    (200, b"[]", "HTTP 200", Trouble.unanswered),
    (200, b"[" * 16000, "HTTP 200", Trouble.unanswered),
    (200, b'{"id": "' + b"x" * 20_000 + b'"}', "HTTP 200", Trouble.unanswered),
]


@pytest.mark.parametrize(("status", "answer", "cause", "trouble"), ANSWERS)
async def test_answers_are_judged_as_the_page_says(
    gateway: Http, receiver: Receiver, status: int, answer: Any, cause: str, trouble: Trouble
) -> None:
    receiver.says = status, answer
    assert await failure_of(gateway) == (cause, trouble)
    assert receiver.arrived == 1


@pytest.mark.parametrize("encrypted", [False, True])
async def test_one_byte_now_and_then_is_no_way_to_keep_a_thread(
    encrypted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with dripping(context if encrypted else None) as (where, gone):
        gateway = Http(f"http{'s' * encrypted}://{where}", KEY, seconds=0.3)
        assert (await failure_of(gateway))[1] is Trouble.unanswered
        assert await asyncio.to_thread(gone.wait, 20)
        gateway.close()


async def test_no_redirect_is_followed(receiver: Receiver, gateway: Http) -> None:
    for status in (301, 302, 303, 307, 308):
        receiver.says = status, {"error": "refused"}
        assert (await failure_of(gateway))[1] is Trouble.unanswered
    assert receiver.arrived == 5


async def test_no_proxy_of_the_environment_sees_a_message(
    gateway: Http, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await gateway.send(CODE)
    assert len(receiver.sent) == 1


async def test_tls_with_a_certificate_that_is_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(Receiver(), tls=context) as receiver:
        gateway = Http(receiver.url, KEY, seconds=30)
        assert (await gateway.send(CODE)).id == "m-1"
        gateway.close()


def test_the_check_sends_nothing(gateway: Http, receiver: Receiver) -> None:
    assert [*gateway.check()] == [Check("credentials", True)]
    assert receiver.sent == []
    assert receiver.asked[0]["probe"] is True
    receiver.key = "another-key-that-is-long-enough-as-well"
    assert [*gateway.check()] == [Check("credentials", False, Trouble.refused, "refused")]
    receiver.mode = "unavailable"
    assert [*gateway.check()] == [Check("credentials", False, Trouble.unreachable, "HTTP 503")]


# --- the page -------------------------------------------------------------------------------


def example() -> str:
    """The receiver that the page shows."""
    page = PAGE.read_text("utf-8")
    return page.partition("```python\n")[2].partition("```")[0]


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[str]:
    """The page's receiver, running; what it prints is in ``printed``."""
    (tmp_path / "receiver.py").write_text(example(), "utf-8")
    port = free_port()
    with (tmp_path / "printed").open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-u", "receiver.py", str(port)],
            cwd=tmp_path,
            env={"SMS_KEY": KEY},
            stdout=printed,
            stderr=printed,
        )
        try:
            url = f"http://127.0.0.1:{port}/"
            until = time.monotonic() + 20
            while [*Http(url, KEY).check()] != [Check("credentials", True)]:
                assert process.poll() is None, (tmp_path / "printed").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait()


async def test_the_receiver_of_the_page_takes_messages_once(shown: str, tmp_path: Path) -> None:
    gateway, stranger = Http(shown, KEY), Http(shown, "another-key-that-is-long-enough")
    assert await gateway.send(CODE) == await gateway.send(CODE)
    assert (await gateway.send(NOTICE)).id == "8-1763000000"
    with pytest.raises(GatewayFailed) as caught:
        await stranger.send(CODE)
    assert caught.value.trouble is Trouble.refused
    printed = (tmp_path / "printed").read_text("utf-8")
    assert printed.count("【月光】验证码424242") == 1
    assert printed.count("【月光】注销") == 1
    for each in (gateway, stranger):
        each.close()


def test_the_receiver_of_the_page_is_short() -> None:
    assert len(example().splitlines()) <= 32
    assert max(map(len, example().splitlines())) <= 100


def test_the_page_names_every_answer() -> None:
    page = PAGE.read_text("utf-8")
    for word in ("bad_number", "blocked", "number_limit", "throttled", "refused"):
        assert f'"{word}"' in page
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    with serving(Receiver()) as receiver:
        gateway = Http(receiver.url, KEY)
        gateway._send(shown, {"Idempotency-Key": "1"})
        gateway.close()
    assert len(receiver.sent) == 1
    assert receiver.refused == []


# --- the settings ---------------------------------------------------------------------------

GIVEN = {
    "SMS_GATEWAYS": "http",
    "SMS_HTTP_KEY": KEY,
    "SMS_HTTP_URL": "https://sms.example/send?a=b",
}


URLS = (
    "https://sms.example",
    "https://sms.example:8443/a?b=c",
    "http://127.0.0.1:8080/sms",
    "http://localhost/",
    "http://[::1]:9/x",
)
NO_URLS = (
    "http://sms.example/",
    "http://10.0.0.1/",
    "http://127.0.0.1.evil.example/",
    "ftp://127.0.0.1/",
    "sms.example",
    "https://",
    "https://user:secret@sms.example/",
    "https://sms.example/#part",
    "https://sms.example/短信",
    "https://a b/",
    "https://a:0/",
    "https://a:99999/",
    "https://[::1/",
)


@pytest.mark.parametrize("url", URLS)
def test_urls_of_receivers(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, **GIVEN | {"SMS_HTTP_URL": url})
    assert settings.sms_http_url == url
    gateway = open_gateway("http", settings)
    assert gateway.name == "http"


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url_of_a_receiver(tmp_path: Path, url: str) -> None:
    told = fault(tmp_path, **GIVEN | {"SMS_HTTP_URL": url})
    assert "DENGLU_SMS_HTTP_URL" in told
    assert "secret" not in told


def test_a_short_key_is_none(tmp_path: Path) -> None:
    assert "32 … 256" in fault(tmp_path, **GIVEN | {"SMS_HTTP_KEY": "x" * 31})


def test_neither_key_nor_query_are_shown() -> None:
    settings = Settings.model_validate({"sms_http_url": GIVEN["SMS_HTTP_URL"], "sms_http_key": KEY})
    shown = {item.variable: item.value for item in settings.effective()}
    assert shown["DENGLU_SMS_HTTP_URL"] == "https://sms.example/send?***"
    assert shown["DENGLU_SMS_HTTP_KEY"] == "(hidden)"
    assert KEY not in repr(settings)
    assert "sms.example" not in repr(settings)
