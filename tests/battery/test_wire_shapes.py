"""Keys, order and types of every answer, as the contract's sections 1 and 2 list them."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.battery.client import Client, fresh_mobile, new_member, new_password
from tests.battery.harness import Answer


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


MEMBER = words(
    "id username nickname mobile email head_portrait gender birthday source status visit_count "
    "last_time last_ip current_level promoter_code created_at updated_at account memberLevel"
)
ACCOUNT = set(
    words(
        "user_money user_integral accumulate_money give_money consume_money frozen_money "
        "accumulate_integral give_integral consume_integral frozen_integral user_growth "
        "accumulate_growth consume_growth frozen_growth economize_money accumulate_drawn_money"
    )
)
LEVEL = words("level name icon cover detail money integral growth discount")
TOKENS = words("refresh_token access_token expiration_time member")

FIELD_MEMBER = words(
    "id merchant_id store_id username type realname nickname head_portrait gender qq email "
    "birthday province_id city_id area_id address mobile tel_no bg_image description visit_count "
    "last_time last_ip role current_level level_expiration_time level_buy_type pid level tree "
    "promoter_code certification_type source status created_at updated_at account memberLevel"
)
FIELD_ACCOUNT_FIRST = words("id merchant_id store_id member_id member_type")
MONEY = words(
    "user_money accumulate_money give_money consume_money frozen_money economize_money "
    "accumulate_drawn_money consume_integral"
)
WHOLE = sorted(ACCOUNT - set(MONEY))
TEXTS = words("username nickname mobile email head_portrait source last_ip promoter_code")
NUMBERS = words("id gender status visit_count last_time current_level created_at updated_at")
FIELD_TEXTS = words("realname qq address tel_no bg_image description tree")
FIELD_NUMBERS = words(
    "merchant_id store_id type province_id city_id area_id role level_expiration_time "
    "level_buy_type pid level certification_type"
)


def grants(client: Client, mobile: str) -> Iterator[tuple[str, Answer]]:
    """A token object from each of the endpoints that give one."""
    yield "register", client.register(mobile)
    yield "login", (login := client.login(mobile))
    yield "refresh", client.refresh(login.data["refresh_token"])
    client.server.set_clock(61)
    by_code = {"mobile": mobile, "code": client.code_for(mobile, "login"), "group": "h5"}
    yield "mobile-login", client.site("mobile-login", by_code)
    client.server.set_clock(122)
    reset = new_password(mobile, client.code_for(mobile, "up-pwd"), "harbour-lantern-61")
    yield "up-pwd", client.site("up-pwd", reset)


def assert_envelope(answer: Answer, *stamps: str, message: str = "OK") -> None:
    """Compact, in order, UTF-8 as it is, and OK."""
    assert (answer.status, answer.code, answer.body["message"]) == (200, 200, message)
    assert list(answer.body) == ["code", "message", "data", *stamps]
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    compact = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"))
    # Numbers keep their own spelling (12.5, not 12.50), all else is the same text.
    assert answer.text == compact


def assert_types(value: Mapping[str, Any], names: list[str], kind: type) -> None:
    assert [name for name in names if type(value[name]) is not kind] == []


def assert_document_member(member: dict[str, Any]) -> None:
    assert list(member) == MEMBER
    assert_types(member, TEXTS, str)
    assert_types(member, NUMBERS, int)
    assert member["birthday"] is None
    assert set(member["account"]) == ACCOUNT
    assert list(member["account"])[:2] == ["user_money", "user_integral"]
    assert_types(member["account"], WHOLE, int)
    assert [name for name in MONEY if type(member["account"][name]) not in (int, float)] == []
    level = member["memberLevel"]
    assert list(level) == LEVEL
    assert (level["level"], level["name"]) == (1, "普通会员")
    assert_types(level, ["name", "icon", "cover", "detail"], str)
    assert type(level["money"]) in (int, float)
    assert type(level["discount"]) in (int, float)


def test_the_document_profile_answers_as_the_document_says(client: Client) -> None:
    mobile = fresh_mobile()
    for name, answer in grants(client, mobile):
        assert_envelope(answer)
        data = answer.data
        assert list(data) == TOKENS, name
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", data["access_token"])
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", data["refresh_token"])
        assert data["expiration_time"] == "7200"
        assert_document_member(data["member"])
        assert data["member"]["mobile"] == mobile
    index = client.who_am_i(data["access_token"])
    assert_envelope(index)
    assert_document_member(index.data)
    verified = client.verify(data["access_token"])
    assert_envelope(verified)
    assert verified.text == '{"code":200,"message":"OK","data":{"token":true}}'
    sent = client.site("sms-code", {"mobile": fresh_mobile(), "usage": "login"})
    left = client.logout(data["access_token"])
    for answer in (sent, left):
        assert answer.text == '{"code":200,"message":"OK","data":{}}'


def assert_field_member(member: dict[str, Any]) -> None:
    assert list(member) == FIELD_MEMBER
    assert_types(member, TEXTS + FIELD_TEXTS, str)
    assert_types(member, NUMBERS + FIELD_NUMBERS, int)
    account = member["account"]
    assert list(account)[:5] == FIELD_ACCOUNT_FIRST
    assert list(account)[-1] == "status"
    assert set(account) == ACCOUNT | {*FIELD_ACCOUNT_FIRST, "status"}
    assert account["member_id"] == member["id"]
    assert_types(account, [*WHOLE, *FIELD_ACCOUNT_FIRST, "status"], int)
    for name in MONEY:
        assert re.fullmatch(r"[0-9]+\.[0-9]{2}", account[name]), name
    level = member["memberLevel"]
    assert list(level) == LEVEL
    assert level["money"] == "0.00"
    assert_types(level, ["level", "integral", "growth"], int)


def test_the_rageframe_profile_answers_as_the_original_does(field_client: Client) -> None:
    client, mobile = field_client, fresh_mobile()
    for name, answer in grants(client, mobile):
        assert_envelope(answer, "timestamp")
        assert abs(answer.body["timestamp"] - time.time()) < 200
        data = answer.data
        assert list(data) == TOKENS, name
        assert type(data["expiration_time"]) is int
        assert data["expiration_time"] == 7200
        assert_field_member(data["member"])
    index = client.who_am_i(data["access_token"])
    assert_envelope(index, "timestamp")
    assert_field_member(index.data)
    verified = client.verify(data["access_token"])
    assert_envelope(verified, "timestamp")
    assert verified.data == {"token": True}
    sent = client.site("sms-code", {"mobile": fresh_mobile(), "usage": "login"})
    assert_envelope(sent, "timestamp")
    assert sent.data is None
    left = client.logout(data["access_token"])
    assert_envelope(left, "timestamp", message="退出成功")
    assert left.data == []


BOOKS = {"user_money": 1250, "accumulate_money": 10**16 + 1, "consume_money": 30, "give_money": 100}


def with_books(client: Client) -> dict[str, Any]:
    """The account of a member with money and points."""
    data = client.register().data
    sets = ", ".join(f"{name} = {value}" for name, value in BOOKS.items())
    client.server.rows(
        f"update member_account set {sets}, consume_integral = 225, user_integral = 30,"
        " user_growth = 7 where member_id = ?",
        data["member"]["id"],
    )
    account: dict[str, Any] = client.who_am_i(data["access_token"]).data["account"]
    return account


def test_money_is_exact(client: Client, field_client: Client) -> None:
    data = client.register().data
    client.server.rows(
        "update member_account set user_money = 1250, accumulate_money = 10000000000000001,"
        " consume_money = 30, give_money = 100 where member_id = ?",
        data["member"]["id"],
    )
    text = client.who_am_i(data["access_token"]).text
    for shown in ('"user_money":12.5,', '"accumulate_money":100000000000000.01,'):
        assert shown in text
    for shown in ('"consume_money":0.3,', '"give_money":1,', '"frozen_money":0,'):
        assert shown in text
    account = with_books(field_client)
    assert account["user_money"] == "12.50"
    assert account["accumulate_money"] == "100000000000000.01"
    assert account["consume_money"] == "0.30"
    assert account["consume_integral"] == "2.25"
    assert (account["user_integral"], account["user_growth"]) == (30, 7)
    account = with_books(client)
    assert (account["consume_integral"], account["user_integral"]) == (2.25, 30)


def test_a_member_without_a_level_has_an_empty_one(each_client: Client) -> None:
    data = each_client.register().data
    sql = "update member set current_level = 77 where id = ?"
    each_client.server.rows(sql, data["member"]["id"])
    level = each_client.who_am_i(data["access_token"]).data["memberLevel"]
    is_field_app = each_client.server.settings.get("DENGLU_WIRE") == "rageframe"
    assert level == ([None] if is_field_app else {})


def test_a_birthday_is_a_date(each_client: Client) -> None:
    data = each_client.register().data
    sql = "update member set birthday = '1990-01-31' where id = ?"
    each_client.server.rows(sql, data["member"]["id"])
    assert each_client.who_am_i(data["access_token"]).data["birthday"] == "1990-01-31"


def test_in_the_field_the_time_and_a_number_stand_in_every_envelope(field_client: Client) -> None:
    client = field_client
    numbers = set()
    for shift in (0, 5_000_000):
        client.server.set_clock(shift)
        for answer in (
            client.who_am_i(),
            client.who_am_i("garbage"),
            client.call("GET", "/nowhere"),
            client.call("GET", "/v1/site/login"),
            client.call("POST", "/v1/site/login", content=b"{"),
        ):
            assert list(answer.body) == ["code", "message", "data", "timestamp", "req_id"]
            assert abs(answer.body["timestamp"] - shift - time.time()) < 60
            assert re.fullmatch("[0-9a-f]{32}", answer.body["req_id"])
            assert answer.headers["x-request-id"] == answer.body["req_id"]
            numbers.add(answer.body["req_id"])
        form = client.site("login", {})
        assert list(form.body) == ["code", "message", "data", "timestamp"]
    assert len(numbers) == 10


def test_in_the_field_an_error_has_the_original_names(field_client: Client) -> None:
    client = field_client
    expected = {
        401: ("Unauthorized", client.who_am_i()),
        404: ("Not Found", client.call("GET", "/nowhere")),
        405: ("Method Not Allowed", client.call("GET", "/v1/site/login")),
        422: ("Unprocessable entity", frequent(client)),
    }
    for code, (name, answer) in expected.items():
        first = {"name": name, "message": answer.body["message"], "code": 0, "status": code}
        assert list(answer.data.items())[:4] == list(first.items())
        assert list(answer.data)[4] == "reason"


def frequent(client: Client) -> Answer:
    """The answer to asking for a second code at once."""
    body = {"mobile": fresh_mobile(), "usage": "login"}
    client.site("sms-code", body)
    return client.site("sms-code", body)


PREFLIGHTS = (
    "/v1/site/login", "/v1/member/member/index", "/v1/site/nothing", "/", "/healthz", "/any/where",
    "/merapi/v1/site/login", "/v1/tiny-shop/product/index",
)  # fmt: skip


@pytest.mark.parametrize("path", PREFLIGHTS)
def test_in_the_field_every_preflight_is_answered(field_client: Client, path: str) -> None:
    asked = (
        "content-type,x-api-key,authorization,device-name,width,height,os,os-version,merchant-id,"
        "x-of-the-app"
    )
    headers = {
        "Origin": "https://h5.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": asked,
    }
    answer = field_client.call("OPTIONS", path, headers=headers)
    assert_envelope(answer, "timestamp")
    assert answer.data is None
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["access-control-max-age"] == "86400"
    allowed = answer.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
    assert set(asked.split(",")) <= set(allowed)
    methods = set(answer.headers["access-control-allow-methods"].replace(" ", "").split(","))
    assert {"GET", "POST", "PUT", "DELETE", "OPTIONS"} <= methods
    assert field_client.call("GET", path).headers["access-control-allow-origin"] == "*"


def test_a_nickname_is_made_up_for_who_gives_none(field_client: Client) -> None:
    client, mobile = field_client, fresh_mobile()
    body = new_member(mobile, client.code_for(mobile, "register"))
    del body["nickname"], body["password_repetition"]
    member = client.site("register", body).data["member"]
    assert_field_member(member)
    assert member["nickname"]
    assert mobile not in member["nickname"]
