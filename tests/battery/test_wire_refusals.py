"""Every refusal of the contract's section 3, at the real process, in both profiles and languages.

A row says how the refusal comes about; the rest is what every refusal must look like.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import apsw
import pytest

from denglu.domain.session import Kind
from denglu.security.tokens import HmacTokens
from tests.battery.client import (
    Client,
    fresh_address,
    fresh_mobile,
    new_member,
    new_password,
)
from tests.battery.harness import PASSWORD, Answer, Raw

WELL = "harbour-lantern-61"
NAMES = {
    401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 422: "Unprocessable entity"
}  # fmt: skip
NOT_ABOUT_FORMS = ("sms_too_frequent", "sms_failed")
ABOUT_THE_DEED = ("bad_credentials", "bad_code", "member_not_found", "mobile_taken")
STANDARD = {"reason", "name", "message", "code", "status"}

Provoke = Callable[[Client], Answer]
Extra = Mapping[str, object]


@dataclass(frozen=True)
class Row:
    """A refusal: its reason, code and sentence, how to get it, and what its data adds.

    ``extra``: name and value, or name and the type that the value must have.
    """

    what: str
    reason: str
    code: int
    message: str
    provoke: Provoke
    extra: Extra = field(default_factory=dict)


def is_field_app(client: Client) -> bool:
    return client.server.settings.get("DENGLU_WIRE") == "rageframe"


def assert_refused(client: Client, answer: Answer, row: Row, *, english: bool) -> None:
    """All that the contract says of a refusal."""
    body = answer.body
    assert (answer.status, answer.code) == (200, row.code), answer.text
    if english:
        assert body["message"]
        assert body["message"].isascii()
    else:
        assert body["message"] == row.message
    form = row.code == 422 and row.reason not in NOT_ABOUT_FORMS
    stamps = ["timestamp"] + ([] if form else ["req_id"]) if is_field_app(client) else []
    assert list(body) == ["code", "message", "data", *stamps]
    if is_field_app(client):
        assert isinstance(body["timestamp"], int)
    if is_field_app(client) and form:
        assert body["data"] == []
        return
    if is_field_app(client):
        head = dict(list(body["data"].items())[:4])
        name = NAMES.get(row.code, body["data"]["name"])
        assert list(head.items()) == [
            ("name", name), ("message", body["message"]), ("code", 0), ("status", row.code)
        ]  # fmt: skip
    assert answer.reason == row.reason
    told = {key: value for key, value in body["data"].items() if key not in STANDARD}
    if form and row.reason not in ABOUT_THE_DEED:
        assert told.pop("fields"), told
    assert set(told) == set(row.extra), told
    for key, expected in row.extra.items():
        right = isinstance(told[key], expected) if isinstance(expected, type) else False
        assert right or told[key] == expected, (key, told[key])
    waits = told.get("retry_after")
    assert answer.headers.get("retry-after") == (None if waits is None else str(waits))
    assert ("www-authenticate" in answer.headers) == (row.code == 401)


def both_languages(client: Client, row: Row) -> None:
    """The row in Chinese, which is the default, and in English."""
    client.headers = {}
    assert_refused(client, row.provoke(client), row, english=False)
    client.headers = {"Accept-Language": "en-US,en;q=0.9,zh;q=0.1"}
    assert_refused(client, row.provoke(client), row, english=True)


def wrong(code: str) -> str:
    """Another code of the same length."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def site(name: str, body: Mapping[str, object]) -> Provoke:
    """A call whose body is refused for itself."""
    return lambda client: client.site(name, body)


def shape(name: str) -> dict[str, object]:
    """A body of the right shape, in the order of the contract."""
    member = new_member("13800000000", "123456", WELL)
    shapes: dict[str, dict[str, object]] = {
        "login": {"username": "nobody", "password": WELL, "group": "pc"},
        "refresh": {"refresh_token": "x" * 43, "group": "pc"},
        "sms-code": {"mobile": "13800000000", "usage": "login"},
        "mobile-login": {"mobile": "13800000000", "code": "123456", "group": "pc"},
        "register": member,
        "up-pwd": {key: value for key, value in member.items() if key != "nickname"},
        "verify-access-token": {"token": "x" * 43},
    }
    return shapes[name]


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


def login_wrongly(client: Client) -> Answer:
    mobile = fresh_mobile()
    client.register(mobile)
    return client.login(mobile, "wrong-password-1")


def later(client: Client, seconds: int) -> None:
    """So many seconds later than it was."""
    clock = client.server.folder / "clock"
    now = int(clock.read_text()) if clock.exists() else 0
    client.server.set_clock(now + seconds)


def asked(client: Client, usage: str, *, member: bool = True) -> tuple[str, str]:
    """A new number with a live code; by default a member's."""
    mobile = fresh_mobile()
    if member:
        client.register(mobile)
        later(client, 61)
    return mobile, client.code_for(mobile, usage)


def by_code(client: Client, mobile: str, code: str) -> Answer:
    return client.site("mobile-login", {"mobile": mobile, "code": code, "group": "pc"})


def code_wrong(client: Client) -> Answer:
    mobile, code = asked(client, "login")
    return by_code(client, mobile, wrong(code))


def code_expired(client: Client) -> Answer:
    mobile, code = asked(client, "login")
    later(client, 301)
    return by_code(client, mobile, code)


def code_used(client: Client) -> Answer:
    mobile, code = asked(client, "login")
    assert by_code(client, mobile, code).code == 200
    return by_code(client, mobile, code)


def code_superseded(client: Client) -> Answer:
    mobile, code = asked(client, "login")
    later(client, 61)
    while client.code_for(mobile, "login") == code:
        later(client, 61)
    return by_code(client, mobile, code)


def code_of_another_usage(client: Client) -> Answer:
    mobile, code = asked(client, "register", member=False)
    return client.site("up-pwd", new_password(mobile, code, WELL))


def code_of_another_number(client: Client) -> Answer:
    _, code = asked(client, "login")
    other, own = asked(client, "login")
    return by_code(client, other, code if code != own else wrong(own))


def code_tried_too_often(client: Client) -> Answer:
    mobile, code = asked(client, "login")
    for _ in range(3 if is_field_app(client) else 5):
        assert by_code(client, mobile, wrong(code)).code == 422
    return by_code(client, mobile, code)


def code_of_nobody(client: Client) -> Answer:
    return by_code(client, fresh_mobile(), "123456")


def code_wrong_of_a_stranger(client: Client) -> Answer:
    mobile, code = asked(client, "up-pwd", member=False)
    return client.site("up-pwd", new_password(mobile, wrong(code), WELL))


def login_of_a_stranger(client: Client) -> Answer:
    mobile, code = asked(client, "login", member=False)
    return by_code(client, mobile, code)


def reset_of_a_stranger(client: Client) -> Answer:
    mobile, code = asked(client, "up-pwd", member=False)
    return client.site("up-pwd", new_password(mobile, code, WELL))


def registered_twice(client: Client) -> Answer:
    mobile, code = asked(client, "register")
    assert client.site("register", new_member(mobile, code, WELL)).code == 422
    # The code was not used up by the refusal.
    return client.site("register", new_member(mobile, code, WELL))


def asked_too_often(client: Client) -> Answer:
    mobile, _ = asked(client, "login", member=False)
    return client.site("sms-code", {"mobile": mobile, "usage": "register"})


def asked_for_numbers(client: Client) -> Answer:
    address = fresh_address()
    for _ in range(10):
        body = {"mobile": fresh_mobile(), "usage": "login"}
        assert client.site("sms-code", body, ip=address).code == 200
    return client.site("sms-code", {"mobile": fresh_mobile(), "usage": "login"}, ip=address)


def nobody_sends(client: Client) -> Answer:
    outbox = client.server.folder / "outbox"
    kept = outbox.rename(outbox.with_name("kept")) if outbox.exists() else None
    outbox.mkdir()
    try:
        return client.site("sms-code", {"mobile": fresh_mobile(), "usage": "login"})
    finally:
        outbox.rmdir()
        if kept:
            kept.rename(outbox)


def guessed_too_often(client: Client) -> Answer:
    mobile, address = fresh_mobile(), fresh_address()
    client.register(mobile)
    for _ in range(5):
        assert client.login(mobile, "wrong-password-1", ip=address).code == 422
    return client.login(mobile, ip=address)


WAITS = {"retry_after": int}
FLOWS = [
    Row("password", "bad_credentials", 422, "用户名或密码错误", login_wrongly),
    Row("unknown name", "bad_credentials", 422, "用户名或密码错误", site("login", shape("login"))),
    *(
        Row(provoke.__name__, "bad_code", 422, "验证码错误", provoke)
        for provoke in (
            code_wrong, code_expired, code_used, code_superseded, code_of_another_usage,
            code_of_another_number, code_tried_too_often, code_of_nobody, code_wrong_of_a_stranger,
        )
    ),
    Row("login", "member_not_found", 422, "找不到用户", login_of_a_stranger),
    Row("reset", "member_not_found", 422, "找不到用户", reset_of_a_stranger),
    Row("twice", "mobile_taken", 422, "此手机号码已存在。", registered_twice),
    Row("at once", "sms_too_frequent", 422, "请不要频繁发送短信", asked_too_often, WAITS),
    Row("numbers", "sms_too_frequent", 422, "请不要频繁发送短信", asked_for_numbers, WAITS),
    Row("gateways", "sms_failed", 422, "短信发送失败", nobody_sends),
    Row("guessing", "too_many_attempts", 429, "操作过于频繁，请稍后再试", guessed_too_often, WAITS),
]  # fmt: skip


@pytest.mark.parametrize("row", FLOWS, ids=lambda row: f"{row.reason}: {row.what}")
def test_a_deed_is_refused(each_client: Client, row: Row) -> None:
    both_languages(each_client, row)


def grant(client: Client, group: str = "pc") -> dict[str, Any]:
    """Tokens and member of a new member."""
    data: dict[str, Any] = client.register(group=group).data
    return data


def no_token(client: Client) -> Answer:
    return client.who_am_i()


def no_token_but_a_word(client: Client) -> Answer:
    for word in ("", "undefined", "null"):
        answer = client.who_am_i(word, headers={"Authorization": f"Bearer {word}".strip()})
        assert answer.code == 401
    return answer


def logout_without_a_token(client: Client) -> Answer:
    return client.logout()


def garbage(client: Client) -> Answer:
    return client.who_am_i("garbage")


def a_refresh_token(client: Client) -> Answer:
    return client.who_am_i(grant(client)["refresh_token"])


def a_token_of_no_session(client: Client) -> Answer:
    """One with a good tag: only the database can know that it is none."""
    key = (client.server.folder / "denglu.db.key").read_bytes().strip()
    token = HmacTokens(key).derive(Kind.access, b"x" * 16, 999_999, 1)
    return client.who_am_i(token)


def two_hours_old(client: Client) -> Answer:
    token = grant(client)["access_token"]
    later(client, 7201)
    return client.who_am_i(token)


def replaced(client: Client) -> Answer:
    mobile = fresh_mobile()
    first = client.register(mobile, group="iOS").data["access_token"]
    phone = {"os": "iOS", "device-name": "iPhone 15 Pro of somebody"}
    assert client.login(mobile, PASSWORD, "iOS", headers=phone).code == 200
    return client.who_am_i(first)


def refreshed_after_replacement(client: Client) -> Answer:
    mobile = fresh_mobile()
    first = client.register(mobile, group="iOS").data["refresh_token"]
    phone = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) Mobile"}
    assert client.login(mobile, PASSWORD, "iOS", headers=phone).code == 200
    return client.refresh(first, "iOS")


def logged_out(client: Client) -> Answer:
    token = grant(client)["access_token"]
    assert client.logout(token).code == 200
    return client.who_am_i(token)


def password_changed(client: Client) -> Answer:
    mobile = fresh_mobile()
    token = client.register(mobile, group="h5").data["access_token"]
    later(client, 61)
    code = client.code_for(mobile, "up-pwd")
    assert client.site("up-pwd", new_password(mobile, code, WELL)).code == 200
    return client.who_am_i(token)


def disabled(client: Client) -> Answer:
    data = grant(client)
    done = client.server.cli("member", "disable", data["member"]["mobile"])
    assert done.returncode == 0, done.stderr
    return client.who_am_i(data["access_token"])


def revoked(client: Client) -> Answer:
    data = grant(client)
    done = client.server.cli("session", "revoke", data["member"]["mobile"], "--group", "pc")
    assert done.returncode == 0, done.stderr
    return client.who_am_i(data["access_token"])


def reuse(client: Client) -> tuple[Answer, str]:
    """The answer to a refresh token that was used up, and the access token of its child."""
    first = grant(client)["refresh_token"]
    child = client.refresh(first).data["access_token"]
    assert client.who_am_i(child).code == 200
    later(client, 11)
    return client.refresh(first), child


def reused(client: Client) -> Answer:
    _, child = reuse(client)
    return client.who_am_i(child)


def used_up(client: Client) -> Answer:
    return reuse(client)[0]


def thirty_days_old(client: Client) -> Answer:
    token = grant(client)["refresh_token"]
    later(client, 30 * 86400 + 1)
    return client.refresh(token)


def unknown_refresh(client: Client) -> Answer:
    return client.refresh("x" * 43)


def of_another_group(client: Client) -> Answer:
    return client.refresh(grant(client)["refresh_token"], "iOS")


def of_a_disabled_member(client: Client) -> Answer:
    data = grant(client)
    client.server.rows("update member set status = 0 where id = ?", data["member"]["id"])
    return client.refresh(data["refresh_token"])


LOGIN_AGAIN, INVALID = "登录已失效，请重新登录", "登录凭证无效，请重新登录"
ELSEWHERE = "您的账号已在其他设备登录，请重新登录"


def ended(why: str, **more: object) -> dict[str, object]:
    """What an answer tells about the end of a session: why and when."""
    return {"end_reason": why, "ended_at": int} | more


TOKENS = [
    Row("none", "token_missing", 401, "请先登录", no_token),
    Row("a word", "token_missing", 401, "请先登录", no_token_but_a_word),
    Row("logout", "token_missing", 401, "请先登录", logout_without_a_token),
    Row("garbage", "token_invalid", 401, INVALID, garbage),
    Row("refresh token", "token_invalid", 401, INVALID, a_refresh_token),
    Row("no session", "token_invalid", 401, INVALID, a_token_of_no_session),
    Row("old", "token_expired", 401, "您的登录验证已经过期，请重新登录", two_hours_old),
    Row("access", "session_replaced", 401, ELSEWHERE, replaced,
        ended("replaced", device="iPhone")),
    Row("refresh", "session_replaced", 401, ELSEWHERE, refreshed_after_replacement,
        ended("replaced", device="Android")),
    *(
        Row(provoke.__name__, "session_ended", 401, LOGIN_AGAIN, provoke, ended(provoke.__name__))
        for provoke in (logged_out, password_changed, disabled, revoked, reused)
    ),
    Row("old", "refresh_expired", 401, "您的重置令牌已经过期，请重新登录", thirty_days_old),
    *(
        Row(provoke.__name__, "refresh_invalid", 401, "找不到用户", provoke)
        for provoke in (unknown_refresh, used_up, of_another_group, of_a_disabled_member)
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", TOKENS, ids=lambda row: f"{row.reason}: {row.what}")
def test_a_token_is_refused(each_client: Client, row: Row) -> None:
    both_languages(each_client, row)


def raw(content: bytes, media: str = "application/json", name: str = "login") -> Provoke:
    """A POST of these bytes."""
    headers = {"Content-Type": media}
    return lambda c: c.call("POST", f"/v1/site/{name}", content=content, headers=headers)


def call(method: str, path: str) -> Provoke:
    """A call without a body."""
    return lambda client: client.call(method, path)


MALFORMED = (
    b"{", b"[]", b'"x"', b"1", b"null", b"{'a':1}", b'{"a":1,}', b'{"a":1}{"a":1}',
    b'{"username":"a","username":"b"}', b'{"username":"\xff"}', b"\xef\xbb\xbf{}", b"nothing",
)  # fmt: skip
INSTALL = (
    "商户接口未启用：请设置 DENGLU_PLUGINS=merchant 并重启，"
    "再用 denglu merchant add 和 denglu merchant user-add 创建商户和商户用户。"
)
REQUESTS = [
    *(
        Row(path, "not_found", 404, "页面未找到。", call("GET", path))
        for path in ("/", "/v1", "/v1/site", "/v1/site/x", "/V1/site/login", "//v1/site/login",
                     "/v1/site/login;a=b", "/v1/site/login//", "/v1/member/index")
    ),
    *(
        Row(path, "method_not_allowed", 405, "请求方法不被允许", call("GET", f"/v1/site/{path}"))
        for path in ("login", "logout", "refresh", "sms-code", "mobile-login", "register", "up-pwd",
                     "verify-access-token")
    ),
    Row("index", "method_not_allowed", 405, "请求方法不被允许",
        call("POST", "/v1/member/member/index")),
    *(
        Row(str(body), "malformed_body", 400, "请求格式错误", raw(body)) for body in MALFORMED
    ),
    Row("form", "malformed_body", 400, "请求格式错误",
        raw(b"username=%ff", "application/x-www-form-urlencoded")),
    Row("multipart", "malformed_body", 400, "请求格式错误",
        raw(b"nothing of the sort", "multipart/form-data; boundary=x")),
    Row("no boundary", "malformed_body", 400, "请求格式错误",
        raw(b"--x\r\n\r\n", "multipart/form-data")),
    *(
        Row(media, "unsupported_media_type", 415, "不支持的请求格式", raw(b"<a/>", media))
        for media in ("text/xml", "text/plain", "application/octet-stream", "x")
    ),
    Row("17 KiB", "body_too_large", 413, "请求内容过大", raw(b'{"a":"' + b"x" * 17000 + b'"}')),
    *(
        Row(path, "merchant_plugin_missing", 404, INSTALL, call("POST", path))
        for path in ("/merapi/v1/site/login", "/merapi/v1/site/refresh/", "/merapi/v1/x")
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", REQUESTS, ids=lambda row: f"{row.reason}: {row.what}")
def test_a_request_is_refused(each_client: Client, row: Row) -> None:
    both_languages(each_client, row)
    if row.reason == "method_not_allowed":
        allowed = "GET, HEAD" if row.what == "index" else "POST"
        assert row.provoke(each_client).headers["allow"] == allowed
    if row.reason == "merchant_plugin_missing":
        assert "DENGLU_PLUGINS=merchant" in row.provoke(each_client).body["message"]


def test_a_busy_server_says_so_and_when_to_come_back(each_client: Client) -> None:
    """The database is locked by another process for longer than anybody waits."""
    client, server = each_client, each_client.server
    body = {"username": "nobody", "password": WELL, "group": "pc"}
    asking = [
        Raw("/v1/site/login", body),
        Raw("/v1/site/login", body, headers={"Accept-Language": "en"}),
    ]
    other = apsw.Connection(str(server.database))
    other.execute("begin immediate")
    try:
        chinese, english = server.race(asking)
    finally:
        other.execute("rollback")
        other.close()
    row = Row("", "busy", 503, "服务器繁忙，请稍后再试", no_token, {"retry_after": 1})
    assert_refused(client, chinese, row, english=False)
    assert_refused(client, english, row, english=True)
    assert client.login("nobody", WELL).code == 422


def test_a_fault_inside_is_told_by_a_number_only(each_client: Client) -> None:
    client, server = each_client, each_client.server
    server.expected.append("a request failed")
    server.rows("alter table limit_tally rename to gone")
    try:
        extra = {} if is_field_app(client) else {"req_id": str}
        row = Row("", "internal", 500, "服务器打瞌睡了~", site("login", shape("login")), extra)
        both_languages(client, row)
    finally:
        server.rows("alter table gone rename to limit_tally")
    assert client.login("nobody", WELL).code == 422


def test_a_replaced_session_knows_when(each_client: Client) -> None:
    answer = replaced(each_client)
    assert abs(answer.data["ended_at"] - time.time()) < 60


def test_eight_characters_are_enough_whatever_their_bytes(each_client: Client) -> None:
    for password in ("月光下的港湾海鸥", "q7w!m2x#", "🦀" * 4 + "abcd"):
        mobile = fresh_mobile()
        code = each_client.code_for(mobile, "register")
        assert each_client.site("register", new_member(mobile, code, password)).code == 200
        assert each_client.login(mobile, password).code == 200
