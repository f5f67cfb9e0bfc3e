"""Every way in which a token is refused, in both profiles and languages, and what is told."""

import time
from typing import Any

import pytest

from denglu.domain.session import Kind
from denglu.security.tokens import HmacTokens
from tests.battery.client import Client, fresh_mobile, new_password
from tests.battery.harness import PASSWORD, Answer
from tests.battery.refusals import WELL, Row, both_languages, later


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


def test_a_replaced_session_knows_when(each_client: Client) -> None:
    answer = replaced(each_client)
    assert abs(answer.data["ended_at"] - time.time()) < 60
