"""POST /hooks/sms/{gateway}/{key}: what providers tell, and what strangers find there: nothing."""

import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from denglu.api import receipts as receipts_page
from denglu.domain.errors import Reason, Refusal
from denglu.domain.sms_message import Receipt
from tests.api.conftest import Serve, Server
from tests.api.fakes import NOW

KEY, HTTP_KEY = "receipt.canary-1234", "h" * 32
ALIYUN = {
    "phone_number": "13800000000",
    "send_time": "2026-11-01 08:00:00",
    "report_time": "2026-11-01 08:00:04",
    "success": True,
    "err_code": "DELIVERED",
    "err_msg": "用户接收成功",
    "sms_size": "1",
    "biz_id": "123456^0",
    "out_id": "67",
}
TENCENT = {
    "user_receive_time": "2026-11-01 08:00:04",
    "nationcode": "86",
    "mobile": "13800000000",
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "description": "用户短信送达成功",
    "sid": "2019:1234",
}
HTTP = {"id": "m-1", "delivered": True}


@pytest.fixture
def desk(serve: Serve, wire: str) -> Server:
    return serve(wire, sms_receipt_key=SecretStr(KEY), sms_http_key=SecretStr(HTTP_KEY))


async def tell(server: Server, gateway: str, body: Any, *, key: str = KEY, **sent: Any) -> Any:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await server("POST", f"/hooks/sms/{gateway}/{key}", content=text, **sent)


def signed(body: Any, *, key: str = HTTP_KEY, at: int = NOW) -> dict[str, Any]:
    text = json.dumps(body).encode()
    mac = hmac.new(key.encode(), b"%d." % at + text, hashlib.sha256).hexdigest()
    stamps = {"X-Denglu-Timestamp": str(at), "X-Denglu-Signature": f"v1={mac}"}
    return {"body": text, "headers": stamps}


def heard(server: Server) -> list[Receipt]:
    name, given = server.flows.calls[-1]
    assert name == "take_receipts"
    return list(given["receipts"])


async def test_aliyun_is_understood_and_answered_in_its_words(desk: Server) -> None:
    lost = ALIYUN | {"success": False, "err_code": "MK:0012", "biz_id": "123457^0"}
    answer = await tell(desk, "aliyun", [ALIYUN, lost])
    assert (answer.status_code, answer.json()) == (200, {"code": 0, "msg": "成功"})
    assert answer.headers["cache-control"] == "no-store"
    assert heard(desk) == [
        Receipt("aliyun", "123456^0", delivered=True),
        Receipt("aliyun", "123457^0", delivered=False, error="MK:0012"),
    ]


async def test_tencent_is_understood_and_answered_in_its_words(desk: Server) -> None:
    lost = TENCENT | {"report_status": "FAIL", "errmsg": "MB:0001", "sid": "2019:5"}
    answer = await tell(desk, "tencent", [TENCENT, lost])
    assert (answer.status_code, answer.json()) == (200, {"result": 0, "errmsg": "OK"})
    assert heard(desk) == [
        Receipt("tencent", "2019:1234", delivered=True),
        Receipt("tencent", "2019:5", delivered=False, error="MB:0001"),
    ]


async def test_a_sender_of_ones_own_signs_what_it_tells(desk: Server) -> None:
    lost = {"id": "m-2", "delivered": False, "error": "absent"}
    for body in (HTTP, [HTTP, lost]):
        answer = await tell(desk, "http", **signed(body))
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert heard(desk)[1] == Receipt("http", "m-2", delivered=False, error="absent")


async def test_a_sender_may_count_its_messages(desk: Server) -> None:
    """Its answer may name a message by a number, so its report may."""
    assert (await tell(desk, "http", **signed(HTTP | {"id": 17}))).status_code == 200
    assert heard(desk) == [Receipt("http", "17", delivered=True)]
    assert (await tell(desk, "http", **signed(HTTP | {"id": True}))).status_code == 400


@pytest.mark.parametrize(
    "sent",
    [
        {"body": HTTP},
        signed(HTTP, key="x" * 32),
        signed(HTTP, at=NOW - 301),
        signed(HTTP, at=NOW + 301),
        signed(HTTP) | {"body": json.dumps(HTTP | {"delivered": False}).encode()},
        {"body": HTTP, "headers": {"X-Denglu-Timestamp": str(NOW), "X-Denglu-Signature": "v1="}},
    ],
)
async def test_what_is_not_signed_or_not_now_is_not_believed(
    desk: Server, sent: dict[str, Any]
) -> None:
    answer = await tell(desk, "http", **sent)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_signature"})
    assert desk.flows.calls == []


async def test_without_a_key_of_its_own_a_sender_is_never_believed(serve: Serve) -> None:
    answer = await tell(serve(sms_receipt_key=SecretStr(KEY)), "http", **signed(HTTP, key=""))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        f"/hooks/sms/aliyun/{KEY[:-1]}5", f"/hooks/sms/aliyun/{KEY}x", "/hooks/sms/aliyun/",
        "/hooks/sms/aliyun", f"/hooks/sms/{KEY}", f"/hooks/sms/console/{KEY}",
        f"/hooks/sms/aliyun-pnvs/{KEY}", f"/hooks/sms/aliyun/{KEY}/1", f"/Hooks/sms/aliyun/{KEY}",
        f"/api/hooks/sms/aliyun/{KEY}", f"/hooks//sms/aliyun/{KEY}",
    ],
)  # fmt: skip
async def test_whoever_does_not_know_the_key_finds_nothing(
    serve: Serve, wire: str, path: str
) -> None:
    server = serve(wire, sms_receipt_key=SecretStr(KEY), mounts=("/api",))
    answer = await server("POST", path, json=[ALIYUN])
    elsewhere = await server("POST", "/nothing", json=[ALIYUN])
    assert answer.json()["data"]["reason"] == "not_found"
    kept = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    assert kept.items() <= dict(elsewhere.headers).items()
    assert server.flows.calls == []


async def test_without_the_setting_there_is_no_such_path(serve: Serve, wire: str) -> None:
    server = serve(wire)
    for key in (KEY, "", "None"):
        answer = await tell(server, "aliyun", [ALIYUN], key=key)
        assert answer.json()["data"]["reason"] == "not_found"


async def test_a_slash_at_the_end_does_no_harm(desk: Server) -> None:
    assert (await tell(desk, "aliyun", [ALIYUN], key=f"{KEY}/")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"", b"nothing", b"[1]", b'["x"]', b"null", b"[[[[[[[]]]]]]]", b"[{}]", b"\xff\xfe",
        [ALIYUN | {"biz_id": ""}], [ALIYUN | {"biz_id": "x" * 65}], [ALIYUN | {"biz_id": 5}],
        [ALIYUN | {"biz_id": "a\0"}], [ALIYUN | {"biz_id": "\ud800"}],
        [{"success": True}], [ALIYUN, {"biz_id": "1"}],
    ],
)  # fmt: skip
async def test_what_is_no_report_is_refused_whole(desk: Server, body: Any) -> None:
    answer = await tell(desk, "aliyun", body)
    assert (answer.status_code, answer.json()) == (400, {"error": "malformed_body"})
    assert desk.flows.calls == []
    assert desk.lines[-1].answer.reason == "malformed_body"


async def test_bodies_and_their_entries_are_bounded(desk: Server) -> None:
    assert (await tell(desk, "aliyun", [ALIYUN] * 200)).status_code == 200
    for body in ([ALIYUN] * 201, b" " * (receipts_page.LARGEST + 1)):
        answer: httpx.Response = await tell(desk, "aliyun", body)
        assert (answer.status_code, answer.json()) == (413, {"error": "body_too_large"})


async def test_no_number_and_no_text_of_a_provider_comes_through(desk: Server) -> None:
    errors = ("13800000000", "您的验证码是123456", "x" * 65, "8613800000000 absent", None, 7)
    entries = [ALIYUN | {"success": False, "err_code": error} for error in errors]
    await tell(desk, "aliyun", entries)
    assert {receipt.error for receipt in heard(desk)} == {"unreadable"}
    assert "1380000" not in repr(heard(desk))
    for success in ("true", "false", "True", 1, None):
        await tell(desk, "aliyun", [ALIYUN | {"success": success}])
        assert heard(desk)[0].delivered is (success == "true" or success == 1)


async def test_a_provider_is_told_to_come_again_while_the_database_is_busy(desk: Server) -> None:
    desk.flows.refusal = Refusal(Reason.busy, retry_after=1)
    answer = await tell(desk, "tencent", [TENCENT])
    assert (answer.status_code, answer.json()) == (503, {"error": "busy"})
    assert answer.headers["retry-after"] == "1"
    desk.flows.refusal = ValueError("a fault")
    answer = await tell(desk, "tencent", [TENCENT])
    assert (answer.status_code, answer.json()) == (500, {"error": "internal"})


async def test_only_post_is_answered_and_only_to_whoever_has_the_key(desk: Server) -> None:
    right = await desk("GET", f"/hooks/sms/aliyun/{KEY}")
    wrong = await desk("GET", f"/hooks/sms/aliyun/{KEY}x")
    assert (right.status_code, right.json()) == (405, {"error": "method_not_allowed"})
    assert wrong.json()["data"]["reason"] == "not_found"
