"""`merchant-id`: whose members they are, on the paths that take it into account and no others."""

import json
from dataclasses import replace
from typing import Any

import pytest

from denglu.api.routes import ROUTES, Guard
from denglu.domain.member import MemberType
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.merchant.routes import ROUTES as MERCHANT_ROUTES
from tests.api.asgi import call
from tests.api.bodies import LOGIN, SMS, good_bodies, member_bodies
from tests.api.conftest import Serve, Server
from tests.api.fakes import ACCESS, FOUND, MERCHANT

ON = ("merchant",)
NAMING = ("login", "sms-code", "mobile-login", "register", "up-pwd")
KEY = {"X-Api-Key": ACCESS}
_JSON = (b"content-type", b"application/json")
MEMBER_OF_SEVEN = replace(FOUND, member=replace(FOUND.member, merchant_id=MERCHANT))
USER_OF_SEVEN = replace(
    FOUND, member=replace(FOUND.member, merchant_id=MERCHANT, type=MemberType.merchant_user)
)

NO_MERCHANT: tuple[bytes | None, ...] = (None, b"", b"0", b"undefined", b"null")
GARBAGE = (
    b"-1",
    b"+7",
    b"07",
    b"7.0",
    b"7 8",
    b"7,8",
    b"7;drop table member",
    b"0x7",
    b"1e3",
    b"NaN",
    b"None",
    b"true",
    b"UNDEFINED",
    b"00",
    b"%37",
    b"7\xa0",
    b"\xef\xbc\x97",
    "七".encode(),
    b"\xb2",
    b"7\x00",
    b"\xff\xfe",
    b"9" * 19,
    b"9" * 6000,
)


async def sent(server: Server, path: str, value: bytes | None, body: dict[str, Any]) -> Any:
    """POST with the header as raw bytes; returns the envelope."""
    headers = [_JSON] if value is None else [_JSON, (b"merchant-id", value)]
    answer = await call(server.app, "POST", path, [json.dumps(body).encode()], headers=headers)
    return json.loads(answer.body)


def caller_of(server: Server) -> Caller:
    """As whom the last flow was called."""
    caller = server.flows.calls[-1][1]["caller"]
    assert isinstance(caller, Caller)
    return caller


def of_page(wire: str, name: str) -> tuple[str, dict[str, Any]]:
    path = f"/v1/site/{name}"
    return path, good_bodies(wire)[path]


@pytest.mark.parametrize("name", NAMING)
async def test_a_merchant_of_the_header_is_the_callers(serve: Serve, wire: str, name: str) -> None:
    server = serve(wire, plugins=ON)
    path, body = of_page(wire, name)
    answer = await server.post(path, body, headers={"Merchant-Id": str(MERCHANT)})
    assert answer["code"] == 200
    looked, asked = server.flows.calls
    assert looked == ("check_merchant", {"merchant_id": MERCHANT})
    assert asked[1]["caller"].merchant_id == MERCHANT
    assert asked[1]["caller"].member_type == MemberType.member


@pytest.mark.parametrize("name", NAMING)
@pytest.mark.parametrize("value", NO_MERCHANT)
async def test_nothing_and_its_synonyms_are_the_site(
    serve: Serve, wire: str, name: str, value: bytes | None
) -> None:
    server = serve(wire, plugins=ON)
    path, body = of_page(wire, name)
    assert (await sent(server, path, value, body))["code"] == 200
    assert len(server.flows.calls) == 1
    assert caller_of(server).merchant_id == 0


@pytest.mark.parametrize("value", GARBAGE)
async def test_what_is_no_id_is_no_merchant_and_never_a_fault(
    serve: Serve, wire: str, value: bytes
) -> None:
    server = serve(wire, plugins=ON)
    for name in NAMING:
        answer = await sent(server, *_with(wire, name, value))
        assert (answer["code"], answer["message"]) == (422, "找不到商户")
    assert server.flows.calls == []


def _with(wire: str, name: str, value: bytes) -> tuple[str, bytes, dict[str, Any]]:
    path, body = of_page(wire, name)
    return path, value, body


@pytest.mark.parametrize("value", ["1", "8", "70", "9" * 18])
async def test_a_merchant_that_is_not_there_is_refused(serve: Serve, wire: str, value: str) -> None:
    server = serve(wire, plugins=ON)
    for name in NAMING:
        path, body = of_page(wire, name)
        answer = await server.post(path, body, headers={"merchant-id": value})
        assert (answer["code"], answer["message"]) == (422, "找不到商户")
        assert [name for name, _ in server.flows.calls] == ["check_merchant"]
        server.flows.calls.clear()


async def test_the_refusal_in_english_and_with_a_real_status(serve: Serve) -> None:
    server = serve(plugins=ON, http_status="real")
    headers = {"merchant-id": "8", "accept-language": "en"}
    answer = await server("POST", "/v1/site/login", json=LOGIN, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["message"] == "Merchant not found"
    assert answer.json()["data"]["reason"] == "merchant_not_found"


async def test_a_form_that_is_wrong_costs_no_look(serve: Serve, wire: str) -> None:
    server = serve(wire, plugins=ON)
    body = SMS | {"mobile": "x"}
    answer = await server.post("/v1/site/sms-code", body, headers={"merchant-id": "8"})
    assert (answer["code"], answer["message"] != "找不到商户") == (422, True)
    assert server.flows.calls == []


@pytest.mark.parametrize("value", [b"7", b"8", *NO_MERCHANT[1:], *GARBAGE])
async def test_without_the_plugin_nobody_looks_at_it(serve: Serve, wire: str, value: bytes) -> None:
    """Apps in the field send it to sites that have one shop."""
    server = serve(wire, plugins=("another",))
    for name in NAMING:
        assert (await sent(server, *_with(wire, name, value)))["code"] == 200
        assert caller_of(server).merchant_id == 0
    assert "check_merchant" not in [name for name, _ in server.flows.calls]


# The token decides.


def _behind_a_token() -> list[tuple[str, str]]:
    return [
        (route.method, route.path.replace("{id}", "3"))
        for route in ROUTES
        if route.guard is not Guard.public
    ]


@pytest.mark.parametrize(("method", "path"), _behind_a_token())
@pytest.mark.parametrize("value", ["8", "x"])
async def test_behind_a_token_nobody_looks_at_it(
    serve: Serve, wire: str, method: str, path: str, value: str
) -> None:
    server = serve(wire, plugins=ON)
    server.flows.found = MEMBER_OF_SEVEN
    headers = KEY | {"merchant-id": value}
    body = member_bodies().get(path)
    if wire == "rageframe" and body:
        body = {k: v[:4] if k.endswith("code") else v for k, v in body.items()}
    answer = await server(method, path, headers=headers, json=body)
    assert answer.json()["code"] == 200
    for name, given in server.flows.calls:
        assert name != "check_merchant"
        if caller := given.get("caller"):
            assert (caller.merchant_id, caller.member_type) == (MERCHANT, MemberType.member)


@pytest.mark.parametrize("name", ["refresh", "verify-access-token"])
async def test_the_two_public_questions_about_a_token_do_not_look_at_it(
    serve: Serve, wire: str, name: str
) -> None:
    server = serve(wire, plugins=ON)
    path, body = of_page(wire, name)
    for value in ("7", "8", "x"):
        assert (await server.post(path, body, headers={"merchant-id": value}))["code"] == 200
    assert len(server.flows.calls) == 3


# The merchant API.


async def test_the_merchant_api_ignores_it_and_calls_as_a_user(serve: Serve, wire: str) -> None:
    server = serve(wire, plugins=ON, routes=MERCHANT_ROUTES)
    for name in ("login", "sms-code", "mobile-login", "up-pwd", "refresh"):
        path, body = of_page(wire, name)
        for value in (None, b"7", b"8", *GARBAGE):
            assert (await sent(server, "/merapi" + path, value, body))["code"] == 200
            caller = caller_of(server)
            assert (caller.merchant_id, caller.member_type) == (0, MemberType.merchant_user)
    assert "check_merchant" not in [name for name, _ in server.flows.calls]


async def test_a_code_of_the_merchant_api_is_for_what_there_is_there(
    serve: Serve, wire: str
) -> None:
    server = serve(wire, plugins=ON, routes=MERCHANT_ROUTES)
    path = "/merapi/v1/site/sms-code"
    for usage in (*Usage, "nothing"):
        told = await server.post(path, SMS | {"usage": str(usage)})
        if usage in (Usage.login, Usage.up_pwd):
            assert told["code"] == 200
        else:
            assert (told["code"], told["message"]) == (422, "用途是无效的。")
    asked = [given["usage"] for name, given in server.flows.calls if name == "send_code"]
    assert asked == [Usage.login, Usage.up_pwd]
    known = await server.post(path, SMS | {"usage": "forgot"})
    assert known["code"] == (200 if wire == "rageframe" else 422)


async def test_its_document_names_these_usages(serve: Serve, wire: str) -> None:
    document = await serve(wire, plugins=ON, routes=MERCHANT_ROUTES).get("/openapi.json")
    schemas = document["components"]["schemas"]
    users, members = (
        schemas[name]["properties"]["usage"] for name in ("UserSmsCodeForm", "SmsCodeForm")
    )
    assert users["enum"] == ["login", "up-pwd"]
    for said in ("description", "x-texts", "x-label"):
        assert users[said] == members[said]
    operation = document["paths"]["/merapi/v1/site/sms-code"]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    assert body["schema"]["$ref"].endswith("/UserSmsCodeForm")
    assert body["example"]["usage"] in users["enum"]
    answer = operation["responses"]["200"]["content"]["application/json"]
    assert "invalid_usage" in answer["examples"]


async def test_each_door_knows_its_own_tokens_only(serve: Serve, wire: str) -> None:
    for prefix, realm in (("", MemberType.member), ("/merapi", MemberType.merchant_user)):
        server = serve(wire, plugins=ON, routes=MERCHANT_ROUTES)
        server.flows.found = USER_OF_SEVEN
        paths = (
            ("GET", "/merapi/v1/merchant/user/index" if prefix else "/v1/member/member/index"),
            ("POST", f"{prefix}/v1/site/logout"),
            ("POST", f"{prefix}/v1/site/verify-access-token"),
            ("GET", f"{prefix}/forward-auth"),
        )
        for method, path in paths:
            body = b'{"token":"A"}' if "verify" in path else b""
            headers = [_JSON, (b"x-api-key", ACCESS.encode())]
            await call(server.app, method, path, [body], headers=headers)
        assert server.flows.realms == [realm] * len(paths)


def test_a_user_is_of_no_merchant_where_names_are_looked_up() -> None:
    assert MEMBER_OF_SEVEN.member.namespace.merchant_id == MERCHANT
    assert USER_OF_SEVEN.member.namespace.merchant_id == 0


# The document.


async def test_the_document_tells_of_it_where_there_are_merchants(serve: Serve, wire: str) -> None:
    for plugins in ((), ON):
        document = await serve(wire, plugins=plugins).get("/openapi.json")
        for path, item in document["paths"].items():
            for operation in item.values():
                names = {p["name"] for p in operation.get("parameters", ())}
                naming = bool(plugins) and path.removeprefix("/v1/site/") in NAMING
                assert ("merchant-id" in names) == naming, path
                assert ("merchant_not_found" in json.dumps(operation)) == naming, path
