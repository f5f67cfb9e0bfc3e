"""A new password with the old one, on the wire."""

import json
from dataclasses import replace
from typing import Any

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Found
from tests.api.bodies import CHANGE
from tests.api.conftest import COMMON, Serve
from tests.api.fakes import ACCESS, FOUND, MEMBER, REFRESH, FakeFlows
from tests.api.test_battery_input import WRONG_TYPES

PATH = "/v1/member/password"
KEY = {"X-Api-Key": "A" * 43}
LABELS = {"old_password": "原密码", "password": "密码", "password_repetition": "重复密码"}


async def sent(serve: Serve, wire: str = "document", **changes: Any) -> Any:
    """What is answered to a good body with changes; None takes a field away."""
    body = {name: value for name, value in (CHANGE | changes).items() if value is not None}
    return await serve(wire).post(PATH, body, headers=KEY)


async def test_a_change_gives_the_next_pair(serve: Serve, wire: str) -> None:
    server = serve(wire)
    for media in ("json", "data"):
        answer = (await server("POST", PATH, headers=KEY, **{media: CHANGE})).json()
        assert answer["code"] == 200
        assert (answer["data"]["access_token"], answer["data"]["refresh_token"]) == (
            ACCESS,
            REFRESH,
        )
        name, given = server.flows.calls.pop()
        assert (name, given["found"]) == ("change_password", FOUND)
        assert (given["old_password"], given["password"]) == (
            CHANGE["old_password"],
            CHANGE["password"],
        )
    line = server.lines[-1].exchange
    assert (line.member_id, line.group) == (MEMBER.id, "pc")


async def test_without_a_good_token_the_body_is_not_even_read(serve: Serve, wire: str) -> None:
    server = serve(wire)
    for body in (b"{", json.dumps(CHANGE).encode()):
        answer = (await server("POST", PATH, content=body)).json()
        assert answer["data"]["reason"] == "token_missing"
    server = serve(wire, flows=FakeFlows(refusal=Refusal(Reason.session_ended)))
    answer = (await server("POST", PATH, content=b"{", headers=KEY)).json()
    assert answer["code"] == 401
    assert [name for name, _ in server.flows.calls] == ["authenticate"]


@pytest.mark.parametrize("reason", [Reason.wrong_password, Reason.too_many_attempts])
async def test_a_refusal_of_the_flow_is_told(serve: Serve, wire: str, reason: Reason) -> None:
    class Refusing(FakeFlows):
        async def change_password(self, *args: Any, **given: Any) -> Any:
            wait = 900 if reason is Reason.too_many_attempts else None
            raise Refusal(reason, retry_after=wait)

    server = serve(wire, flows=Refusing())
    answer = await server.post(PATH, CHANGE, headers=KEY)
    if reason is Reason.wrong_password:
        assert (answer["code"], answer["message"]) == (422, "原密码错误")
        assert answer["data"] == ([] if wire == "rageframe" else {"reason": "wrong_password"})
    else:
        assert (answer["code"], answer["data"]["retry_after"]) == (429, 900)


@pytest.mark.parametrize("field", LABELS)
async def test_a_missing_field_is_named(serve: Serve, wire: str, field: str) -> None:
    for missing in (None, "", "  ", "\u3000"):
        answer = await sent(serve, wire, **{field: missing})
        if field == "password_repetition" and wire == "rageframe":
            assert answer["code"] == 200
        else:
            assert (answer["code"], answer["message"]) == (422, f"{LABELS[field]}不能为空。")


async def test_missing_fields_are_told_in_their_order(serve: Serve) -> None:
    answer = await serve().post(PATH, {}, headers=KEY)
    assert list(answer["data"]["fields"]) == list(LABELS)


@pytest.mark.parametrize("field", LABELS)
async def test_I01_wrong_type_for_every_field(serve: Serve, wire: str, field: str) -> None:
    server = serve(wire)
    rest = {name: value for name, value in CHANGE.items() if name != field}
    for text in WRONG_TYPES:
        body = json.dumps(rest)[:-1] + f', "{field}": {text}}}'
        media = KEY | {"Content-Type": "application/json"}
        answer = (await server("POST", PATH, content=body.encode(), headers=media)).json()
        missing = text in ("null", '""')
        if missing and field == "password_repetition" and wire == "rageframe":
            assert answer["code"] == 200
            continue
        assert answer["code"] == 422, text
        if wire == "document":
            expected = "missing_field" if missing else "invalid_type"
            assert answer["data"]["fields"] == {field: expected}
    assert {name for name, _ in server.flows.calls} <= {"authenticate", "change_password"}


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "password_too_short"),
        ("x" * 129, "password_too_long"),
        (sorted(COMMON)[0], "password_too_common"),
        ("13800000000", "password_too_common"),  # one's own number, which is in no field
        ("a13800000000", None),
        ("13800000000!99", "password_too_common"),
        ("小登 <b>2026", "password_too_common"),  # one's own nickname
        ("kingfisher77", "password_too_common"),  # one's own username
        ("the one before it", "password_unchanged"),
        ("The one before it", None),
    ],
)
async def test_the_new_password_is_held_to_the_policy_of_registration(
    serve: Serve, password: str, reason: str | None
) -> None:
    member = replace(MEMBER, mobile="13800000000", username="kingfisher77")
    server = serve(flows=FakeFlows(found=Found(FOUND.token, FOUND.session, member)))
    body = CHANGE | {"password": password, "password_repetition": password}
    answer = await server.post(PATH, body, headers=KEY)
    if reason is None:
        assert answer["code"] == 200
    else:
        assert (answer["code"], answer["data"]["reason"]) == (422, reason)
        assert answer["data"]["fields"] == {"password": reason}


async def test_the_repetition_has_to_be_the_same(serve: Serve, wire: str) -> None:
    answer = await sent(serve, wire, password_repetition="another password")
    assert (answer["code"], answer["message"]) == (422, '重复密码的值必须等于"密码"。')


async def test_what_a_password_is_compared_with_is_not_asked_of_the_body(serve: Serve) -> None:
    answer = await sent(serve, nickname="a long password", mobile="13911111111", id=1)
    assert answer["code"] == 200


async def test_the_old_password_is_judged_by_the_flow_alone(serve: Serve) -> None:
    for old in ("x", "x" * 5000, "密码" * 100, "\x00\x07"):
        assert (await sent(serve, old_password=old))["code"] == 200


async def test_a_field_of_that_name_means_nothing_to_a_registration(serve: Serve) -> None:
    from tests.api.bodies import good_bodies

    body = good_bodies("document")["/v1/site/register"]
    answer = await serve().post("/v1/site/register", body | {"old_password": body["password"]})
    assert answer["code"] == 200
