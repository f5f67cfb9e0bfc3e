"""What members do about their own devices and password, on every database: rows R08, I16, E and
P03 for these calls.
"""

import asyncio
import functools
from typing import Any

import bcrypt
import pytest

from tests.battery.client import Client, fresh_mobile, new_by_old, new_password
from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Answer, Raw, Server
from tests.battery.load import Line
from tests.battery.rivals import (
    hash_of,
    login,
    member_id,
    outcomes,
    refresh,
    rounds,
    rounds_told,
    site,
)
from tests.battery.test_races import (
    Pair,
    _refreshes_against,
    assert_dead,
    live_sessions,
    members_like,
    pair_of,
)

SESSION, OTHERS, CHANGE = "/v1/member/session", "/v1/member/session/others", "/v1/member/password"
NEWER = "silver-estuary-91"


@pytest.fixture(scope="module")
def server(any_server: Server) -> Server:
    """Every row of this module meets every database."""
    return any_server


def changing(pair: Pair, new: str, old: str = PASSWORD) -> Raw:
    """A change, for a race."""
    return Raw(CHANGE, new_by_old(new, old), token=pair["access_token"])


def listed(client: Client, pair: Pair) -> list[dict[str, Any]]:
    """My devices."""
    answer = client.call("GET", SESSION, token=pair["access_token"])
    assert answer.code == 200, answer.text
    return list(answer.data)


def said(answer: Answer) -> tuple[object, ...]:
    """An answer without what is another each time."""
    headers = {pair for pair in answer.headers.items() if pair[0] not in ("x-request-id", "date")}
    return answer.status, frozenset(headers), answer.text


def test_a_member_sees_every_device_and_ends_one(client: Client) -> None:
    mobile = fresh_mobile()
    own = pair_of(client.register(mobile))
    phone = pair_of(client.login(mobile, group="iOS"))
    pad = pair_of(client.login(mobile, group="app"))
    found = listed(client, own)
    assert [(one["group"], one["current"]) for one in found] == [
        ("pc", True),
        ("app", False),
        ("iOS", False),
    ]
    gone = next(one["id"] for one in found if one["group"] == "iOS")
    assert client.call("DELETE", f"{SESSION}/{gone}", token=own["access_token"]).code == 200
    assert client.who_am_i(phone["access_token"]).data["end_reason"] == "revoked"
    assert_dead(client, [phone], "iOS")
    assert client.call("POST", OTHERS, token=own["access_token"]).code == 200
    assert_dead(client, [pad], "app")
    (last,) = listed(client, own)
    assert client.call("DELETE", f"{SESSION}/{last['id']}", token=own["access_token"]).code == 200
    assert client.who_am_i(own["access_token"]).data["end_reason"] == "logged_out"
    assert_dead(client, [own])


def test_E01_sessions_of_others_are_told_from_none_by_nothing(
    client: Client, record: Record
) -> None:
    """Somebody else's session, one that ended, one that never was: one answer, no effect."""
    mobile = fresh_mobile()
    own, other = pair_of(client.register(mobile)), pair_of(client.register())
    over = pair_of(client.login(mobile, group="h5"))
    ids = {name: listed(client, pair)[0]["id"] for name, pair in (("other", other), ("over", over))}
    client.logout(over["access_token"])
    tried = [ids["other"], ids["over"], 10**9, 10**18 - 1]
    answers = {
        said(client.call(method, f"{SESSION}/{number}", token=own["access_token"]))
        for number in tried
        for method in ("DELETE", "POST")
    }
    assert len(answers) == 1
    assert client.call("DELETE", f"{SESSION}/{ids['other']}", token=own["access_token"]).code == 404
    assert client.who_am_i(other["access_token"]).code == 200
    record("E01", tried="ending somebody else's, an ended and an unknown session",
           figure="one answer, byte for byte; nothing ended")  # fmt: skip


def test_I16_odd_numbers_end_nothing(client: Client) -> None:
    """Other spellings of a number meet nothing; its percent-encoding is the number itself."""
    mobile = fresh_mobile()
    own, other = pair_of(client.register(mobile)), pair_of(client.login(mobile, group="iOS"))
    number = str(next(one["id"] for one in listed(client, own) if not one["current"]))
    digits = "".join(f"%{ord(digit):02x}" for digit in number)
    twice = digits.replace("%", "%25")
    odd = [
        f"0{number}", f"+{number}", f"-{number}", f"{number}.0", f"{number}e0", f"{number};a=b",
        f"{number}%20", f"{number}%00", f"{number}%0a", f"./{number}", f"%2e/{number}",
        f"/{number}", f"{number}//", f"{number}/x", f"x/../{number}", twice, f"{'0' * 30}{number}",
        str(2**63), str(2**64 + int(number)), "9" * 1000, "null", "true", "[]", "1e400",
        "%7Bid%7D", "{id}", "%ef%bc%91", "Others", "others/x", "others%00", "",
    ]  # fmt: skip
    raw = [
        Raw(f"{SESSION}/{last}", token=own["access_token"], method=method)
        for last in odd
        for method in ("DELETE", "POST")
    ]
    for sent, answer in zip(raw, client.server.race(raw), strict=True):
        # The list itself stands where nothing follows.
        assert answer.code == (405 if sent.path == f"{SESSION}/" else 404), (sent, answer.text)
    assert len(listed(client, own)) == 2
    assert client.who_am_i(other["access_token"]).code == 200
    assert client.call("DELETE", f"{SESSION}/{digits}", token=own["access_token"]).code == 200
    assert_dead(client, [other], "iOS")


def test_P03_wrong_old_passwords_are_compared_five_times(client: Client, record: Record) -> None:
    """60 changes with a wrong password at once."""
    server = client.server
    for mobile in members_like(client, rounds(server, 5)):
        own = pair_of(client.login(mobile))
        rivals = [changing(own, NEWER, f"wrong password {n}") for n in range(60)]
        before = server.rows(
            "SELECT count(*) FROM audit_event WHERE event = 'login_failed' AND note = 'password'"
        )[0][0]
        counted = outcomes(server.race(rivals))
        assert counted["wrong_password"] == 5, counted
        assert set(counted) <= {"wrong_password", "too_many_attempts", "busy"}
        after = server.rows(
            "SELECT count(*) FROM audit_event WHERE event = 'login_failed' AND note = 'password'"
        )[0][0]
        assert after - before == 5
        assert client.who_am_i(own["access_token"]).code == 200
    record("P03", tried=f"60 changes with wrong old passwords at once, {rounds_told(server, 5)}",
           figure="5 compared each round, the session lives")  # fmt: skip


def test_R08_a_change_against_logins_and_refreshes(client: Client, record: Record) -> None:
    """After the change no token and no password from before it is good for anything."""
    server, came_first = client.server, 0
    old = PASSWORD
    (mobile,) = members_like(client, 1)
    for number in range(rounds(server)):
        server.advance(901)
        own = pair_of(client.login(mobile, old))
        other = pair_of(client.login(mobile, old, "iOS"))
        new = f"{NEWER}-{number}"
        rivals = [login(mobile, old, "h5") for _ in range(3)]
        rivals += [refresh(other["refresh_token"], "iOS") for _ in range(3)]
        rivals.insert(number % 7, changing(own, new, old))
        answers = server.race(rivals)
        changed = pair_of(answers.pop(number % 7))
        logins, refreshes = answers[:3], answers[3:]
        assert set(outcomes(logins)) <= {"OK", "bad_credentials"}
        assert set(outcomes(refreshes)) <= {"OK", "session_ended"}
        assert_dead(client, [pair_of(one) for one in logins if one.code == 200], "h5")
        assert_dead(client, [other, *(pair_of(one) for one in refreshes if one.code == 200)], "iOS")
        assert_dead(client, [own])
        came_first += any(one.code == 200 for one in answers)
        assert live_sessions(server, mobile) == [("pc", 1)]
        assert client.login(mobile, old, "iOS").reason == "bad_credentials"
        assert client.who_am_i(changed["access_token"]).code == 200
        assert client.refresh(changed["refresh_token"]).code == 200
        old = new
    record("R08", tried=f"a change by the old password, 3 logins with it and 3 refreshes at once, "
           f"{rounds_told(server)}",
           figure=f"no token and no password lived; rivals came first in {came_first} rounds"
           )  # fmt: skip


def test_R08_a_change_against_refreshes_without_rest(client: Client, record: Record) -> None:
    """Two clients refresh another session as fast as they can, until it is over."""
    server = client.server
    for mobile in members_like(client, rounds(server)):
        own, other = pair_of(client.login(mobile, group="h5")), pair_of(client.login(mobile))
        ask = functools.partial(Line(server, kept=False).ask, changing(own, NEWER))
        before, answer = asyncio.run(_refreshes_against(server, other, ask))
        changed = pair_of(answer)
        assert_dead(client, before)
        assert client.who_am_i(changed["access_token"]).code == 200
        assert live_sessions(server, mobile) == [("h5", 1)]
    record("R08", tried="refreshes without rest against a change by the old password, "
           f"{rounds_told(server)}", figure="no token of other sessions lived")  # fmt: skip


def test_R08_a_change_against_a_reset(client: Client, record: Record) -> None:
    """The owner resets by SMS while somebody with the old password changes it: the owner wins."""
    server, late = client.server, 0
    for mobile in members_like(client, rounds(server)):
        server.advance(61)
        own = pair_of(client.login(mobile))
        code = client.code_for(mobile, "up-pwd")
        by_sms = "granite-lantern-55"
        reset, change = server.race(
            [site("up-pwd", new_password(mobile, code, by_sms, "iOS")), changing(own, NEWER)]
        )
        fresh = pair_of(reset)
        assert change.code == 200 or change.reason in ("wrong_password", "session_ended")
        late += change.code != 200
        assert_dead(client, [own, *([pair_of(change)] if change.code == 200 else [])])
        assert client.who_am_i(fresh["access_token"]).code == 200
        assert live_sessions(server, mobile) == [("iOS", 1)]
        for password in (PASSWORD, NEWER):
            assert client.login(mobile, password, "h5").reason == "bad_credentials"
        assert client.login(mobile, by_sms, "h5").code == 200
    record("R08", tried=f"a change by the old password and a reset at once, {rounds_told(server)}",
           figure=f"the reset's password and session alone lived; it came first in {late} rounds"
           )  # fmt: skip


def test_an_imported_hash_is_good_for_a_change(client: Client) -> None:
    """A member who came with a bcrypt hash leaves it behind."""
    mobile = fresh_mobile()
    own = pair_of(client.register(mobile))
    made = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=b"2b")).decode()
    client.server.rows(
        "UPDATE member SET password_hash = ?, legacy_hash = 1 WHERE id = ?",
        made.replace("$2b$", "$2y$", 1),
        member_id(client.server, mobile),
    )
    answer = client.call("POST", CHANGE, new_by_old(NEWER), token=own["access_token"])
    assert answer.code == 200, answer.text
    assert hash_of(client.server, mobile).startswith("$argon2id$")
    assert client.login(mobile, NEWER).code == 200
