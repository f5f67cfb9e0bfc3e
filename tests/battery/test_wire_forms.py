"""What is missing or wrong in a form, in both profiles and languages: which field is told, and
in which order.
"""

import pytest

from tests.battery.client import Client, fresh_mobile, new_member
from tests.battery.refusals import WELL, Row, both_languages, is_field_app, shape, site

COMMON_LABELS = {
    "code": "验证码",
    "group": "类型",
    "password": "密码",
    "password_repetition": "重复密码",
}
LABELS: dict[str, dict[str, str]] = {
    "login": {"username": "登录帐号", "password": "登录密码", "group": "组别"},
    "refresh": {"refresh_token": "重置令牌", "group": "组别"},
    "sms-code": {"mobile": "手机号码", "usage": "用途"},
    "mobile-login": {"mobile": "手机号码", "code": "验证码", "group": "组别"},
    "register": {"mobile": "手机号码", **COMMON_LABELS, "nickname": "昵称"},
    "up-pwd": {"mobile": "手机号码", **COMMON_LABELS},
    "verify-access-token": {"token": "令牌"},
}
NOT_ASKED_IN_THE_FIELD = {
    ("refresh", "group"), ("register", "nickname"), ("register", "password_repetition"),
    ("up-pwd", "password_repetition"),
}  # fmt: skip
EVERY_FIELD = [(name, each) for name, labels in LABELS.items() for each in labels]


@pytest.mark.parametrize(("name", "missing"), EVERY_FIELD)
def test_a_missing_field_is_named(each_client: Client, name: str, missing: str) -> None:
    if is_field_app(each_client) and (name, missing) in NOT_ASKED_IN_THE_FIELD:
        return
    body = {key: value for key, value in shape(name).items() if key != missing}
    message = f"{LABELS[name][missing]}不能为空。"
    for blank in ({}, {missing: ""}, {missing: " \t\u3000"}, {missing: None}):
        row = Row("missing", "missing_field", 422, message, site(name, body | blank))
        both_languages(each_client, row)
        answer = row.provoke(each_client)
        if not is_field_app(each_client):
            assert answer.data["fields"] == {missing: "missing_field"}


@pytest.mark.parametrize(("name", "odd"), EVERY_FIELD)
def test_a_field_of_a_wrong_type_is_named(each_client: Client, name: str, odd: str) -> None:
    for value in (True, 1.5, ["x"], {"$ne": 1}, *([] if odd == "code" else [1])):
        message = f"{LABELS[name][odd]}必须是一条字符串。"
        # A wrong password would have its repetition wrong too; the first one is told.
        provoke = site(name, shape(name) | {odd: value})
        both_languages(each_client, Row("type", "invalid_type", 422, message, provoke))


@pytest.mark.parametrize("name", list(LABELS))
def test_of_several_missing_fields_the_first_in_the_body_list_is_told(
    each_client: Client, name: str
) -> None:
    given: dict[str, object] = {}
    for each, label in LABELS[name].items():
        if is_field_app(each_client) and (name, each) in NOT_ASKED_IN_THE_FIELD:
            continue
        answer = each_client.site(name, given)
        assert answer.body["message"] == f"{label}不能为空。"
        given[each] = ["wrong"]  # what is wrong counts as given: missing ones come first


def test_of_several_wrong_fields_the_first_in_the_table_is_told(each_client: Client) -> None:
    client = each_client
    wrongs: list[tuple[dict[str, object], str]] = [
        ({"group": "watch"}, "类型是无效的。"),
        ({"mobile": "12345678901"}, "请输入正确的手机号"),
        ({"nickname": 7}, "昵称必须是一条字符串。"),
        ({"password": "short"}, "密码应该包含至少8个字符。"),
        ({"password_repetition": "another"}, '重复密码的值必须等于"密码"。'),
        ({"code": "1"}, "验证码错误"),
    ]
    body = shape("register")
    for step in range(len(wrongs)):
        rest = {key: value for each, _ in wrongs[step:] for key, value in each.items()}
        answer = client.site("register", body | {"mobile": fresh_mobile()} | rest)
        assert answer.body["message"] == wrongs[step][1]
    if not is_field_app(client):
        first = {key: value for each, _ in wrongs for key, value in each.items()}
        assert client.site("register", body | first).data["fields"] == {
            "group": "invalid_group",
            "mobile": "invalid_mobile",
            "nickname": "invalid_type",
            "password": "password_too_short",
            "password_repetition": "password_mismatch",
        }
    usage = {"mobile": "1", "usage": "nothing"}
    assert client.site("sms-code", usage).body["message"] == "用途是无效的。"


def bad_form(name: str, what: str, reason: str, message: str, **change: object) -> Row:
    """A row for a form that is wrong by itself."""
    return Row(f"{name}: {what}", reason, 422, message, site(name, shape(name) | change))


def bad_password(what: str, reason: str, message: str, password: str, **more: object) -> list[Row]:
    """The rows of a password that nobody may set."""
    change = {"password": password, "password_repetition": password} | more
    names = ("register",) if "nickname" in more else ("register", "up-pwd")
    return [bad_form(name, what, reason, message, **change) for name in names]


SHORT, COMMON = "密码应该包含至少8个字符。", "密码过于简单，请换一个。"
MISMATCH = '重复密码的值必须等于"密码"。'
FORMS = [
    *(
        bad_form(name, "group", "invalid_group", "组别是无效的。", group=group)
        for name in ("login", "refresh", "mobile-login")
        for group in ("watch", "pc ", "PC2", "'", "\u0440\u0441")
    ),
    *(
        bad_form(name, "group", "invalid_group", "类型是无效的。", group="watch")
        for name in ("register", "up-pwd")
    ),
    *(
        bad_form("sms-code", "usage", "invalid_usage", "用途是无效的。", usage=usage)
        for usage in ("nothing", "Login", "login ", "up_pwd")
    ),
    *(
        bad_form(name, "mobile", "invalid_mobile", "请输入正确的手机号", mobile=mobile)
        for name in ("sms-code", "mobile-login", "register", "up-pwd")
        for mobile in ("1", "12800000000", "138000000000", "+8613", "+1 2025550123", "abc")
    ),
    *bad_password("seven", "password_too_short", SHORT, "a1b2c3d"),
    *bad_password("seven characters of 21 bytes", "password_too_short", SHORT, "月光下的港湾边"),
    *bad_password("list", "password_too_common", COMMON, "password123"),
    *bad_password("digits", "password_too_common", COMMON, "12345678"),
    *bad_password("mobile", "password_too_common", COMMON, "13800000000"),
    *bad_password("mobile and more", "password_too_common", COMMON, "13800000000!"),
    *bad_password("nickname", "password_too_common", COMMON, "moonlight1", nickname="Moonlight"),
    *(
        bad_form(name, "repetition", "password_mismatch", MISMATCH, password_repetition=other)
        for name in ("register", "up-pwd")
        for other in (f"{WELL} ", WELL.upper(), "x")
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", FORMS, ids=lambda row: row.what)
def test_a_wrong_form_is_refused(each_client: Client, row: Row) -> None:
    both_languages(each_client, row)


def test_eight_characters_are_enough_whatever_their_bytes(each_client: Client) -> None:
    for password in ("月光下的港湾海鸥", "q7w!m2x#", "🦀" * 4 + "abcd"):
        mobile = fresh_mobile()
        code = each_client.code_for(mobile, "register")
        assert each_client.site("register", new_member(mobile, code, password)).code == 200
        assert each_client.login(mobile, password).code == 200
