"""What a success looks like on the wire, byte for byte where a client could notice."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from denglu.api.jsontext import Json, plain_decimal, to_json
from denglu.api.member_view import MemberView
from denglu.api.wire import DOCUMENT
from denglu.domain.session import Found
from tests.api.asgi import call
from tests.api.bodies import good_bodies
from tests.api.conftest import Serve
from tests.api.fakes import ACCESS, FOUND, MEMBER, NOW, REFRESH, FakeFlows

INDEX, LOGIN = "/v1/member/member/index", "/v1/site/login"
KEY = {"X-Api-Key": "A" * 43}
GRANTS = (
    LOGIN,
    "/v1/site/refresh",
    "/v1/site/mobile-login",
    "/v1/site/register",
    "/v1/site/up-pwd",
)

DOCUMENT_MEMBER = [
    *("id", "username", "nickname", "mobile", "email", "head_portrait", "gender", "birthday"),
    *("source", "status", "visit_count", "last_time", "last_ip", "current_level"),
    *("promoter_code", "created_at", "updated_at", "account", "memberLevel"),
]
RAGEFRAME_MEMBER = [
    *("id", "merchant_id", "store_id", "username", "type", "realname", "nickname"),
    *("head_portrait", "gender", "qq", "email", "birthday", "province_id", "city_id", "area_id"),
    *("address", "mobile", "tel_no", "bg_image", "description", "visit_count", "last_time"),
    *("last_ip", "role", "current_level", "level_expiration_time", "level_buy_type", "pid"),
    *("level", "tree", "promoter_code", "certification_type", "source", "status"),
    *("created_at", "updated_at", "account", "memberLevel"),
]
LEVEL_KEYS = ["level", "name", "icon", "cover", "detail", "money", "integral", "growth", "discount"]


def found(**changes: Any) -> FakeFlows:
    return FakeFlows(found=Found(FOUND.token, FOUND.session, replace(MEMBER, **changes)))


@pytest.mark.parametrize("path", GRANTS)
async def test_a_grant_is_the_whole_token_object(serve: Serve, wire: str, path: str) -> None:
    server = serve(wire)
    answer = await server.post(path, good_bodies(wire)[path])
    data = answer["data"]
    assert list(data) == ["refresh_token", "access_token", "expiration_time", "member"]
    assert (data["refresh_token"], data["access_token"]) == (REFRESH, ACCESS)
    life = data["expiration_time"]
    assert life == ("7200" if wire == "document" else 7200)
    assert data["member"] == (await server.get(INDEX, **KEY))["data"]


async def test_the_envelope_has_the_keys_of_its_profile(serve: Serve) -> None:
    response = await serve("document")("GET", INDEX, headers=KEY)
    assert response.text.startswith('{"code":200,"message":"OK","data":{"id":7,"username":"demo"')
    assert list(response.json()) == ["code", "message", "data"]
    original = await serve("rageframe")("GET", INDEX, headers=KEY)
    assert list(original.json()) == ["code", "message", "data", "timestamp"]
    assert original.text.endswith(f',"timestamp":{NOW}}}')


async def test_the_document_profile_shows_what_the_document_lists(serve: Serve) -> None:
    text = (await serve("document")("GET", INDEX, headers=KEY)).text
    member = json.loads(text, parse_float=str, parse_int=str)["data"]
    assert list(member) == DOCUMENT_MEMBER
    account = member["account"]
    assert account["user_money"] == "12.5"
    # More digits than a binary float holds.
    assert account["accumulate_money"] == "100000000000000.1"
    assert account["consume_integral"] == "2.25"
    assert (account["give_money"], account["user_integral"]) == ("0", "30")
    assert len(account) == 16
    assert list(member["memberLevel"]) == LEVEL_KEYS
    assert member["memberLevel"]["discount"] == "10"
    assert member["memberLevel"]["name"] == "普通会员"


async def test_the_rageframe_profile_shows_every_column_in_its_order(serve: Serve) -> None:
    member = (await serve("rageframe").get(INDEX, **KEY))["data"]
    assert list(member) == RAGEFRAME_MEMBER
    account = member["account"]
    assert list(account)[:5] == ["id", "merchant_id", "store_id", "member_id", "member_type"]
    assert list(account)[-1] == "status"
    assert account["user_money"] == "12.50"
    assert account["give_money"] == "0.00"
    assert account["consume_integral"] == "2.25"
    assert (account["user_integral"], account["user_growth"]) == (30, 5)
    assert list(member["memberLevel"]) == LEVEL_KEYS
    assert member["memberLevel"]["money"] == "0.00"
    assert member["memberLevel"]["discount"] == "10.0"
    assert member["birthday"] is None


async def test_a_member_without_a_level(serve: Serve) -> None:
    for wire, empty in (("document", {}), ("rageframe", [None])):
        server = serve(wire, flows=found(member_level=None))
        assert (await server.get(INDEX, **KEY))["data"]["memberLevel"] == empty


async def test_a_member_without_an_account(serve: Serve, wire: str) -> None:
    server = serve(wire, flows=found(account=None))
    assert (await server.get(INDEX, **KEY))["data"]["account"] == {}


async def test_I12_nothing_secret_is_shown(serve: Serve, wire: str) -> None:
    server = serve(wire)
    for path in GRANTS:
        text = (await server("POST", path, json=good_bodies(wire)[path])).text
        for secret in ("canary", "argon2", "password", "auth_key", "reset_token", "nonce"):
            assert secret not in text.lower()


NOTHING: Mapping[str, Mapping[str, Any]] = {
    "document": {"/v1/site/logout": {}, "/v1/site/sms-code": {}},
    "rageframe": {"/v1/site/logout": [], "/v1/site/sms-code": None},
}


async def test_nothing_looks_as_clients_expect_it(serve: Serve, wire: str) -> None:
    for path, nothing in NOTHING[wire].items():
        body = good_bodies(wire).get(path, {})
        answer = await serve(wire).post(path, body, headers=KEY)
        assert answer["data"] == nothing
        assert answer["code"] == 200


async def test_logout_says_goodbye_as_the_profile_does(serve: Serve) -> None:
    for wire, language, message in (
        ("document", "zh", "OK"),
        ("rageframe", "zh", "退出成功"),
        ("rageframe", "en", "Logged out"),
    ):
        headers = KEY | {"Accept-Language": language}
        answer = await serve(wire).post("/v1/site/logout", headers=headers)
        assert answer["message"] == message


async def test_verify_says_true_or_false_and_never_401(serve: Serve, wire: str) -> None:
    for good in (True, False):
        server = serve(wire, flows=FakeFlows(token_is_good=good))
        answer = await server.post("/v1/site/verify-access-token", {"token": "A" * 43})
        assert (answer["code"], answer["data"]) == (200, {"token": good})


async def test_I14_stored_text_comes_back_as_it_was_stored(serve: Serve, wire: str) -> None:
    nickname = '<script>"\\\u202e\u200b\u2028e\u0301登'
    server = serve(wire, flows=found(nickname=nickname))
    response = await server("GET", INDEX, headers=KEY)
    assert response.json()["data"]["nickname"] == nickname
    assert "登" in response.text  # non-ASCII as it is


async def test_half_a_character_in_the_database_breaks_no_answer(serve: Serve, wire: str) -> None:
    server = serve(wire, flows=found(nickname="a\ud800b"))
    answer = await server.get(INDEX, **KEY)
    assert answer["data"]["nickname"] == "a\ud800b"


async def test_a_changed_member_is_shown_changed(serve: Serve) -> None:
    flows = found(visit_count=1)
    server = serve(flows=flows)
    assert (await server.get(INDEX, **KEY))["data"]["visit_count"] == 1
    flows.found = found(visit_count=2).found
    assert (await server.get(INDEX, **KEY))["data"]["visit_count"] == 2


def test_rendered_members_are_remembered_within_bounds() -> None:
    view = MemberView(DOCUMENT)
    first = view.render(MEMBER)
    assert view.render(MEMBER) is first
    for number in range(5000):
        view.render(replace(MEMBER, id=number))
    assert len(view._known) <= 2048
    assert view.render(MEMBER) == first


def test_a_member_that_was_read_again_and_is_the_same_is_not_written_again() -> None:
    view = MemberView(DOCUMENT)
    first = view.render(MEMBER)
    assert view.render(replace(MEMBER)) is first
    assert MEMBER.account is not None
    richer = replace(MEMBER, account=replace(MEMBER.account, user_money=Decimal("77.01")))
    assert b'"user_money":77.01' in view.render(richer)
    assert view.render(replace(MEMBER)) == first


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12.50", "12.5"),
        ("0.00", "0"),
        ("-0.00", "0"),
        ("-1.10", "-1.1"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("1E-7", "0.0000001"),
        ("0.10", "0.1"),
        ("99999999999999999.99", "99999999999999999.99"),
    ],
)
def test_decimals_are_written_exactly(value: str, text: str) -> None:
    assert plain_decimal(Decimal(value)) == text


def test_json_text_is_what_the_standard_library_reads_back() -> None:
    value: dict[str, Json] = {
        "a": [1, -2, True, False, None, '登\x00"\\\n', 1.5, {"b": []}],
        "": 10**30,
    }
    assert json.loads(to_json(value)) == value


async def test_N10_headers_of_every_route_and_status(serve: Serve, wire: str) -> None:
    """The client of this suite holds every answer to its headers; here is a sweep of them."""
    server = serve(wire)
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        for path in (*good_bodies(wire), INDEX, "/", "/nowhere", "/healthz", "/readyz", "/docs"):
            response = await server(method, path)
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["x-content-type-options"] == "nosniff"


async def test_every_request_has_an_id_of_its_own(serve: Serve) -> None:
    server = serve()
    sent = {"X-Request-Id": "mine"}
    ids = {(await server("GET", INDEX, headers=sent)).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5
    assert "mine" not in ids


async def test_head_answers_like_get_without_a_body(serve: Serve) -> None:
    server = serve()
    got = await server("GET", INDEX, headers=KEY)
    head = await server("HEAD", INDEX, headers=KEY)
    assert head.headers["content-length"] == got.headers["content-length"]
    # A client library would hide a body here.
    bare = await call(server.app, "HEAD", INDEX, headers=[(b"x-api-key", b"A" * 43)])
    assert bare.body == b""


async def test_health_answers_with_real_statuses(serve: Serve, wire: str) -> None:
    server = serve(wire)
    assert (await server("GET", "/healthz")).json() == {"status": "ok"}
    assert (await server("GET", "/readyz")).json() == {"status": "ready"}
    server.is_ready = False
    response = await server("GET", "/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "not ready"})
    assert (await server("GET", "/healthz")).status_code == 200
    wrong = await server("POST", "/readyz")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
    assert wrong.json() == {"error": "method_not_allowed"}
