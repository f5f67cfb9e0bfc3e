"""What the fields must hold, and in which order a person hears of what is wrong."""

from typing import Any

import pytest

from denglu.domain.groups import DOCUMENT_GROUPS
from denglu.domain.sms_code import Usage
from tests.api.bodies import PATHS, good_bodies
from tests.api.conftest import Serve

LOGIN, SMS, REFRESH = "/v1/site/login", "/v1/site/sms-code", "/v1/site/refresh"
MOBILE_LOGIN, REGISTER, RESET = "/v1/site/mobile-login", "/v1/site/register", "/v1/site/up-pwd"
VERIFY = "/v1/site/verify-access-token"

LABELS = {
    LOGIN: {"username": "登录帐号", "password": "登录密码", "group": "组别"},
    REFRESH: {"refresh_token": "重置令牌", "group": "组别"},
    SMS: {"mobile": "手机号码", "usage": "用途"},
    MOBILE_LOGIN: {"mobile": "手机号码", "code": "验证码", "group": "组别"},
    REGISTER: {
        "mobile": "手机号码",
        "code": "验证码",
        "group": "类型",
        "password": "密码",
        "password_repetition": "重复密码",
        "nickname": "昵称",
    },
    RESET: {
        "mobile": "手机号码",
        "code": "验证码",
        "group": "类型",
        "password": "密码",
        "password_repetition": "重复密码",
    },
    VERIFY: {"token": "令牌"},
}
OPTIONAL_IN_RAGEFRAME = {
    (REFRESH, "group"),
    (REGISTER, "password_repetition"),
    (REGISTER, "nickname"),
    (RESET, "password_repetition"),
}
FIELDS = [(path, field) for path, labels in LABELS.items() for field in labels]


def fields_of(answer: Any) -> dict[str, str]:
    return dict(answer["data"].get("fields", {}))


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_a_missing_field_is_named(serve: Serve, wire: str, path: str, field: str) -> None:
    server = serve(wire)
    good = good_bodies(wire)[path]
    without = {name: value for name, value in good.items() if name != field}
    if wire == "rageframe" and (path, field) in OPTIONAL_IN_RAGEFRAME:
        assert (await server.post(path, without))["code"] == 200
        return
    # Absent, null, empty and blanks (also the wide one) are one and the same.
    blanks = [good | {field: blank} for blank in (None, "", "   ", "\u3000\u00a0\t")]
    for body in (without, *blanks):
        answer = await server.post(path, body)
        assert (answer["code"], answer["message"]) == (422, f"{LABELS[path][field]}不能为空。")
        if wire == "document":
            assert answer["data"] == {
                "reason": "missing_field",
                "fields": {field: "missing_field"},
            }
    assert server.flows.calls == []


@pytest.mark.parametrize("path", PATHS)
async def test_missing_fields_are_told_in_the_order_of_the_body_list(
    serve: Serve, path: str
) -> None:
    server = serve()
    answer = await server.post(path, {})
    assert list(fields_of(answer)) == list(LABELS[path])
    assert answer["message"] == f"{next(iter(LABELS[path].values()))}不能为空。"


async def test_missing_fields_win_over_wrong_ones_and_those_follow_the_table(
    serve: Serve,
) -> None:
    body = {
        "mobile": "12",
        "code": True,
        "group": "nobody",
        "password": "short",
        "password_repetition": "other",
    }
    answer = await serve().post(REGISTER, body)
    assert list(fields_of(answer).items()) == [
        ("nickname", "missing_field"),
        ("group", "invalid_group"),
        ("mobile", "invalid_mobile"),
        ("code", "invalid_type"),
        ("password", "password_too_short"),
        ("password_repetition", "password_mismatch"),
    ]


@pytest.mark.parametrize(
    ("path", "field", "value", "reason", "sentence"),
    [
        (LOGIN, "group", "PC", "invalid_group", "组别是无效的。"),
        (LOGIN, "group", "nobody", "invalid_group", "组别是无效的。"),
        (MOBILE_LOGIN, "group", "ios", "invalid_group", "组别是无效的。"),
        (REFRESH, "group", "x", "invalid_group", "组别是无效的。"),
        (REGISTER, "group", "x", "invalid_group", "类型是无效的。"),
        (RESET, "group", "x", "invalid_group", "类型是无效的。"),
        (SMS, "usage", "forgot", "invalid_usage", "用途是无效的。"),
        (SMS, "usage", "Login", "invalid_usage", "用途是无效的。"),
        (SMS, "mobile", "12800000000", "invalid_mobile", "请输入正确的手机号"),
        (REGISTER, "password", "1234567", "password_too_short", "密码应该包含至少8个字符。"),
        (REGISTER, "password", "密" * 7, "password_too_short", "密码应该包含至少8个字符。"),
        (REGISTER, "password", "x" * 129, "password_too_long", "密码太长了。"),
        (REGISTER, "password", "Password123", "password_too_common", "密码过于简单，请换一个。"),
        (REGISTER, "password", "13800000000", "password_too_common", "密码过于简单，请换一个。"),
        (RESET, "password", "denglu.26", "password_too_common", "密码过于简单，请换一个。"),
        (LOGIN, "username", "x" * 256, "too_long", "登录帐号太长了。"),
        (REGISTER, "nickname", "登" * 61, "too_long", "昵称太长了。"),
        (VERIFY, "token", "x" * 513, "too_long", "令牌太长了。"),
        (LOGIN, "username", "a\x00b", "invalid_type", "登录帐号必须是一条字符串。"),
        (LOGIN, "username", "a\r\nb", "invalid_type", "登录帐号必须是一条字符串。"),
        (REGISTER, "nickname", "a\nb", "invalid_type", "昵称必须是一条字符串。"),
        (REGISTER, "nickname", "a\u2028b", "invalid_type", "昵称必须是一条字符串。"),
    ],
)
async def test_a_wrong_field_is_named(
    serve: Serve, path: str, field: str, value: str, reason: str, sentence: str
) -> None:
    server = serve()
    body = good_bodies("document")[path] | {field: value}
    if field == "password":
        body["password_repetition"] = value
    answer = await server.post(path, body)
    assert (answer["code"], answer["message"]) == (422, sentence)
    assert answer["data"] == {"reason": reason, "fields": {field: reason}}
    assert server.flows.calls == []


async def test_the_longest_allowed_texts_are_accepted(serve: Serve) -> None:
    server = serve()
    for path, field, value in (
        (LOGIN, "username", "登" * 255),
        (REGISTER, "nickname", "登" * 60),
        (VERIFY, "token", "x" * 512),
    ):
        answer = await server.post(path, good_bodies("document")[path] | {field: value})
        assert answer["code"] == 200


async def test_a_repetition_must_match_in_both_profiles(serve: Serve, wire: str) -> None:
    for path in (REGISTER, RESET):
        body = good_bodies(wire)[path] | {"password_repetition": "another password"}
        answer = await serve(wire).post(path, body)
        assert (answer["code"], answer["message"]) == (422, '重复密码的值必须等于"密码"。')


async def test_a_nickname_makes_a_weak_password(serve: Serve) -> None:
    body = good_bodies("document")[REGISTER]
    password = {"password": "xiaodeng88", "password_repetition": "xiaodeng88"}
    answer = await serve().post(REGISTER, body | password | {"nickname": "xiaodeng"})
    assert answer["data"]["reason"] == "password_too_common"


async def test_all_thirteen_groups_are_known(serve: Serve) -> None:
    server = serve()
    for group in DOCUMENT_GROUPS:
        answer = await server.post(LOGIN, good_bodies("document")[LOGIN] | {"group": group.name})
        assert answer["code"] == 200
        assert server.flows.calls[-1][1]["group"] == group


async def test_rageframe_apps_name_groups_in_their_own_ways(serve: Serve) -> None:
    server = serve("rageframe")
    for name, slot in (("ios", "iOS"), ("tinyShopWechatMp", "wechatMp"), ("aliMp", "aliMini")):
        await server.post(LOGIN, good_bodies("rageframe")[LOGIN] | {"group": name})
        assert server.flows.calls[-1][1]["group"].name == slot


async def test_usages_are_the_documents_and_in_rageframe_also_the_fields(serve: Serve) -> None:
    for wire in ("document", "rageframe"):
        server = serve(wire)
        for usage in Usage:
            await server.post(SMS, {"mobile": "13800000000", "usage": usage.value})
            assert server.flows.calls[-1][1]["usage"] is usage
    for name in ("reset", "forgot", "reset_password"):
        await server.post(SMS, {"mobile": "13800000000", "usage": name})
        assert server.flows.calls[-1][1]["usage"] is Usage.up_pwd


async def test_rageframe_apps_may_log_in_with_the_field_mobile(serve: Serve) -> None:
    server = serve("rageframe")
    for body in (
        {"mobile": "13800000000", "password": "p", "group": "pc"},
        {"username": "", "mobile": "13800000000", "password": "p", "group": "pc"},
    ):
        assert (await server.post(LOGIN, body))["code"] == 200
        assert server.flows.calls[-1][1]["username"] == "13800000000"
    both = {"username": "demo", "mobile": "13800000000", "password": "p", "group": "pc"}
    await server.post(LOGIN, both)
    assert server.flows.calls[-1][1]["username"] == "demo"
    document = await serve("document").post(LOGIN, both | {"username": ""})
    assert document["data"]["reason"] == "missing_field"


async def test_rageframe_apps_may_refresh_without_a_group(serve: Serve) -> None:
    server = serve("rageframe")
    for body in ({"refresh_token": "R"}, {"refresh_token": "R", "group": ""}):
        assert (await server.post(REFRESH, body))["code"] == 200
        assert server.flows.calls[-1][1]["group"] is None
    assert (await server.post(REFRESH, {"refresh_token": "R", "group": "x"}))["code"] == 422


async def test_a_nickname_that_was_not_given_is_empty(serve: Serve) -> None:
    server = serve("rageframe")
    body = good_bodies("rageframe")[REGISTER]
    del body["nickname"], body["password_repetition"]
    for empty in ({}, {"nickname": ""}, {"nickname": None}, {"nickname": "  "}):
        assert (await server.post(REGISTER, body | empty))["code"] == 200
        assert server.flows.calls[-1][1]["nickname"] == ""


async def test_P13_passwords_reach_the_flow_exactly_as_they_were_typed(serve: Serve) -> None:
    server = serve()
    for password in ("abc\x00x", "abc\x00y", " lead and trail ", "🐉" * 64, "密码" * 32, "ＡＢＣ"):
        await server.post(LOGIN, good_bodies("document")[LOGIN] | {"password": password})
        assert server.flows.calls[-1][1]["password"] == password


async def test_a_nickname_is_stored_as_it_was_typed(serve: Serve) -> None:
    server = serve()
    for nickname in ("<b>小登</b>", "a\u202eb", " 登 ", "e\u0301" * 30):
        await server.post(REGISTER, good_bodies("document")[REGISTER] | {"nickname": nickname})
        assert server.flows.calls[-1][1]["nickname"] == nickname


async def test_an_overlong_refresh_token_is_for_the_flow_to_refuse(serve: Serve) -> None:
    """A failed refresh is always 401, so that clients let go of what they hold."""
    server = serve()
    body = good_bodies("document")[REFRESH] | {"refresh_token": "x" * 4000}
    assert (await server.post(REFRESH, body))["code"] == 200
    assert server.flows.calls[-1][0] == "refresh"
