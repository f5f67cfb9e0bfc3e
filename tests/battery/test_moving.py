"""A shop moves from RageFrame to denglu with everybody in it: what works after it (rows V)."""

import itertools
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from decimal import Decimal

import pytest

from tests.battery.client import Client
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.moved import (
    Filled,
    Moved,
    brought,
    check_sums,
    denglu_in,
    filled,
    is_fresh,
    refreshed,
    taken_over,
    tell_speed,
)
from tests.battery.rivals import login, outcomes, refresh
from tests.importing.moving_in import MOUNTS
from tests.importing.people import MEMBER, MERCHANT_USER, PASSWORDS, Row, hash_of
from tests.importing.phones import ACCESS_LIFE, LiveToken
from tests.servers.mariadb import MariadbServer

_NAMES = ("username", "mobile", "email")


@pytest.fixture(scope="module")
def there(mariadb_server: MariadbServer) -> Iterator[Filled]:
    """A small shop, which nobody changes."""
    with filled(mariadb_server, 10_000, 2_000) as made:
        yield made


@pytest.fixture(scope="module")
def moved(
    tmp_path_factory: pytest.TempPathFactory, there: Filled, kind: str, database_for: DatabaseFor
) -> Iterator[Moved]:
    """The shop after its move, and the server that took over."""
    server = denglu_in(tmp_path_factory.mktemp("moved"), database_for(kind))
    with taken_over(brought(there, server)) as moved:
        yield moved


def test_V01_everything_is_brought_to_the_last_cent(moved: Moved, record: Record) -> None:
    moved.move.check(moved.expected)
    check_sums(moved)
    tell_speed(moved, record)


def test_V02_a_token_from_before_the_move_works_after_it(moved: Moved, record: Record) -> None:
    fresh = moved.tokens(30, lambda t: is_fresh(t) and t.member["type"] == MEMBER)
    with Client(moved.server) as app:
        for token, mount in zip(fresh, MOUNTS * 10, strict=True):
            me = app.call("GET", f"{mount}/v1/member/member/index", token=token.access)
            assert me.code == 200, me.text
            assert me.data["id"] == token.member["id"]
            assert me.data["mobile"] == moved.expected.members[me.data["id"]]["mobile"]
            cents = moved.expected.accounts[me.data["id"]]["user_money"]
            assert me.data["account"]["user_money"] == f"{Decimal(cents) / 100:.2f}"
            pair = refreshed(app, token.refresh, token.group, mount)
            assert pair.code == 200, pair.text
            assert app.who_am_i(pair.data["access_token"]).code == 200
            assert refreshed(app, pair.data["refresh_token"], token.group, mount).code == 200
    groups = len({token.group for token in fresh})
    record(
        "V02",
        tried=f"{len(fresh)} tokens from before, of {groups} groups, under {len(MOUNTS)} mounts",
        figure=f"all work, and their refresh tokens refresh ({moved.server.database_kind})",
    )


def is_over(token: LiveToken) -> bool:
    """Whether only its refresh token is good."""
    return token.made_at + ACCESS_LIFE <= time.time()


def test_V02_whose_access_token_is_over_refreshes(moved: Moved) -> None:
    with Client(moved.server) as app:
        for token in moved.tokens(10, lambda t: is_over(t) and t.member["type"] == MEMBER):
            assert app.who_am_i(token.access).reason == "token_expired"
            # Clients that ask would throw both tokens away if this were false.
            assert app.verify(token.access).data == {"token": True}
            pair = refreshed(app, token.refresh, None)
            assert app.who_am_i(pair.data["access_token"]).data["id"] == token.member["id"]


def test_V02_everybody_who_refreshes_at_once_gets_one_pair(moved: Moved) -> None:
    for token in moved.tokens(3, lambda t: t.member["type"] == MEMBER):
        answers = moved.server.race([refresh(token.refresh, token.group) for _ in range(30)])
        assert outcomes(answers) == {"OK": 30}
        assert len({answer.data["refresh_token"] for answer in answers}) == 1
        # An app whose answer was lost asks again, and gets it.
        with Client(moved.server) as app:
            again = refreshed(app, token.refresh, token.group)
        assert again.data["refresh_token"] == answers[0].data["refresh_token"]
        rows = moved.server.rows(
            "select generation from session where member_id = ? and slot is not null",
            token.member["id"],
        )
        assert rows == [(2,)]


def test_V02_two_phones_in_one_group_go_on_until_the_next_login(moved: Moved) -> None:
    """There, a mini-program of the site and one of the shop were two; here they are one group."""
    of_slot: dict[tuple[int, str], list[LiveToken]] = defaultdict(list)
    for token in filter(is_fresh, moved.shop.live):
        if token.member["type"] == MEMBER and token.member["merchant_id"] == 0:
            of_slot[token.member["id"], token.slot].append(token)
    phones = next(tokens for tokens in of_slot.values() if len(tokens) > 1 and _knows(tokens[0]))
    member = moved.expected.members[phones[0].member["id"]]
    password = _password_of(phones[0].member)
    with Client(moved.server) as app:
        assert [app.who_am_i(phone.access).code for phone in phones] == [200] * len(phones)
        login = app.login(member["mobile_key"], password, phones[0].group)
        assert login.code == 200, login.text
        told = [app.who_am_i(phone.access).reason for phone in phones]
        assert told == ["session_replaced"] * len(phones)


def _knows(token: LiveToken) -> bool:
    """Whether its member can log in with the mobile."""
    row = token.member
    return bool(row["password_hash"] and row["mobile"] and len(row["mobile"]) == 11)


def _password_of(row: Row) -> str:
    return next(text for text, cost in PASSWORDS if hash_of(text, cost) == row["password_hash"])


def test_V02_what_was_no_good_there_is_none_here(moved: Moved) -> None:
    good = {token.access for token in moved.shop.live}
    dead = [row for row in moved.shop.tokens if row["access_token"] not in good]
    with Client(moved.server) as app:
        for row in dead[:: max(1, len(dead) // 60)]:
            for text in filter(None, (row["access_token"], row["refresh_token"])):
                assert app.who_am_i(text).code == 401, row
                assert app.verify(text).data == {"token": False}, row
                assert refreshed(app, text, None).code == 401, row


@pytest.mark.parametrize(("password", "cost"), PASSWORDS)
def test_V03_a_member_logs_in_with_the_old_password(moved: Moved, password: str, cost: int) -> None:
    """Whoever has the password of before is in, and the row holds Argon2id from then on."""
    same = hash_of(password, cost)
    people: dict[str, int] = {}
    for name in _NAMES:
        people[name] = _somebody(moved, name, same, people.values())
    typed = {name: moved.expected.members[people[name]][name] for name in _NAMES}
    wrong = moved.server.race([login(typed[name], "!" + password) for name in _NAMES])
    assert [answer.code for answer in wrong] == [422] * len(wrong)
    with Client(moved.server) as app:
        for name, member_id in people.items():
            assert _stored(moved, member_id) == (same, 1)
            first = app.login(typed[name], password, group="tinyShop")
            assert (first.code, first.data["member"]["id"]) == (200, member_id)
            now_stored, legacy = _stored(moved, member_id)
            assert now_stored.startswith("$argon2id$")
            assert legacy is None
            again = app.login(typed[name], password, group="h5")
            assert again.data["member"]["id"] == member_id
            assert _stored(moved, member_id)[0] == now_stored


def _somebody(moved: Moved, name: str, stored: str, but: Collection[int]) -> int:
    """A member of the site who has this name and no session, and has not logged in here; none
    of ``but``.
    """
    inside = {token.member["id"] for token in moved.shop.live}
    return next(
        row["id"]
        for row in moved.expected.members.values()
        if row[f"{name}_key"]
        and row["id"] not in inside
        and row["id"] not in but
        and (row["type"], row["merchant_id"], row["status"]) == (MEMBER, 0, 1)
        and row["password_hash"] == stored
        and _stored(moved, row["id"]) == (stored, 1)
    )


def _stored(moved: Moved, member_id: int) -> tuple[str, int | None]:
    (row,) = moved.server.rows(
        "select password_hash, legacy_hash from member where id = ?", member_id
    )
    return row


def test_V03_a_name_that_two_had_lets_one_in(moved: Moved) -> None:
    """The one whom it let in before; the other keeps it to look at."""
    cases = list(itertools.islice(_names_of_two(moved), 3))
    assert cases
    for password, cost in PASSWORDS:
        answers = moved.server.race([login(typed, password) for typed, _ in cases])
        for (_, winner), answer in zip(cases, answers, strict=True):
            may = winner["password_hash"] == hash_of(password, cost) and winner["status"] == 1
            assert answer.code == (200 if may else 422)
            if may:
                assert answer.data["member"]["id"] == winner["id"]


def _names_of_two(moved: Moved) -> Iterator[tuple[str, Row]]:
    """As one who lost it types it, and who has it."""
    names = {
        (name, row[f"{name}_key"]): row
        for row in moved.expected.members.values()
        for name in _NAMES
        if _is_of_site(row) and row[f"{name}_key"]
    }
    rows = {row["id"]: row for row in moved.shop.members}
    for member_id, name in sorted(moved.expected.losers):
        typed = str(rows[member_id][name])
        winner = names.get((name, typed.strip().casefold()))
        if winner is not None and _is_of_site(moved.expected.members[member_id]):
            yield typed, winner


def _is_of_site(row: Row) -> bool:
    return (row["type"], row["merchant_id"]) == (MEMBER, 0)


def test_V04_a_merchants_user_is_nobody_on_the_site_and_the_other_way_round(moved: Moved) -> None:
    users = moved.tokens(3, lambda t: is_fresh(t) and t.member["type"] == MERCHANT_USER)
    members = moved.tokens(3, lambda t: is_fresh(t) and t.member["type"] == MEMBER)
    own = {MEMBER: "/v1/member/member/index", MERCHANT_USER: "/merapi/v1/merchant/user/index"}
    site = {MEMBER: "/v1/site", MERCHANT_USER: "/merapi/v1/site"}
    with Client(moved.server) as app:
        for token in (*users, *members):
            mine = token.member["type"]
            other = MEMBER + MERCHANT_USER - mine
            for mount in MOUNTS:
                assert app.call("GET", mount + own[mine], token=token.access).code == 200
                refused = app.call("GET", mount + own[other], token=token.access)
                assert refused.reason == "token_invalid"
            body = {"refresh_token": token.refresh, "group": token.group}
            assert app.call("POST", f"{site[other]}/refresh", body).reason == "refresh_invalid"
            asked = {"token": token.access}
            check = f"{site[other]}/verify-access-token"
            assert app.call("POST", check, asked).data == {"token": False}
            assert app.call("POST", f"{site[other]}/logout", token=token.access).code == 401
            # None of it burnt anything.
            pair = app.call("POST", f"{site[mine]}/refresh", body)
            assert pair.code == 200, pair.text
            assert app.call("GET", own[mine], token=pair.data["access_token"]).code == 200
