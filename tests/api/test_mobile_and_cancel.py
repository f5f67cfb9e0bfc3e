"""Another mobile and the end of the account, on the wire."""

import json
from dataclasses import replace
from typing import Any

import pytest

from denglu.domain.deletion import Cancellation
from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Found
from tests.api.bodies import MOVE
from tests.api.conftest import Serve
from tests.api.fakes import ACCESS, FOUND, MEMBER, NOW, REFRESH, FakeFlows
from tests.api.test_battery_input import WRONG_TYPES

MOBILE, CANCEL, WITHDRAW = "/v1/member/mobile", "/v1/member/cancel", "/v1/member/cancel/withdraw"
KEY = {"X-Api-Key": "A" * 43}
BODIES: dict[str, dict[str, Any]] = {MOBILE: MOVE, CANCEL: {"code": "123456"}}
LABELS = {
    "mobile": "手机号码",
    "code": "验证码",
    "password": "密码",
    "new_code": "新号码验证码",
}
FIELDS = [(path, field) for path, body in BODIES.items() for field in body]


class Nameless(FakeFlows):
    """The caller is a member without a mobile."""

    def __init__(self) -> None:
        member = replace(MEMBER, mobile="")
        super().__init__(found=Found(FOUND.token, FOUND.session, member))


class Refusing(FakeFlows):
    """The caller is known, and what is asked for is refused."""

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self._reason = reason

    def _note(self, name: str, **given: Any) -> None:
        super()._note(name, **given)
        if name != "authenticate":
            raise Refusal(self._reason)


def flows_of(server: Any) -> list[tuple[str, dict[str, Any]]]:
    """The flows that were asked, but for the token's."""
    return [call for call in server.flows.calls if call[0] != "authenticate"]


async def test_a_change_of_mobile_gives_a_new_pair(serve: Serve, wire: str) -> None:
    server = serve(wire)
    code = "1234" if wire == "rageframe" else "123456"
    body = MOVE | {"code": code, "new_code": int(code)}
    for media in ("json", "data"):
        answer = (await server("POST", MOBILE, headers=KEY, **{media: body})).json()
        assert answer["code"] == 200
        data = answer["data"]
        assert (data["access_token"], data["refresh_token"]) == (ACCESS, REFRESH)
        name, given = server.flows.calls.pop()
        assert name == "change_mobile"
        assert given.pop("caller").ip == "203.0.113.9"
        assert given == {
            "found": FOUND,
            "mobile": "13911111111",
            "code": code,
            "new_code": code,
            "password": "",
        }
    line = server.lines[-1].exchange
    assert (line.member_id, line.mobile) == (MEMBER.id, "13911111111")


async def test_what_is_asked_about_the_account(serve: Serve, wire: str) -> None:
    server = serve(wire)
    nothing = {"requested": False, "requested_at": 0, "due_at": 0}
    assert (await server.get(CANCEL, **KEY))["data"] == nothing
    asked = {"requested": True, "requested_at": NOW, "due_at": NOW + 7 * 86400}
    code = "1234" if wire == "rageframe" else "123456"
    answer = await server.post(CANCEL, {"code": code}, headers=KEY)
    assert (answer["code"], answer["data"]) == (200, asked)
    name, given = server.flows.calls[-1]
    assert (name, given["code"], given["password"]) == ("cancel", code, "")
    server.flows.asked = Cancellation(NOW, NOW + 7 * 86400)
    assert (await server.get(CANCEL, **KEY))["data"] == asked


@pytest.mark.parametrize(("method", "path"), [("DELETE", CANCEL), ("POST", WITHDRAW)])
async def test_a_request_is_withdrawn(serve: Serve, wire: str, method: str, path: str) -> None:
    server = serve(wire, mounts=("/api",))
    for where in (path, f"/api{path}", f"{path}/"):
        answer = (await server(method, where, headers=KEY)).json()
        assert (answer["code"], answer["data"]) == (200, None if wire == "rageframe" else {})
        assert flows_of(server).pop()[0] == "withdraw_cancellation"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", MOBILE, "POST"),
        ("PUT", CANCEL, "DELETE, GET, HEAD, POST"),
        ("DELETE", WITHDRAW, "POST"),
    ],
)
async def test_other_methods_are_refused(
    serve: Serve, method: str, path: str, allowed: str
) -> None:
    answer = await serve()(method, path, headers=KEY)
    assert answer.json()["code"] == 405
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", MOBILE), ("GET", CANCEL), ("POST", CANCEL), ("DELETE", CANCEL), ("POST", WITHDRAW)],
)
async def test_without_a_good_token_nothing_is_done(
    serve: Serve, wire: str, method: str, path: str
) -> None:
    server = serve(wire)
    body = b"{" if method == "POST" else b""
    answer = (await server(method, path, content=body)).json()
    assert (answer["code"], answer["data"]["reason"]) == (401, "token_missing")
    server = serve(wire, flows=FakeFlows(refusal=Refusal(Reason.session_ended)))
    answer = (await server(method, path, content=body, headers=KEY)).json()
    assert answer["code"] == 401
    assert flows_of(server) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        *((path, reason) for path in BODIES for reason in (Reason.bad_code, Reason.wrong_password)),
        (MOBILE, Reason.mobile_taken),
    ],
)
async def test_a_refusal_of_the_flow_is_told(
    serve: Serve, wire: str, path: str, reason: Reason
) -> None:
    answer = await serve(wire, flows=Refusing(reason)).post(path, BODIES[path], headers=KEY)
    assert answer["code"] == 422
    assert answer["data"] == ([] if wire == "rageframe" else {"reason": reason.value})


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_a_missing_field_is_named(serve: Serve, wire: str, path: str, field: str) -> None:
    for missing in (None, "", "  ", "\u3000"):
        body = BODIES[path] | {field: missing}
        if missing is None:
            del body[field]
        answer = await serve(wire).post(path, body, headers=KEY)
        assert (answer["code"], answer["message"]) == (422, f"{LABELS[field]}不能为空。")


async def test_missing_fields_are_told_in_their_order(serve: Serve) -> None:
    answer = await serve().post(MOBILE, {}, headers=KEY)
    assert list(answer["data"]["fields"]) == ["mobile", "code", "new_code"]
    answer = await serve(flows=Nameless()).post(MOBILE, {}, headers=KEY)
    assert list(answer["data"]["fields"]) == ["mobile", "password", "new_code"]


@pytest.mark.parametrize("path", BODIES)
async def test_a_member_without_a_mobile_sends_the_password(
    serve: Serve, wire: str, path: str
) -> None:
    server = serve(wire, flows=Nameless())
    body = {name: value for name, value in BODIES[path].items() if name != "code"}
    answer = await server.post(path, body | {"code": ["no code"]}, headers=KEY)
    assert (answer["code"], answer["message"]) == (422, "密码不能为空。")
    for password in ("x", "x" * 5000, "密码" * 100, "\x00\x07"):
        answer = await server.post(path, body | {"password": password}, headers=KEY)
        assert answer["code"] == 200
        _, given = server.flows.calls[-1]
        assert (given["code"], given["password"]) == ("", password)


@pytest.mark.parametrize("path", BODIES)
async def test_a_password_means_nothing_beside_a_mobile(serve: Serve, path: str) -> None:
    for password in ("the right one", None, 5, ["x"]):
        server = serve()
        answer = await server.post(path, BODIES[path] | {"password": password}, headers=KEY)
        assert answer["code"] == 200
        assert server.flows.calls[-1][1]["password"] == ""


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("code", ["12345", "1234567", "abcdef", "１２３４５６", -1, 10**6])
async def test_what_cannot_be_a_code_is_the_flows_to_refuse(
    serve: Serve, path: str, code: object
) -> None:
    server = serve()
    for field in BODIES[path].keys() & {"code", "new_code"}:
        await server.post(path, BODIES[path] | {field: code}, headers=KEY)
        assert server.flows.calls[-1][1][field] == ""


@pytest.mark.parametrize(
    "mobile", ["12345678901", "1380000000", "+1 555 0100", "１３８００００００００"]
)
async def test_a_number_that_is_none_is_refused(serve: Serve, wire: str, mobile: str) -> None:
    answer = await serve(wire).post(MOBILE, MOVE | {"mobile": mobile}, headers=KEY)
    assert (answer["code"], answer["message"]) == (422, "请输入正确的手机号")


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_I01_wrong_type_for_every_field(
    serve: Serve, wire: str, path: str, field: str
) -> None:
    server = serve(wire)
    rest = {name: value for name, value in BODIES[path].items() if name != field}
    for text in WRONG_TYPES:
        body = json.dumps(rest)[:-1] + (", " if rest else "") + f'"{field}": {text}}}'
        media = KEY | {"Content-Type": "application/json"}
        answer = (await server("POST", path, content=body.encode(), headers=media)).json()
        if "code" in field and text.lstrip("-").isdigit():
            zeros = "0" * (4 if wire == "rageframe" else 6)
            assert flows_of(server)[-1][1][field] == (zeros if text == "0" else "")
            continue
        assert answer["code"] == 422, text
        if wire == "document":
            expected = "missing_field" if text in ("null", '""') else "invalid_type"
            assert answer["data"]["fields"] == {field: expected}


@pytest.mark.parametrize("text", WRONG_TYPES)
async def test_I01_wrong_type_for_a_password(serve: Serve, text: str) -> None:
    media = KEY | {"Content-Type": "application/json"}
    server = serve(flows=Nameless())
    body = f'{{"password": {text}}}'.encode()
    answer = (await server("POST", CANCEL, content=body, headers=media)).json()
    assert answer["code"] == 422
    assert flows_of(server) == []
