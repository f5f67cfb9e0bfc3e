"""The merchant API from end to end: a real process, users made by the command."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.battery.client import (
    ENCODINGS,
    Client,
    fresh_address,
    fresh_mobile,
    new_by_old,
    new_member,
    new_password,
)
from tests.battery.conftest import DatabaseFor, Record, client_of
from tests.battery.doors import SECRET, SITE, USERS, Door, Doors
from tests.battery.harness import PASSWORD, Answer, running
from tests.battery.test_enumeration import SAMPLES, assert_all_alike, auc, interleaved

WELL = "harbour-lantern-61"
_INDEX = "/merapi/v1/merchant/user/index"


@pytest.fixture(scope="module", params=["document", "rageframe"])
def doors(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doors]:
    """A site with merchants, in each profile."""
    with running(
        tmp_path_factory.mktemp(request.param),
        wire=request.param,
        plugins="merchant",
        mounts="/api,/api/tiny-shop",
        trusted_proxies="127.0.0.1",
        introspection_keys=f"shop:{SECRET}",
    ) as server:
        yield Doors(server)


@pytest.fixture
def client(doors: Doors) -> Iterator[Client]:
    yield from client_of(doors.server)


@pytest.fixture(scope="module")
def shop(doors: Doors) -> Door:
    """A merchant of all tests that change nothing about it."""
    return doors.open_merchant()


class User:
    """A user of a merchant that no test has met."""

    def __init__(self, doors: Doors, shop: Door) -> None:
        self.mobile = fresh_mobile()
        self.username = f"user{self.mobile}"
        self.id = doors.add_user(shop, self.username, self.mobile)["id"]


@pytest.fixture
def user(doors: Doors, shop: Door) -> User:
    return User(doors, shop)


def is_empty(answer: Answer) -> bool:
    """Whether it is a success that says nothing more."""
    return answer.code == 200 and not answer.data


# What there is.


def test_a_user_goes_all_the_way(client: Client, user: User) -> None:
    logged_in = USERS.login(client, user.username)
    assert (logged_in.status, logged_in.code, logged_in.body["message"]) == (200, 200, "OK")
    assert logged_in.data["member"]["id"] == user.id
    assert logged_in.data["member"]["username"] == user.username
    pair = logged_in.data
    assert USERS.who_am_i(client, pair["access_token"]).data["id"] == user.id
    assert USERS.verify(client, pair["access_token"]).data == {"token": True}
    child = USERS.refresh(client, pair["refresh_token"]).data
    assert USERS.who_am_i(client, child["access_token"]).code == 200
    assert is_empty(USERS.logout(client, child["access_token"]))
    for token in (pair["access_token"], child["access_token"]):
        assert USERS.who_am_i(client, token).code == 401
        assert USERS.verify(client, token).data == {"token": False}
    assert USERS.refresh(client, child["refresh_token"]).code == 401


def test_a_user_logs_in_by_mobile_and_code_and_resets_the_password(
    client: Client, user: User
) -> None:
    assert USERS.login(client, user.mobile).data["member"]["id"] == user.id
    code = USERS.code_for(client, user.mobile, "login")
    by_code = USERS.mobile_login(client, user.mobile, code)
    assert by_code.data["member"]["id"] == user.id
    assert USERS.mobile_login(client, user.mobile, code).body["message"] == "验证码错误"
    client.server.advance(61)
    code = USERS.code_for(client, user.mobile, "up-pwd")
    reset = USERS.reset(client, user.mobile, code, WELL)
    assert reset.data["member"]["id"] == user.id
    # Every session before it is over.
    assert USERS.who_am_i(client, by_code.data["access_token"]).code == 401
    assert USERS.who_am_i(client, reset.data["access_token"]).code == 200
    assert USERS.login(client, user.username).code == 422
    assert USERS.login(client, user.username, WELL).code == 200


def test_users_have_one_session_in_each_group(client: Client, user: User) -> None:
    def login(group: str) -> str:
        body = {"username": user.username, "password": PASSWORD, "group": group}
        return str(USERS.site(client, "login", body).data["access_token"])

    phone, desktop = login("iOS"), login("pc")
    second = login("iOS")
    told = USERS.who_am_i(client, phone)
    assert (told.code, told.reason) == (401, "session_replaced")
    for token in (desktop, second):
        assert USERS.who_am_i(client, token).code == 200


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_users_speak_every_encoding_under_every_mount(
    client: Client, user: User, encoding: str
) -> None:
    body = {"username": user.username, "password": PASSWORD, "group": "pc"}
    for mount in ("", "/api", "/api/tiny-shop"):
        for end in ("", "/"):
            path = f"{mount}/merapi/v1/site/login{end}"
            told = client.call("POST", path, body, encoding=encoding)
            assert told.data["member"]["id"] == user.id
            token = told.data["access_token"]
            assert client.call("GET", f"{mount}{_INDEX}{end}", token=token).data["id"] == user.id


def test_a_user_is_shown_like_a_member(client: Client, shop: Door, user: User) -> None:
    """The same columns in the same order; only what says whose user it is differs."""
    member = SITE.register(client, fresh_mobile()).data
    pair = USERS.login(client, user.username).data
    assert list(pair) == list(member)
    shown = USERS.who_am_i(client, pair["access_token"]).data
    site = SITE.who_am_i(client, member["access_token"]).data
    assert shape(shown) == shape(site)
    if client.server.settings["DENGLU_WIRE"] == "rageframe":
        assert (int(shown["merchant_id"]), int(shown["type"])) == (shop.merchant, 3)
        assert (int(site["merchant_id"]), int(site["type"])) == (0, 1)
        assert int(shown["account"]["member_type"]) == 3
    assert shown["memberLevel"]["name"] == "普通会员"


def shape(value: Any) -> Any:
    """Keys in their order and kinds of values."""
    if isinstance(value, dict):
        return [(key, shape(part)) for key, part in value.items()]
    return type(value)


def test_back_ends_ask_about_users_at_a_path_of_their_own(
    client: Client, shop: Door, user: User
) -> None:
    token = USERS.login(client, user.username).data["access_token"]
    said = USERS.introspect(client, token).body
    assert (said["active"], said["sub"], said["username"]) == (True, str(user.id), user.username)
    assert said["merchant_id"] == shop.merchant
    answer = USERS.forward_auth(client, token)
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["x-member-id"] == str(user.id)
    assert answer.headers["x-member-merchant-id"] == str(shop.merchant)
    assert client.call("GET", "/merapi/forward-auth").status == 401
    stranger = client.call("POST", "/merapi/introspect", {"token": token})
    assert (stranger.status, stranger.body) == (401, {"error": "invalid_client"})


# What there is not.


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/merapi/v1/site/register"),
        ("GET", "/merapi/v1/member/member/index"),
        ("GET", "/merapi/v1/member/session"),
        ("POST", "/merapi/v1/member/password"),
        ("POST", "/merapi/v1/member/cancel"),
        ("GET", "/merapi/v1/"),
        ("GET", "/merapi"),
        ("GET", "/v1/merchant/user/index"),
        ("POST", "/api/merapi/introspect"),
        ("POST", "/MERAPI/v1/site/login"),
        ("POST", "/merapi//v1/site/login"),
        ("POST", "/merapi/merapi/v1/site/login"),
    ],
)
def test_nothing_else_is_there(client: Client, user: User, method: str, path: str) -> None:
    body = new_member(user.mobile, "123456") if method == "POST" else None
    told = client.call(method, path, body)
    assert (told.code, told.body["message"]) == (404, "页面未找到。")


def test_a_proxy_that_asks_below_a_mount_is_not_told_yes(client: Client) -> None:
    told = client.call("GET", "/api/merapi/forward-auth")
    assert (told.status, told.body) == (404, {"error": "not_found"})


def test_a_wrong_method_is_told_with_the_right_one(client: Client) -> None:
    for method, path, allow in (
        ("GET", "/merapi/v1/site/login", "POST"),
        ("POST", _INDEX, "GET, HEAD"),
    ):
        told = client.call(method, path)
        assert (told.code, told.headers["allow"]) == (405, allow)


@pytest.mark.parametrize("wire", ["document", "rageframe"])
def test_without_the_plugin_the_paths_say_how_to_get_it(
    tmp_path_factory: pytest.TempPathFactory, wire: str
) -> None:
    folder = tmp_path_factory.mktemp("off")
    with running(folder, wire=wire, mounts="/api") as server, Client(server) as client:
        for mount in ("", "/api"):
            for method, path in (
                ("POST", "/merapi/v1/site/login"),
                ("POST", "/merapi/v1/site/refresh"),
                ("GET", _INDEX),
            ):
                told = client.call(method, mount + path)
                assert told.code == 404
                assert "DENGLU_PLUGINS=merchant" in told.body["message"]
                assert "denglu merchant user-add" in told.body["message"]
        for path in ("/merapi/introspect", "/merapi/v2/site/login"):
            assert client.call("POST", path).body["message"] == "页面未找到。"
        assert client.call("GET", "/merapi/forward-auth").status == 404
        # The header is nobody's business there.
        mobile = fresh_mobile()
        client.register(mobile)
        assert client.login(mobile, headers={"merchant-id": "99"}).code == 200


# Refusals.


def test_whoever_cannot_log_in_gets_the_answer_of_an_unknown_name(
    client: Client, doors: Doors, shop: Door
) -> None:
    closed = doors.open_merchant()
    able, disabled, shut = User(doors, shop), User(doors, shop), User(doors, closed)
    doors.merchant("user-disable", disabled.username)
    doors.merchant("disable", str(closed.merchant))
    member = fresh_mobile()
    SITE.register(client, member)
    answers = {
        "unknown": USERS.login(client, "nobody"),
        "unknown mobile": USERS.login(client, fresh_mobile()),
        "wrong password": USERS.login(client, able.username, "wrong-password-1"),
        "wrong password, by mobile": USERS.login(client, able.mobile, "wrong-password-1"),
        "disabled": USERS.login(client, disabled.username),
        "of a disabled merchant": USERS.login(client, shut.username),
        "of a disabled merchant, by mobile": USERS.login(client, shut.mobile),
        "a member": USERS.login(client, member),
        "with the number of the merchant": USERS.login(
            client, shut.username, headers={"merchant-id": str(closed.merchant)}
        ),
    }
    assert_all_alike(answers, "bad_credentials", "用户名或密码错误")
    # The header is not looked at here.
    for value in ("99", "x", str(closed.merchant)):
        told = USERS.login(client, able.username, headers={"merchant-id": value})
        assert told.data["member"]["id"] == able.id


def test_forms_are_refused_as_on_the_site(client: Client, user: User) -> None:
    mobile = user.mobile
    bodies: list[tuple[str, dict[str, object]]] = [
        ("login", {}),
        ("login", {"username": mobile, "password": "", "group": "pc"}),
        ("login", {"username": mobile, "password": PASSWORD, "group": "nobody's"}),
        ("login", {"username": "x" * 300, "password": PASSWORD, "group": "pc"}),
        ("sms-code", {"mobile": "12345", "usage": "login"}),
        ("sms-code", {"mobile": mobile, "usage": "nothing"}),
        ("mobile-login", {"mobile": mobile, "code": "", "group": "pc"}),
        ("up-pwd", new_password(mobile, "123456", "password1")),
        ("up-pwd", new_password(mobile, "123456", "short")),
        ("refresh", {"refresh_token": "x", "group": "pc"}),
        ("verify-access-token", {}),
    ]
    for name, body in bodies:
        ours, theirs = (door.site(client, name, body) for door in (USERS, SITE))
        assert plain(ours) == plain(theirs), (name, body)
        assert ours.code in (401, 422), name


def plain(answer: Answer) -> tuple[object, ...]:
    """An answer without what differs from one request to the next."""
    body = dict(answer.body)
    for key in ("timestamp", "req_id"):
        body.pop(key, None)
    return answer.status, body


def test_a_token_is_needed_and_a_bad_one_refused_as_on_the_site(client: Client) -> None:
    for token in (None, "", "undefined", "garbage", "A" * 43):
        ours = client.call("GET", _INDEX, token=token)
        theirs = client.call("GET", SITE.index, token=token)
        assert plain(ours) == plain(theirs)
        assert ours.code == 401
        assert plain(client.call("POST", "/merapi/v1/site/logout", token=token)) == plain(theirs)


# Limits.


def test_wrong_passwords_lock_the_user_and_not_a_member_with_the_same_names(
    client: Client, doors: Doors, shop: Door, user: User
) -> None:
    client.server.add_member(user.username, user.mobile)
    address = fresh_address()
    for _ in range(5):
        assert USERS.login(client, user.username, "wrong", ip=address).code == 422
    locked = USERS.login(client, user.username, ip=address)
    assert (locked.code, locked.reason) == (429, "too_many_attempts")
    # An alias of the user has no tries of its own.
    assert USERS.login(client, user.mobile, ip=address).code == 429
    assert SITE.login(client, user.username, ip=address).code == 200
    # A code opens what a guesser closed.
    code = USERS.code_for(client, user.mobile, "up-pwd")
    body = new_password(user.mobile, code, WELL)
    assert USERS.site(client, "up-pwd", body, ip=address).code == 200
    assert USERS.login(client, user.username, WELL, ip=address).code == 200


def test_a_message_to_a_user_leaves_the_member_s_number_its_own_messages(
    client: Client, user: User
) -> None:
    body = {"mobile": user.mobile, "usage": "login"}
    assert USERS.site(client, "sms-code", body).code == 200
    again = USERS.site(client, "sms-code", body)
    assert (again.code, again.reason) == (422, "sms_too_frequent")
    assert SITE.site(client, "sms-code", body).code == 200


def test_an_address_has_its_failures_in_common(client: Client, user: User) -> None:
    address = fresh_address()
    told = [
        door.login(client, f"nobody-{n}-{user.mobile}", ip=address)
        for n in range(16)
        for door in (USERS, SITE)
    ]
    assert [answer.code for answer in told] == [422] * 30 + [429] * 2


def test_what_members_may_do_with_their_own_account_users_may_not(
    client: Client, user: User
) -> None:
    token = USERS.login(client, user.username).data["access_token"]
    for method, path, body in (
        ("POST", "/v1/member/password", new_by_old(WELL)),
        ("GET", "/v1/member/session", None),
        ("DELETE", "/v1/member/session/others", None),
        ("POST", "/v1/member/cancel", {"code": "123456"}),
    ):
        told = client.call(method, path, body, token=token)
        assert (told.code, told.reason) == (401, "token_invalid"), path
    assert USERS.who_am_i(client, token).code == 200


# Operators, beside a server on each database.


def test_nobody_who_logged_in_while_a_merchant_was_disabled_is_in_afterwards(
    tmp_path_factory: pytest.TempPathFactory, kind: str, database_for: DatabaseFor, record: Record
) -> None:
    """Rivals log in without a pause while the command runs; then every token is dead."""
    folder = tmp_path_factory.mktemp(kind)
    tokens: list[str] = []
    with running(
        folder, plugins="merchant", trusted_proxies="127.0.0.1", **database_for(kind)
    ) as server:
        doors = Doors(server)
        for _ in range(2):
            shop = doors.open_merchant()
            users = [User(doors, shop) for _ in range(2)]
            tokens += stormed(doors, shop, users)
            live = server.rows("select count(*) from session where slot is not null")
            assert int(live[0][0]) == 0
        with Client(server) as client:
            told = {USERS.who_am_i(client, token).reason for token in tokens}
        assert told <= {"session_ended", "session_replaced"}
    record("T04", tried=f"{len(tokens)} logins of users while `merchant disable` ran, {kind}",
           figure="0 sessions lived on")  # fmt: skip


def stormed(doors: Doors, shop: Door, users: list[User]) -> list[str]:
    """The tokens that users were given until the last of them was refused."""
    tokens: list[str] = []
    started = threading.Barrier(len(users) + 1)

    def log_in(user: User) -> None:
        with Client(doors.server) as client:
            inside = USERS.login(client, user.username)
            started.wait(30)
            while inside.code == 200:
                tokens.append(inside.data["access_token"])
                inside = USERS.login(client, user.username)
            assert inside.reason == "bad_credentials", inside.text

    threads = [threading.Thread(target=log_in, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    started.wait(30)
    said = doors.merchant("disable", str(shop.merchant))
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert said["status"] == "disabled"
    assert len(tokens) >= len(users)
    return tokens


# Time.


@pytest.mark.measured
def test_E01_the_time_of_users_who_may_not_log_in(doors: Doors, record: Record) -> None:
    server = doors.server
    open_, closed = doors.open_merchant(), doors.open_merchant()
    model = User(doors, open_)
    row = dict(
        zip(
            [column[1] for column in server.rows("pragma table_info(member)")],
            server.rows("select * from member where id = ?", model.id)[0],
            strict=True,
        )
    )
    del row["id"]
    for kind, merchant in (("wrong", open_.merchant), ("closed", closed.merchant)):
        for number in range(SAMPLES):
            name = f"{kind}-{model.id}-{number}"
            names = {"username": name, "username_key": name, "mobile": "", "mobile_key": None}
            clone = row | names | {"merchant_id": merchant}
            places = ",".join("?" * len(clone))
            sql = f"insert into member ({','.join(clone)}) values ({places})"
            server.rows(sql, *clone.values())
    doors.merchant("disable", str(closed.merchant))
    with Client(server) as client:
        nobody, wrong, shut = interleaved(
            lambda n: USERS.login(client, f"nobody-{model.id}-{n}"),
            lambda n: USERS.login(client, f"wrong-{model.id}-{n}", "wrong-password-1"),
            lambda n: USERS.login(client, f"closed-{model.id}-{n}"),
        )
    tried = f"merchants' users against an unknown name, {SAMPLES} samples each, in turns"
    figure = f"AUC wrong {auc(nobody, wrong):.3f}, of a disabled merchant {auc(nobody, shut):.3f}"
    record("E01", tried=tried, figure=f"{figure} (0.40–0.60)")
