"""The import runs again, beside the server that has taken over in part: row V06."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.battery.client import Client
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import Server
from tests.battery.moved import (
    Moved,
    brought,
    denglu_in,
    filled,
    is_fresh,
    refreshed,
    taken_over,
)
from tests.battery.rivals import login
from tests.importing.people import MEMBER, PASSWORDS, hash_of
from tests.importing.phones import LiveToken
from tests.servers.mariadb import MariadbServer

_PASSWORD, _COST = PASSWORDS[1]
_NEWER, _NEWEST = "silver-estuary-91", "amber-lantern-44"


@pytest.fixture
def moved(
    kind: str, tmp_path: Path, mariadb_server: MariadbServer, database_for: DatabaseFor
) -> Iterator[Moved]:
    """A small shop that was imported once, and the server that has its members."""
    with (
        filled(mariadb_server, 1_000, 500) as there,
        taken_over(brought(there, denglu_in(tmp_path, database_for(kind)))) as moved,
    ):
        yield moved


def people(moved: Moved, count: int) -> Iterator[LiveToken]:
    """Members of the site with a mobile, this password, and one good token."""
    theirs = hash_of(_PASSWORD, _COST)

    def fits(token: LiveToken) -> bool:
        row = token.member
        has_mobile = moved.expected.members[row["id"]]["mobile_key"] is not None
        is_of_site = (row["type"], row["merchant_id"]) == (MEMBER, 0)
        return is_fresh(token) and is_of_site and has_mobile and row["password_hash"] == theirs

    return iter(moved.tokens(count, fits))


def change(moved: Moved, member: LiveToken, **values: object) -> None:
    """What somebody does to a member in the old administration."""
    prefix = moved.move.source.prefix
    for name, value in values.items():
        sql = f"UPDATE {prefix}member SET {name} = ? WHERE id = ?"
        moved.move.source.sql(sql, value, member.member["id"])


def change_tokens(moved: Moved, token: LiveToken, what: str, *values: object) -> None:
    """The same to a row of tokens."""
    prefix = moved.move.source.prefix
    sql = f"UPDATE {prefix}api_access_token SET {what} WHERE access_token = ?"
    moved.move.source.sql(sql, *values, token.access)


def mobile_of(moved: Moved, token: LiveToken) -> str:
    return str(moved.expected.members[token.member["id"]]["mobile_key"])


def hash_in(server: Server, token: LiveToken) -> str:
    sql = "select password_hash from member where id = ?"
    return str(server.rows(sql, token.member["id"])[0][0])


def newer(token: LiveToken) -> LiveToken:
    """What PHP gives for a refresh."""
    made_at = int(time.time())
    turned = (text[31::-1] + f"_{made_at}" for text in (token.access, token.refresh))
    access, refresh = turned
    return dataclasses.replace(token, access=access, refresh=refresh, made_at=made_at)


def seconds_until_refused(server: Server, app: Client, token: str) -> float:
    """How long an access token goes on."""
    started = time.perf_counter()
    while app.who_am_i(token).code != 401:
        assert time.perf_counter() - started < 10, server.log[-2000:]
    return time.perf_counter() - started


def test_V06_what_changed_since_is_brought_and_what_happened_here_stays(
    moved: Moved, record: Record
) -> None:
    """Passwords, tokens, balances: changed there, here, or in both."""
    found = people(moved, 9)
    renamed, other_password, richer, disabled, rotated_there, logged_out_there = (
        next(found) for _ in range(6)
    )
    rotated_here, changed_here, changed_in_both = (next(found) for _ in range(3))
    source, server = moved.move.source, moved.server
    with Client(server) as app:
        # Here.
        assert app.login(mobile_of(moved, renamed), _PASSWORD, "tinyShop").code == 200
        pair = refreshed(app, rotated_here.refresh, rotated_here.group).data
        inside = refreshed(app, disabled.refresh, disabled.group).data
        for token in (changed_here, changed_in_both):
            body = {"old_password": _PASSWORD, "password": _NEWER, "password_repetition": _NEWER}
            done = app.call("POST", "/v1/member/password", body, token=token.access)
            assert done.code == 200, done.text
        # There.
        for token in (renamed, rotated_here, changed_here):
            change(moved, token, nickname="新名字 🌙")
        change(moved, other_password, password_hash=hash_of(_NEWEST, 10))
        change(moved, changed_in_both, password_hash=hash_of(_NEWEST, 10))
        change(moved, disabled, status=0)
        sql = f"UPDATE {source.prefix}member_account SET user_money = ? WHERE member_id = ?"
        source.sql(sql, "77777.77", richer.member["id"])
        after = newer(rotated_there)
        tokens = "access_token = ?, refresh_token = ?"
        change_tokens(moved, rotated_there, tokens, after.access, after.refresh)
        change_tokens(moved, logged_out_there, "status = ?", 0)
        change_tokens(moved, rotated_here, "status = ?", 0)
        moved.move.run_import()

        over = [(token.access, token.refresh) for token in (rotated_there, logged_out_there)]
        over.append((inside["access_token"], inside["refresh_token"]))
        behind = [seconds_until_refused(server, app, access) for access, _ in over]
        for _, refresh in over:
            assert refreshed(app, refresh, None).code == 401
        assert app.who_am_i(renamed.access).data["nickname"] == "新名字 🌙"
        assert app.who_am_i(richer.access).data["account"]["user_money"] == "77777.77"
        assert app.who_am_i(after.access).data["id"] == rotated_there.member["id"]
        assert refreshed(app, after.refresh, after.group).code == 200
        me = app.who_am_i(pair["access_token"])
        assert (me.code, me.data["nickname"]) == (200, "新名字 🌙")
        assert hash_in(server, renamed).startswith("$argon2id$")
        shut_out = (other_password, changed_here, changed_in_both, disabled)
        refused = server.race([login(mobile_of(moved, token), _PASSWORD) for token in shut_out])
        assert [answer.code for answer in refused] == [422] * len(shut_out)
        for token, password in (
            (renamed, _PASSWORD),
            (other_password, _NEWEST),
            (changed_here, _NEWER),
            (changed_in_both, _NEWEST),
        ):
            answer = app.login(mobile_of(moved, token), password, "tinyShop")
            assert answer.code == 200, password
    # Also if somebody enables the member again.
    live = "select count(*) from session where member_id = ? and slot is not null"
    assert server.rows(live, disabled.member["id"]) == [(0,)]
    before = moved.move.everything()
    assert moved.move.run_import().changed_nothing
    assert moved.move.everything() == before
    record(
        "V06",
        tried=f"nine members change there, here or both, and another import "
        f"({server.database_kind})",
        figure=f"what is newer holds; revoked there, refused here after {max(behind):.1f} s",
    )
