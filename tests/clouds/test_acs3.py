"""The emulator of Alibaba Cloud is as strict about signatures as the cloud itself."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from denglu.domain.sms_message import SmsMessage
from denglu.domain.sms_template import Template
from denglu.sms.aliyun import Aliyun
from tests.clouds.aliyun import AliyunSms
from tests.clouds.base import ACCESS, Request, serving

LOGIN = SmsMessage("13912345678", "login", "924617", 5, "…", 1_767_225_600, template="login")


class Overheard(AliyunSms):
    """Keeps what came last, as it came."""

    path = ""
    headers: dict[str, str]

    def answer(self, request: Request) -> tuple[int, Any]:
        self.path, self.headers = request.path, dict(request.headers.items())
        return super().answer(request)


@pytest.fixture
async def service() -> Any:
    with serving(Overheard()) as service:
        templates = {"code": Template("SMS_100001", ("code",))}
        gateway = Aliyun(ACCESS, "登录测试", templates, endpoint=service.url)
        await gateway.send(LOGIN)
        gateway.close()
        yield service


def again(service: Overheard, path: str = "", **changed: str) -> str:
    """The code that the same request gets, changed."""
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=30)
    headers = service.headers | {name.replace("_", "-"): text for name, text in changed.items()}
    connection.request("POST", path or service.path, b"", headers)
    code: str = json.load(connection.getresponse())["Code"]
    connection.close()
    return code


@pytest.fixture
def unused(service: Overheard) -> Iterator[Overheard]:
    """As if the request had not come yet."""
    service._nonces.clear()
    yield service
    assert len(service.sent) == 1


def test_the_same_request_is_taken_once(service: Overheard) -> None:
    assert again(service) == "SignatureNonceUsed"
    service._nonces.clear()
    assert again(service) == "OK"
    assert len(service.sent) == 2


def test_nothing_that_is_signed_can_be_changed(unused: Overheard) -> None:
    assert again(unused, unused.path.replace("13912345678", "13700000001")) == (
        "SignatureDoesNotMatch"
    )
    for name in ("x_acs_action", "x_acs_version", "x_acs_signature_nonce"):
        assert again(unused, **{name: "another"}) == "SignatureDoesNotMatch"


def test_an_old_request_is_refused(unused: Overheard) -> None:
    assert again(unused, x_acs_date="2026-01-01T00:00:00Z") == "InvalidTimeStamp.Expired"


def test_who_signs_too_little_or_is_unknown_is_refused(unused: Overheard) -> None:
    signed = unused.headers["Authorization"]
    assert again(unused, Authorization="") == "IncompleteSignature"
    assert again(unused, Authorization=signed.replace("x-acs-date;", "")) == "IncompleteSignature"
    stranger = signed.replace(ACCESS[0], "LTAIstranger")
    assert again(unused, Authorization=stranger) == "InvalidAccessKeyId.NotFound"
