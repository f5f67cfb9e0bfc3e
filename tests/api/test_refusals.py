"""Every row of the refusal table, in both profiles and both languages."""

import pytest

from denglu.domain.errors import Reason, Refusal
from tests.api.bodies import good_bodies
from tests.api.conftest import Serve
from tests.api.fakes import NOW, FakeFlows

INDEX = "/v1/member/member/index"
LOGIN, REFRESH, SMS = "/v1/site/login", "/v1/site/refresh", "/v1/site/sms-code"
MOBILE_LOGIN, REGISTER, RESET = "/v1/site/mobile-login", "/v1/site/register", "/v1/site/up-pwd"

# What a flow refuses: reason, where, code, sentence (zh), the original's name for it.
FLOW_ROWS = [
    (Reason.bad_credentials, LOGIN, 422, "用户名或密码错误"),
    (Reason.bad_code, MOBILE_LOGIN, 422, "验证码错误"),
    (Reason.bad_code, REGISTER, 422, "验证码错误"),
    (Reason.bad_code, RESET, 422, "验证码错误"),
    (Reason.member_not_found, MOBILE_LOGIN, 422, "找不到用户"),
    (Reason.member_not_found, RESET, 422, "找不到用户"),
    (Reason.mobile_taken, REGISTER, 422, "此手机号码已存在。"),
    (Reason.sms_too_frequent, SMS, 422, "请不要频繁发送短信"),
    (Reason.sms_failed, SMS, 422, "短信发送失败"),
    (Reason.too_many_attempts, LOGIN, 429, "操作过于频繁，请稍后再试"),
    (Reason.too_many_attempts, MOBILE_LOGIN, 429, "操作过于频繁，请稍后再试"),
    (Reason.busy, LOGIN, 503, "服务器繁忙，请稍后再试"),
    (Reason.token_invalid, INDEX, 401, "登录凭证无效，请重新登录"),
    (Reason.token_expired, INDEX, 401, "您的登录验证已经过期，请重新登录"),
    (Reason.session_replaced, INDEX, 401, "您的账号已在其他设备登录，请重新登录"),
    (Reason.session_ended, INDEX, 401, "登录已失效，请重新登录"),
    (Reason.session_ended, "/v1/site/logout", 401, "登录已失效，请重新登录"),
    (Reason.refresh_expired, REFRESH, 401, "您的重置令牌已经过期，请重新登录"),
    (Reason.refresh_invalid, REFRESH, 401, "找不到用户"),
]
NAMES = {
    401: "Unauthorized",
    422: "Unprocessable entity",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
WAITING = {Reason.sms_too_frequent: 60, Reason.too_many_attempts: 900, Reason.busy: 1}


@pytest.mark.parametrize(("reason", "path", "code", "sentence"), FLOW_ROWS)
async def test_a_flow_refuses(
    serve: Serve, wire: str, reason: Reason, path: str, code: int, sentence: str
) -> None:
    wait = WAITING.get(reason)
    server = serve(wire, flows=FakeFlows(refusal=Refusal(reason, retry_after=wait)))
    method = "GET" if path == INDEX else "POST"
    body = good_bodies(wire).get(path)
    response = await server(method, path, json=body, headers={"X-Api-Key": "A" * 43})
    answer = response.json()
    assert (response.status_code, answer["code"], answer["message"]) == (200, code, sentence)
    is_form = code == 422 and reason not in (Reason.sms_too_frequent, Reason.sms_failed)
    if wire == "document":
        waiting = {} if wait is None else {"retry_after": wait}
        assert answer == {
            "code": code,
            "message": sentence,
            "data": {"reason": reason.value} | waiting,
        }
    elif is_form:
        assert answer == {"code": code, "message": sentence, "data": [], "timestamp": NOW}
    else:
        assert answer["data"] == {
            "name": NAMES[code],
            "message": sentence,
            "code": 0,
            "status": code,
            "reason": reason.value,
        } | ({} if wait is None else {"retry_after": wait})
        assert answer["timestamp"] == NOW
        assert answer["req_id"] == response.headers["x-request-id"]
    assert response.headers.get("retry-after") == (None if wait is None else str(wait))


async def test_a_replaced_device_learns_when_and_by_which_kind_of_device(
    serve: Serve, wire: str
) -> None:
    told: dict[str, str | int] = {"end_reason": "replaced", "ended_at": NOW - 5, "device": "iPhone"}
    refusal = Refusal(Reason.session_replaced, details=told)
    server = serve(wire, flows=FakeFlows(refusal=refusal))
    answer = await server.get(INDEX, authorization="Bearer " + "A" * 43)
    assert told.items() <= answer["data"].items()


async def test_english_devices_read_english_sentences(serve: Serve, wire: str) -> None:
    server = serve(wire, flows=FakeFlows(refusal=Refusal(Reason.bad_credentials)))
    body = good_bodies(wire)[LOGIN]
    answers = {
        language: (await server.post(LOGIN, body, headers={"Accept-Language": language}))["message"]
        for language in ("en", "en-GB,en;q=0.9", "zh-CN,zh;q=0.9,en;q=0.8", "", "fr", "en;q=0")
    }
    english, chinese = "Wrong username or password", "用户名或密码错误"
    assert list(answers.values()) == [english, english, chinese, chinese, chinese, chinese]


async def test_every_reason_has_a_sentence_in_both_languages() -> None:
    from denglu.api.messages import sentence

    for reason in Reason:
        chinese, english = sentence(reason, english=False), sentence(reason, english=True)
        assert any("\u4e00" <= char <= "\u9fff" for char in chinese)
        assert english.isascii()


async def test_the_minimum_length_is_said_as_configured(serve: Serve) -> None:
    server = serve(password_min_length=15)
    answer = await server.post(REGISTER, good_bodies("document")[REGISTER] | {"password": "short"})
    assert answer["message"] == "密码应该包含至少15个字符。"


async def test_without_a_token_a_device_is_told_to_log_in(serve: Serve, wire: str) -> None:
    server = serve(wire)
    for method, path in (("GET", INDEX), ("POST", "/v1/site/logout")):
        response = await server(method, path)
        assert response.json()["code"] == 401
        assert response.json()["data"]["reason"] == "token_missing"
        assert response.headers["www-authenticate"] == 'Bearer realm="denglu"'
    assert server.flows.calls == []


async def test_a_bad_token_is_named_in_www_authenticate(serve: Serve) -> None:
    server = serve(flows=FakeFlows(refusal=Refusal(Reason.token_invalid)))
    response = await server("GET", INDEX, headers={"X-Api-Key": "x"})
    assert response.headers["www-authenticate"] == 'Bearer realm="denglu", error="invalid_token"'


async def test_L04_a_fault_tells_nothing_but_a_request_id(
    serve: Serve, wire: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(wire, flows=FakeFlows(refusal=RuntimeError("canary-in-traceback")))
    response = await server("POST", LOGIN, json=good_bodies(wire)[LOGIN])
    answer = response.json()
    assert (answer["code"], answer["message"]) == (500, "服务器打瞌睡了~")
    assert "canary" not in response.text
    assert "RuntimeError" not in response.text
    request_id = response.headers["x-request-id"]
    assert request_id in response.text
    (record,) = caplog.records
    assert getattr(record, "request_id", None) == request_id
    assert "canary-in-traceback" in str(record.exc_info)


async def test_real_statuses_stand_in_the_status_line(serve: Serve, wire: str) -> None:
    for reason, path, code, _ in FLOW_ROWS:
        server = serve(wire, http_status="real", flows=FakeFlows(refusal=Refusal(reason)))
        method = "GET" if path == INDEX else "POST"
        body = good_bodies(wire).get(path)
        response = await server(method, path, json=body, headers={"X-Api-Key": "A" * 43})
        assert response.status_code == response.json()["code"] == code
    assert (await serve(wire, http_status="real")("GET", "/nowhere")).status_code == 404
