"""What the login API promises, from end to end, with a real process and a real client."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.battery.client import (
    BOUNDARY,
    ENCODINGS,
    Client,
    fresh_address,
    fresh_mobile,
    new_member,
    new_password,
)
from tests.battery.harness import PASSWORD, Raw, running

WELL = "harbour-lantern-61"
GROUPS = (
    "default", "pc", "iOS", "android", "app", "h5", "wechatMp", "wechatMini", "aliMini", "qqMini",
    "baiduMini", "bytedanceMini", "dingTalkMini",
)  # fmt: skip


def grant(client: Client, group: str = "pc") -> dict[str, Any]:
    """Tokens and member of a new member."""
    data: dict[str, Any] = client.register(group=group).data
    return data


def test_R03_a_client_that_refreshes_eight_times_at_once_stays_logged_in(
    each_client: Client,
) -> None:
    client, server = each_client, each_client.server
    for _ in range(5):
        first = grant(client)
        body = {"refresh_token": first["refresh_token"], "group": "pc"}
        pairs = []
        for seconds in (0, 30):
            server.set_clock(seconds)
            answers = server.race([Raw("/v1/site/refresh", body)] * 8)
            assert [answer.code for answer in answers] == [200] * 8
            pairs += [(a.data["access_token"], a.data["refresh_token"]) for a in answers]
        # One pair for all sixteen, and the member is logged in with it.
        assert len(set(pairs)) == 1
        ((access, refresh),) = set(pairs)
        assert access != first["access_token"]
        assert client.who_am_i(access).data["id"] == first["member"]["id"]
        assert client.refresh(refresh).code == 200
        server.set_clock(0)


def test_R10_the_second_phone_signs_the_first_one_out_and_says_so(each_client: Client) -> None:
    client, mobile = each_client, fresh_mobile()
    pc = client.register(mobile, group="pc").data["access_token"]
    phone = {"os": "iOS", "device-name": "iPhone 12"}
    first = client.login(mobile, group="iOS", headers=phone).data
    assert client.who_am_i(first["access_token"]).code == 200
    before = int(time.time())
    second = client.login(mobile, group="iOS", headers={"User-Agent": "okhttp iPad"}).data
    told = client.who_am_i(first["access_token"])
    assert (told.code, told.reason) == (401, "session_replaced")
    assert told.body["message"] == "您的账号已在其他设备登录，请重新登录"
    assert told.data["end_reason"] == "replaced"
    assert before <= told.data["ended_at"] <= int(time.time())
    assert told.data["device"] == "iPad"
    # Its refresh token is told the same, and never a pair.
    assert client.refresh(first["refresh_token"], "iOS").reason == "session_replaced"
    assert client.who_am_i(second["access_token"]).code == 200
    assert client.who_am_i(pc).code == 200
    for _ in range(3):
        assert client.login(mobile, group="pc").code == 200
    assert client.who_am_i(second["access_token"]).code == 200


def test_each_of_the_thirteen_groups_has_its_own_session(each_client: Client) -> None:
    client, mobile = each_client, fresh_mobile()
    client.register(mobile)
    tokens = {group: client.login(mobile, group=group).data for group in GROUPS}
    for group, data in tokens.items():
        assert client.who_am_i(data["access_token"]).code == 200, group
        assert client.refresh(data["refresh_token"], group).code == 200, group
    sql = "select count(*) from session where member_id = ? and slot is not null"
    member_id = tokens["pc"]["member"]["id"]
    assert client.server.rows(sql, member_id) == [(len(GROUPS),)]


def test_a_member_registered_by_mobile_logs_in_with_mobile_and_password(
    each_client: Client,
) -> None:
    client, mobile = each_client, fresh_mobile()
    member_id = client.register(mobile, WELL).data["member"]["id"]
    for name in (
        mobile,
        f"+86{mobile}",
        f"86 {mobile}",
        f"{mobile[:3]}-{mobile[3:7]}-{mobile[7:]}",
    ):
        answer = client.login(name, WELL)
        assert (answer.code, answer.data["member"]["id"]) == (200, member_id), name
    assert client.login(mobile, f"{WELL}!").body["message"] == "用户名或密码错误"


def test_an_operator_s_member_logs_in_by_name_and_by_mobile(each_client: Client) -> None:
    client, mobile = each_client, fresh_mobile()
    client.server.add_member(f"Ming{mobile}", mobile, WELL)
    by_name = client.login(f"ming{mobile}", WELL)
    assert by_name.data["member"]["username"] == f"Ming{mobile}"
    assert client.login(mobile, WELL).data["member"]["id"] == by_name.data["member"]["id"]


def test_an_e_mail_address_is_a_name_too(each_client: Client) -> None:
    client, mobile = each_client, fresh_mobile()
    member_id = client.register(mobile, WELL).data["member"]["id"]
    address = f"a{mobile}@example.com"
    sql = "update member set email = ?1, email_key = ?1 where id = ?2"
    client.server.rows(sql, address, member_id)
    assert client.login(address.upper(), WELL).data["member"]["email"] == address


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_whole_life_in_every_encoding(each_client: Client, encoding: str) -> None:
    client, mobile = each_client, fresh_mobile()

    def site(name: str, body: dict[str, object]) -> dict[str, Any]:
        answer = client.site(name, body, encoding=encoding)
        assert answer.code == 200, answer.text
        data: dict[str, Any] = answer.data
        return data

    def code_for(usage: str) -> str:
        site("sms-code", {"mobile": mobile, "usage": usage})
        return str(client.server.outbox(mobile)[-1]["code"])

    body = new_member(mobile, code_for("register"), WELL, nickname="小登 & Söhne=%+")
    data = site("register", body)
    assert data["member"]["nickname"] == "小登 & Söhne=%+"
    assert client.who_am_i(data["access_token"]).data["visit_count"] == 1
    data = site("login", {"username": mobile, "password": WELL, "group": "pc"})
    data = site("refresh", {"refresh_token": data["refresh_token"], "group": "pc"})
    assert site("verify-access-token", {"token": data["access_token"]}) == {"token": True}
    client.server.set_clock(61)
    mobile_login: dict[str, object] = {"mobile": mobile, "code": code_for("login"), "group": "h5"}
    phone = site("mobile-login", mobile_login)
    assert phone["member"]["visit_count"] == 3
    client.server.set_clock(122)
    after = site("up-pwd", new_password(mobile, code_for("up-pwd"), "新的密码很长很好", "iOS"))
    for token in (data["access_token"], phone["access_token"]):
        ended = client.who_am_i(token)
        assert (ended.code, ended.data["end_reason"]) == (401, "password_changed")
    left = client.call(
        "POST", "/v1/site/logout", {}, encoding=encoding, token=after["access_token"]
    )
    assert left.code == 200
    assert client.who_am_i(after["access_token"]).reason == "session_ended"
    assert client.login(mobile, WELL).code == 422
    site("login", {"username": mobile, "password": "新的密码很长很好", "group": "pc"})


PARTS = (
    'Content-Disposition: form-data; name="{0}"',
    'content-disposition:form-data; name={0}',
    'Content-Disposition: form-data; name="{0}"\r\nContent-Type: text/plain; charset=utf-8',
    'Content-Type: text/plain\r\nContent-Disposition: form-data; name="{0}"\r\n'
    "Content-Transfer-Encoding: binary",
)  # fmt: skip


def test_bodies_as_real_clients_send_them(each_client: Client) -> None:
    client, mobile = each_client, fresh_mobile()
    client.register(mobile, "密码 mit Ümlaut")
    fields = {"username": mobile, "password": "密码 mit Ümlaut", "group": "pc"}
    whole = json.dumps(fields, ensure_ascii=False)
    for media in (
        "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8",
        "Application/JSON", "application/json ; charset=gbk",
    ):  # fmt: skip
        headers = {"Content-Type": media}
        for text in (whole, json.dumps(fields), json.dumps(fields, indent=2) + "\n"):
            answer = client.call("POST", "/v1/site/login", content=text.encode(), headers=headers)
            assert answer.code == 200, (media, answer.text)
    form = f"username={mobile}&password=%E5%AF%86%E7%A0%81+mit%20%C3%9Cmlaut&group=pc"
    for media in (
        "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8",
    ):  # fmt: skip
        answer = client.call(
            "POST", "/v1/site/login", content=form.encode(), headers={"Content-Type": media}
        )
        assert answer.code == 200, media
    for head in PARTS:
        parts = "".join(
            f"--{BOUNDARY}\r\n{head.format(name)}\r\n\r\n{value}\r\n"
            for name, value in fields.items()
        )
        headers = {"Content-Type": f'multipart/form-data; boundary="{BOUNDARY}"'}
        content = f"{parts}--{BOUNDARY}--\r\n".encode()
        answer = client.call("POST", "/v1/site/login", content=content, headers=headers)
        assert answer.code == 200, (head, answer.text)
    # A client that names no type at all.
    for text in (whole, form):
        answer = client.call("POST", "/v1/site/login", content=text.encode())
        assert answer.code == 200, text


def test_a_logout_needs_no_body(each_client: Client) -> None:
    client = each_client
    bodies: list[dict[str, Any]] = [
        {},
        {"content": b"", "headers": {"Content-Type": "application/json"}},
        {"body": {}},
        {"body": {"anything": "at all"}},
        {"body": {}, "encoding": "form"},
        {"body": {}, "encoding": "multipart"},
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
    ]
    for body in bodies:
        token = grant(client)["access_token"]
        assert client.call("POST", "/v1/site/logout", token=token, **body).code == 200, body
        assert client.who_am_i(token).reason == "session_ended"


def test_unknown_fields_are_ignored_and_a_code_may_be_a_number(each_client: Client) -> None:
    client, mobile = each_client, fresh_mobile()
    extra: dict[str, object] = {"captcha": "x", "scene": [1, {"a": None}], "promoCode": None}
    code = client.code_for(mobile, "register")
    body = new_member(mobile, code, WELL) | {"code": int(code)}
    assert client.site("register", body | extra).code == 200
    login = {"username": mobile, "password": WELL, "group": "pc"}
    assert client.site("login", login | extra).code == 200


def test_public_endpoints_do_not_look_at_a_token(each_client: Client) -> None:
    client, mobile = each_client, fresh_mobile()
    client.register(mobile, WELL)
    old = grant(client)["access_token"]
    client.logout(old)
    for token in ("", "undefined", "null", "garbage", "x" * 4000, old):
        for headers in ({"X-Api-Key": token}, {"Authorization": f"Bearer {token}".strip()}):
            data = client.login(mobile, WELL, headers=headers).data
            data = client.refresh(data["refresh_token"], headers=headers).data
            assert client.verify(data["access_token"], headers=headers).data == {"token": True}
            body = {"mobile": fresh_mobile(), "usage": "login"}
            assert client.site("sms-code", body, headers=headers).code == 200


def test_a_token_comes_in_either_header(each_client: Client) -> None:
    client = each_client
    token = grant(client)["access_token"]
    for name, value in (
        ("X-Api-Key", token), ("x-api-key", token), ("Authorization", f"Bearer {token}"),
        ("authorization", f"bearer {token}"), ("Authorization", f"BEARER   {token}"),
    ):  # fmt: skip
        assert client.who_am_i(headers={name: value}).code == 200, (name, value)
    for nothing in ("", "undefined", "null"):
        both = {"X-Api-Key": nothing, "Authorization": f"Bearer {token}"}
        assert client.who_am_i(headers=both).code == 200
    for value in (token, f"Basic {token}", f"Token {token}"):
        assert client.who_am_i(headers={"Authorization": value}).reason == "token_missing"


def test_only_logging_in_counts_as_a_visit(each_client: Client) -> None:
    client, mobile = each_client, fresh_mobile()
    home, away, road = fresh_address(), fresh_address(), fresh_address()
    code = client.code_for(mobile, "register")
    first = client.site("register", new_member(mobile, code, WELL), ip=home).data["member"]
    assert (first["visit_count"], first["last_ip"]) == (1, home)
    assert abs(first["last_time"] - time.time()) < 60
    client.server.set_clock(1000)
    login = client.login(mobile, WELL, ip=away).data
    assert (login["member"]["visit_count"], login["member"]["last_ip"]) == (2, away)
    assert abs(login["member"]["last_time"] - 1000 - time.time()) < 60
    client.server.set_clock(2000)
    refreshed = client.refresh(login["refresh_token"], ip=road).data
    client.login(mobile, "wrong-password-1", ip=road)
    shown = client.who_am_i(refreshed["access_token"], ip=road).data
    assert (shown["visit_count"], shown["last_ip"]) == (2, away)
    body = {"mobile": mobile, "code": client.code_for(mobile, "login"), "group": "h5"}
    by_code = client.site("mobile-login", body, ip=road).data["member"]
    assert (by_code["visit_count"], by_code["last_ip"]) == (3, road)


def test_verify_says_whether_the_tokens_are_worth_keeping(each_client: Client) -> None:
    client, mobile = each_client, fresh_mobile()
    data = client.register(mobile).data
    access, refresh = data["access_token"], data["refresh_token"]

    def verified(token: str) -> bool:
        answer = client.verify(token)
        assert answer.code == 200
        assert list(answer.data) == ["token"]
        return bool(answer.data["token"])

    assert verified(access)
    client.server.set_clock(7200 + 86400)
    assert client.who_am_i(access).reason == "token_expired"
    assert verified(access)  # dropping the tokens would log the member out; a refresh will do
    new = client.refresh(refresh).data["access_token"]
    assert verified(new)
    for none in (refresh, "garbage", "x" * 43, "undefined"):
        assert not verified(none)
    client.login(mobile)
    assert not verified(new)
    later = grant(client)["access_token"]
    client.server.set_clock(7200 + 86400 + 31 * 86400)
    assert not verified(later)
    left = grant(client)["access_token"]
    client.logout(left)
    assert not verified(left)


@pytest.mark.parametrize("wire", ["document", "rageframe"])
def test_every_mount_answers_the_same_with_and_without_a_slash(tmp_path: Path, wire: str) -> None:
    mounts = "/api,/api/tiny-shop,/tiny-shop"
    with (
        running(tmp_path, wire=wire, mounts=mounts, trusted_proxies="127.0.0.1") as server,
        Client(server) as client,
    ):
        mobile = fresh_mobile()
        client.register(mobile)
        login = {"username": mobile, "password": PASSWORD, "group": "pc"}
        for mount in ("", *mounts.split(",")):
            for slash in ("", "/"):
                answer = client.call("POST", f"{mount}/v1/site/login{slash}", login)
                assert (answer.status, answer.code) == (200, 200), (mount, slash)
                token = answer.data["access_token"]
                path = f"{mount}/v1/member/member/index{slash}"
                assert client.call("GET", path, token=token).data["mobile"] == mobile
                for name in ("refresh", "sms-code", "mobile-login", "register", "up-pwd"):
                    refused = client.call("POST", f"{mount}/v1/site/{name}{slash}", {})
                    assert refused.code == 422, (mount, name)
                merchant = client.call("POST", f"{mount}/merapi/v1/site/login{slash}", login)
                assert merchant.code == 404
                assert "DENGLU_PLUGINS=merchant" in merchant.body["message"]
        for path in ("/shop/v1/site/login", "/api/api/v1/site/login", "/apiv1/site/login"):
            assert client.call("POST", path, login).reason == "not_found"


def test_without_the_setting_there_is_no_other_mount(client: Client) -> None:
    assert client.call("POST", "/api/v1/site/login", {}).reason == "not_found"


@pytest.mark.parametrize("wire", ["document", "rageframe"])
def test_real_statuses_are_the_codes(tmp_path: Path, wire: str) -> None:
    with (
        running(tmp_path, wire=wire, http_status="real", trusted_proxies="127.0.0.1") as server,
        Client(server) as client,
    ):
        mobile = fresh_mobile()
        token = client.register(mobile).data["access_token"]
        address, code_asked = fresh_address(), {"mobile": mobile, "usage": "login"}
        answers = [
            client.who_am_i(token),
            client.site("login", {}),
            client.who_am_i(),
            client.call("GET", "/nowhere"),
            client.call("PUT", "/v1/site/login"),
            client.call("POST", "/v1/site/login", content=b"{"),
            client.call("POST", "/v1/site/login", content=b"x" * 20000),
            client.site("sms-code", code_asked),
        ]
        answers += [client.login(mobile, "wrong-password-1", ip=address) for _ in range(6)]
        statuses = [answer.status for answer in answers]
        assert statuses == [answer.code for answer in answers]
        assert statuses == [200, 422, 401, 404, 405, 400, 413, 422, *[422] * 5, 429]
        server.rows("alter table limit_tally rename to gone")
        server.expected.append("a request failed")
        broken = client.login(mobile)
        assert (broken.status, broken.code) == (500, 500)
        server.rows("alter table gone rename to limit_tally")


def test_a_group_of_ones_own_and_how_many_sessions_it_allows(tmp_path: Path) -> None:
    groups = "watch:手表:2,pc:PC:3"
    with (
        running(tmp_path, groups=groups, trusted_proxies="127.0.0.1") as server,
        Client(server) as client,
    ):
        mobile = fresh_mobile()
        client.register(mobile, group="h5")
        for group, allowed in (("watch", 2), ("pc", 3), ("h5", 1)):
            tokens = []
            for number in range(allowed + 1):
                server.set_clock(number)
                tokens.append(client.login(mobile, group=group).data["access_token"])
            assert client.who_am_i(tokens[0]).reason == "session_replaced", group
            assert [client.who_am_i(token).code for token in tokens[1:]] == [200] * allowed
        assert client.login(mobile, group="Watch").reason == "invalid_group"


@pytest.mark.parametrize(
    ("header", "english"),
    [
        ("en", True), ("en-US,en;q=0.9", True), ("EN", True), ("en;q=0.8,zh;q=0.5", True),
        ("zh-CN,zh;q=0.9,en;q=0.8", False), ("zh", False), ("", False), ("*", False),
        ("fr-FR,fr;q=0.9", False), ("fr,en;q=0.5", True), ("en;q=0", False), (";;;q=", False),
        ("zh-TW", False), ("en;q=x", False),
    ],
)  # fmt: skip
def test_english_for_who_asks_for_it(each_client: Client, header: str, english: bool) -> None:
    answer = each_client.who_am_i(headers={"Accept-Language": header})
    assert answer.body["message"] == ("Please log in first" if english else "请先登录")


def test_health_has_real_statuses_and_no_envelope(each_client: Client) -> None:
    for path in ("/healthz", "/readyz"):
        answer = each_client.call("GET", path)
        assert answer.status == 200
        assert "code" not in answer.body
