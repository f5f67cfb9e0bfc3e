"""Tokens and sessions under abuse, at the real process (rows T)."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from tests.battery.client import Client, fresh_mobile, new_member
from tests.battery.harness import PASSWORD, Answer

DAY = 86400
ACCESS_LIFE, IDLE, ABSOLUTE = 7200, 30 * DAY, 90 * DAY
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def opened(client: Client, group: str = "pc") -> tuple[str, str]:
    """Access and refresh token of a new member."""
    data = client.register(group=group).data
    return data["access_token"], data["refresh_token"]


def at(client: Client, moment: int, call: Callable[[], Answer]) -> Answer:
    """The answer at exactly this second of the server's clock."""
    late = time.time() % 1
    if late > 0.3:
        time.sleep(1 - late)  # to the next second's beginning, so that the call stays in one
    second = int(time.time())
    client.server.set_clock(moment - second)
    answer = call()
    assert int(time.time()) == second, "the machine was too slow to judge a single second"
    return answer


def lives(client: Client, member_id: int) -> tuple[int, int, int]:
    """When the access token, the refresh token and the session of a member end."""
    return client.server.rows(
        "select access_expires_at, refresh_expires_at, absolute_expires_at from session"
        " where member_id = ? and slot is not null",
        member_id,
    )[0]


def test_T02_a_login_never_takes_over_a_token_that_the_client_brought(client: Client) -> None:
    mobile = fresh_mobile()
    client.register(mobile)
    stranger_access, stranger_refresh = opened(client)
    own = "x" * 43
    brought = {
        "access_token": own,
        "refresh_token": own,
        "token": stranger_access,
        "session_id": "1",
        "X-Session": own,
    }
    headers = {
        "X-Api-Key": stranger_access,
        "Authorization": f"Bearer {own}",
        "Cookie": f"session={own}; access_token={own}",
        "X-Session": own,
    }
    body = {"username": mobile, "password": PASSWORD, "group": "pc"} | brought
    seen = {own, stranger_access, stranger_refresh}
    for _ in range(3):
        answer = client.site("login", body, headers=headers)
        assert answer.code == 200
        assert "set-cookie" not in {name.lower() for name in answer.headers}
        new = {answer.data["access_token"], answer.data["refresh_token"]}
        assert len(new) == 2
        assert not new & seen
        seen |= new
    assert client.who_am_i(own).reason == "token_invalid"
    # Nor does it end or take over the session whose token was sent along.
    assert client.who_am_i(stranger_access).data["mobile"] != mobile


def near_misses(token: str) -> Iterator[str]:
    """What is almost the token."""
    yield from (token.swapcase(), token.upper(), token.lower(), token[:21], token[:-1], token[1:])
    yield from (token + "=", token + "A", token + token, f"{token},{token}", f"Bearer {token}")
    yield from ("0", "1", "true", "false", "[]", f'["{token}"]', f'{{"$ne":"{token}"}}', "%00")
    yield from (token[::-1], "A" * 43, "-" * 43, f"{token[:20]}.{token[20:]}", f'"{token}"')
    # The last character holds two spare bits: its siblings are the same 32 bytes.
    last = BASE64URL.index(token[-1])
    yield from (
        token[:-1] + BASE64URL[last & ~3 | spare] for spare in range(4) if spare != last & 3
    )


def test_T03_what_is_almost_a_token_is_none(each_client: Client) -> None:
    hold_to_exact_tokens(each_client)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"], indirect=True)
def test_T03_nor_is_it_one_for_another_database(any_client: Client) -> None:
    hold_to_exact_tokens(any_client)


def hold_to_exact_tokens(client: Client) -> None:
    """Nothing but the token itself, letter by letter, is taken for it."""
    access, refresh = opened(client)
    for wrong in near_misses(access):
        answer = client.who_am_i(wrong)
        assert (answer.code, answer.reason) == (401, "token_invalid"), wrong
        assert client.logout(wrong).code == 401, wrong
        assert client.verify(wrong).data == {"token": False}, wrong
    for wrong in (*near_misses(refresh), refresh + " ", " " + refresh, refresh + "\u3000"):
        answer = client.refresh(wrong)
        assert (answer.code, answer.reason) == (401, "refresh_invalid"), wrong
    for spaced in (access + " ", " " + access, access + "\u00a0"):
        assert client.verify(spaced).data == {"token": False}, spaced
    for value in (0, 1, True, 1.5, [access], {"0": access}, [[access]]):
        assert client.site("verify-access-token", {"token": value}).code == 422, value
    for value in (0, 1, True, 1.5, [refresh], {"0": refresh}, [[refresh]]):
        answer = client.site("refresh", {"refresh_token": value, "group": "pc"})
        assert answer.code == 422, value
    # All of it changed nothing for the member.
    assert client.who_am_i(access).code == 200
    assert client.refresh(refresh).code == 200


def test_T03_spaces_around_a_token_in_the_query_are_part_of_it(field_client: Client) -> None:
    client = field_client
    access, _ = opened(client)
    path = "/v1/member/member/index?access-token="
    for spaced in (access + " ", " " + access, access + "\t", access + "\n", access.swapcase()):
        answer = client.call("GET", path + quote(spaced))
        assert (answer.code, answer.reason) == (401, "token_invalid"), repr(spaced)
    assert client.call("GET", path + access).code == 200


def test_T04_a_token_of_one_kind_is_no_token_of_the_other(client: Client) -> None:
    access, refresh = opened(client)
    assert client.who_am_i(refresh).reason == "token_invalid"
    assert client.logout(refresh).reason == "token_invalid"
    assert client.verify(refresh).data == {"token": False}
    assert client.refresh(access).reason == "refresh_invalid"
    assert client.refresh(refresh, "iOS").reason == "refresh_invalid"
    # None of it burnt the session.
    assert client.who_am_i(access).code == 200
    assert client.refresh(refresh, "pc").code == 200


def test_T05_an_access_token_is_good_for_exactly_two_hours(client: Client) -> None:
    registered = client.register()
    access = registered.data["access_token"]
    ends, _, _ = lives(client, registered.data["member"]["id"])
    created = client.server.rows(
        "select created_at from session where member_id = ?", registered.data["member"]["id"]
    )[0][0]
    assert ends - created == ACCESS_LIFE
    assert at(client, ends - 1, lambda: client.who_am_i(access)).code == 200
    over = at(client, ends, lambda: client.who_am_i(access))
    assert (over.code, over.reason) == (401, "token_expired")
    assert at(client, ends + 1, lambda: client.who_am_i(access)).reason == "token_expired"


def test_T05_an_unused_refresh_token_is_good_for_exactly_thirty_days(client: Client) -> None:
    early, late = client.register().data, client.register().data
    _, ends, _ = lives(client, early["member"]["id"])
    assert at(client, ends - 1, lambda: client.refresh(early["refresh_token"])).code == 200
    _, ends, _ = lives(client, late["member"]["id"])
    over = at(client, ends, lambda: client.refresh(late["refresh_token"]))
    assert (over.code, over.reason) == (401, "refresh_expired")


def test_T05_refreshing_never_outlasts_ninety_days(client: Client) -> None:
    data = client.register().data
    member_id, refresh = data["member"]["id"], data["refresh_token"]
    _, _, end = lives(client, member_id)
    begun = end - ABSOLUTE
    for day in (29, 58, 87, 89):
        client.server.set_clock(begun + day * DAY - int(time.time()))
        refreshed = client.refresh(refresh)
        assert refreshed.code == 200
        refresh = refreshed.data["refresh_token"]
        assert lives(client, member_id)[1] == min(begun + (day + 30) * DAY, end) or day < 87
        assert lives(client, member_id)[1] <= end
    last = at(client, end - 1, lambda: client.refresh(refresh))
    assert (last.code, last.data["expiration_time"]) == (200, "1")
    access, refresh = last.data["access_token"], last.data["refresh_token"]
    assert at(client, end - 1, lambda: client.who_am_i(access)).code == 200
    assert at(client, end, lambda: client.who_am_i(access)).reason == "token_expired"
    assert at(client, end, lambda: client.refresh(refresh)).reason == "refresh_expired"


def test_T05_an_expired_session_says_so_also_after_it_was_swept_up(client: Client) -> None:
    data = client.register().data
    _, ends, _ = lives(client, data["member"]["id"])
    client.server.set_clock(ends + 60 - int(time.time()))
    client.server.restart()  # what sweeps runs at every start, and each minute after
    sql = "select count(*) from session where member_id = ? and ended_at is null"
    until = time.monotonic() + 10
    while client.server.rows(sql, data["member"]["id"])[0][0] and time.monotonic() < until:
        time.sleep(0.02)
    assert client.server.rows(sql, data["member"]["id"]) == [(0,)]
    assert client.refresh(data["refresh_token"]).reason == "refresh_expired"
    assert client.who_am_i(data["access_token"]).reason == "token_expired"
    assert client.verify(data["access_token"]).data == {"token": False}


def test_T06_after_logout_nothing_of_the_session_works(each_client: Client) -> None:
    client = each_client
    access, refresh = opened(client)
    other = client.register().data["access_token"]
    pair = client.refresh(refresh).data  # the old access token is good for 10 s more
    assert client.who_am_i(access).code == 200
    assert client.logout(pair["access_token"]).code == 200
    for token in (access, pair["access_token"]):
        replayed = client.who_am_i(token)
        assert (replayed.code, replayed.reason) == (401, "session_ended")
        assert replayed.data["end_reason"] == "logged_out"
        assert client.verify(token).data == {"token": False}
        again = client.logout(token)
        assert (again.code, again.reason) == (401, "session_ended")
    for token in (refresh, pair["refresh_token"]):
        assert client.refresh(token).code == 401
    for garbage in ("garbage", "A" * 43, refresh):
        assert client.logout(garbage).reason == "token_invalid"
    assert client.logout().reason == "token_missing"
    assert client.who_am_i(other).code == 200


def test_T06_a_token_that_has_just_expired_still_logs_out(client: Client) -> None:
    access, refresh = opened(client)
    client.server.set_clock(ACCESS_LIFE + 60)
    assert client.who_am_i(access).reason == "token_expired"
    assert client.logout(access).code == 200
    assert client.refresh(refresh).reason == "session_ended"


PROTECTED = (("GET", "/v1/member/member/index"), ("POST", "/v1/site/logout"))
PUBLIC = ("login", "refresh", "sms-code", "mobile-login", "register", "up-pwd")


def test_T07_a_token_in_the_address_is_no_token_of_the_document_profile(client: Client) -> None:
    access, _ = opened(client)
    for name in ("access-token", "access_token", "token", "X-Api-Key", "x-api-key"):
        for method, path in PROTECTED:
            answer = client.call(method, f"{path}?{name}={access}")
            assert (answer.code, answer.reason) == (401, "token_missing"), name
        asked = client.call("POST", f"/v1/site/verify-access-token?token={access}", {})
        assert asked.code == 422
    assert client.who_am_i(access).code == 200


def test_T07_the_rageframe_profile_takes_it_from_the_query_where_a_token_is_asked_for(
    field_client: Client,
) -> None:
    client = field_client
    access, _ = opened(client)
    for path in ("/v1/member/member/index", "/v1/member/member/index/"):
        assert client.call("GET", f"{path}?access-token={access}").code == 200
        assert client.call("GET", f"{path}?a=1&access-token={access}&b=2").code == 200
    for name in PUBLIC:
        answer = client.call("POST", f"/v1/site/{name}?access-token={access}", {})
        assert answer.code == 422, name  # the query fills no field, and opens nothing
    # A header wins, even a bad one; what is no token does not.
    query = f"/v1/member/member/index?access-token={access}"
    assert client.call("GET", query, token="A" * 43).reason == "token_invalid"
    assert client.call("GET", query, headers={"Authorization": "Bearer x"}).code == 401
    for nothing in ("", "undefined", "null"):
        assert client.call("GET", query, token=nothing).code == 200
    assert client.call("POST", f"/v1/site/logout?access-token={access}").code == 200
    assert client.call("GET", query).reason == "session_ended"


def test_T07_the_log_shows_no_query(each_client: Client) -> None:
    client = each_client
    before = client.server.log.count('"denglu.access"')
    paths = ("/v1/member/member/index", "/v1/site/login", "/nowhere", "/healthz")
    for path in paths:
        client.call("GET", f"{path}?access-token=canary-in-the-query&mobile=13911112222")
    wait_for(lambda: client.server.log.count('"denglu.access"') >= before + len(paths))
    assert "canary-in-the-query" not in client.server.log
    assert "13911112222" not in client.server.log
    assert "?" not in client.server.log


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    assert condition()


@pytest.mark.parametrize(("status", "reason"), [(0, "session_ended"), (-1, "session_ended")])
def test_T08_a_member_disabled_in_the_database_is_out_at_once(
    client: Client, status: int, reason: str, record: Callable[..., None]
) -> None:
    slowest = 0.0
    for _ in range(20):
        data = client.register().data
        access, refresh = data["access_token"], data["refresh_token"]
        assert client.who_am_i(access).code == 200  # and now it is in the cache
        sql = "update member set status = ? where id = ?"
        client.server.rows(sql, status, data["member"]["id"])
        begun = time.perf_counter()
        refused = client.who_am_i(access)
        slowest = max(slowest, time.perf_counter() - begun)
        assert (refused.code, refused.reason) == (401, reason)
        assert refused.data["end_reason"] == "disabled"
        assert client.refresh(refresh).reason == "refresh_invalid"
        assert client.verify(access).data == {"token": False}
    record(
        "T08",
        tried=f"20 members set to status {status} in the file by another process",
        figure=f"first call after it refused, 20 of 20, {slowest * 1000:.0f} ms at most",
    )


def test_T08_whoever_is_enabled_again_may_log_in_again(client: Client) -> None:
    mobile = fresh_mobile()
    code = client.code_for(mobile, "register")
    member_id = client.site("register", new_member(mobile, code)).data["member"]["id"]
    sql = "update member set status = ? where id = ?"
    client.server.rows(sql, 0, member_id)
    assert client.login(mobile).reason == "bad_credentials"
    client.server.rows(sql, 1, member_id)
    assert client.login(mobile).code == 200
