"""Every other refusal of the contract's section 3, at the real process, in both profiles and
languages. A row says how the refusal comes about.
"""

import apsw
import pytest

from tests.battery.client import Client, fresh_address, fresh_mobile, new_member, new_password
from tests.battery.harness import Answer, Raw
from tests.battery.refusals import (
    WELL,
    Provoke,
    Row,
    assert_refused,
    both_languages,
    is_field_app,
    later,
    shape,
    site,
    wrong,
)


def login_wrongly(client: Client) -> Answer:
    mobile = fresh_mobile()
    client.register(mobile)
    return client.login(mobile, "wrong-password-1")


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
    asking_again = site("login", body)
    row = Row("", "busy", 503, "服务器繁忙，请稍后再试", asking_again, {"retry_after": 1})
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
