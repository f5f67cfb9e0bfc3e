"""A shop moves from RageFrame to denglu with everybody in it (rows V)."""

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from tests.battery.client import Client, fresh_address
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import Answer, Raw, Server
from tests.battery.rivals import outcomes
from tests.importing.expectation import Expectation
from tests.importing.moving_in import MOUNTS, Imported, Move, rageframe_on
from tests.importing.shop import (
    ACCESS_LIFE,
    MEMBER,
    MERCHANT_USER,
    PASSWORDS,
    LiveToken,
    Row,
    Shop,
    grown_shop,
    hash_of,
)
from tests.servers.mariadb import MariadbServer

_KINDS = ("sqlite", "postgresql", "mysql")
_FEW = (10_000, 2_000)
# More than what is brought at a time.
_TWO_BATCHES = (5_000, 500)
_WHOLE = (100_000, 20_000)
_SITE = {
    "DENGLU_WIRE": "rageframe",
    "DENGLU_MOUNTS": ",".join(MOUNTS),
    "DENGLU_PLUGINS": "merchant",
    # One that only this shop has.
    "DENGLU_GROUPS": "oldKiosk:自助机",
    "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
}


@dataclass
class Moved:
    """A shop, and the move that was made of it."""

    shop: Shop
    expected: Expectation
    move: Move
    imported: Imported
    given: set[int] = field(default_factory=set)

    @property
    def server(self) -> Server:
        return self.move.server

    def tokens(self, count: int, good: Callable[[LiveToken], bool]) -> list[LiveToken]:
        """So many live tokens of a kind that no test has had, each the only one of its member."""
        of = Counter(token.member["id"] for token in self.shop.live)
        free = (t for t in self.shop.live if of[t.member["id"]] == 1 and id(t) not in self.given)
        found = list(itertools.islice(filter(good, free), count))
        assert len(found) == count
        self.given |= set(map(id, found))
        return found


@pytest.fixture(scope="module", params=_KINDS)
def moved(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    mariadb_server: MariadbServer,
    database_for: DatabaseFor,
) -> Iterator[Moved]:
    """A small shop after its move, and the server that took over."""
    folder = tmp_path_factory.mktemp("moved")
    with rageframe_on(mariadb_server) as source:
        move = Move(source, denglu_in(folder, database_for(request.param)))
        moved = brought(move, *_FEW)
        move.server.start()
        try:
            yield moved
        finally:
            code = move.server.stop()
            move.server.close()
    assert code == 0, move.server.log[-2000:]
    assert not move.server.troubles(), move.server.troubles()[:5]


def denglu_in(folder: Path, database: dict[str, str]) -> Server:
    """A denglu with its tables, which is not started."""
    settings = {f"DENGLU_{name.upper()}": value for name, value in database.items()}
    server = Server(folder, settings | _SITE)
    server.migrate()
    return server


def brought(move: Move, members: int, live_tokens: int) -> Moved:
    """Fill the source, and import it."""
    shop = grown_shop(members, live_tokens, int(time.time()), version=move.source.version)
    shop.move_in(move.source)
    imported = move.run_import()
    return Moved(shop, Expectation(shop), move, imported)


def test_V01_everything_is_brought_to_the_last_cent(moved: Moved, record: Record) -> None:
    moved.move.check(moved.expected)
    check_sums(moved)
    tell_speed(moved, record)


def tell_speed(moved: Moved, record: Record) -> None:
    members = len(moved.shop.members)
    pace = members / moved.imported.seconds * 60
    record(
        "V01",
        tried=f"{members:,} members and {len(moved.shop.tokens):,} rows of tokens into "
        f"{moved.server.database_kind}",
        figure=f"every value agrees, {moved.imported.seconds:.1f} s: {pace:,.0f} members a minute",
    )


def check_sums(moved: Moved) -> None:
    """What the two databases say themselves: amounts there, hundredths here."""
    money = ("user_money", "accumulate_money", "give_money", "consume_money", "frozen_money",
             "consume_integral", "economize_money", "accumulate_drawn_money")  # fmt: skip
    points = ("user_integral", "accumulate_integral", "give_integral", "user_growth")
    source, prefix = moved.move.source, moved.move.source.prefix
    names = ", ".join(f"sum({name})" for name in (*money, *points))
    first = f"select min(id) from {prefix}member_account group by member_id"
    brought = f"select id from {prefix}member where type in ({MEMBER}, {MERCHANT_USER})"
    (theirs,) = source.sql(
        f"select {names} from {prefix}member_account where id in ({first}) "
        f"and member_id in ({brought})"
    )
    (ours,) = moved.server.rows(f"select {names} from member_account")
    factors = [100] * len(money) + [1] * len(points)
    amounts = [a * factor for a, factor in zip(theirs, factors, strict=True)]
    assert amounts == list(ours)
    assert any(amounts)


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


def is_fresh(token: LiveToken) -> bool:
    """Whether its access token is good for long enough to be tried."""
    return token.made_at + ACCESS_LIFE > time.time() + 600


def is_over(token: LiveToken) -> bool:
    """Whether only its refresh token is good."""
    return token.made_at + ACCESS_LIFE <= time.time()


def refreshed(app: Client, token: str, group: str | None, mount: str = "") -> Answer:
    """The next pair, as an app asks for it."""
    body = {"refresh_token": token} | ({} if group is None else {"group": group})
    return app.call("POST", f"{mount}/v1/site/refresh", body)


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
        answers = moved.server.race([_refresh(token) for _ in range(30)])
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


def _refresh(token: LiveToken) -> Raw:
    body = {"refresh_token": token.refresh, "group": token.group}
    return Raw("/v1/site/refresh", body, headers={"X-Forwarded-For": fresh_address()})


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
    with Client(moved.server) as app:
        for name in ("username", "mobile", "email"):
            member_id = _somebody(moved, name, same)
            typed = moved.expected.members[member_id][name]
            assert app.login(typed, "!" + password).code == 422
            assert _stored(moved, member_id) == (same, 1)
            first = app.login(typed, password, group="tinyShop")
            assert (first.code, first.data["member"]["id"]) == (200, member_id)
            now_stored, legacy = _stored(moved, member_id)
            assert now_stored.startswith("$argon2id$")
            assert legacy is None
            again = app.login(typed, password, group="h5")
            assert again.data["member"]["id"] == member_id
            assert _stored(moved, member_id)[0] == now_stored


def _somebody(moved: Moved, name: str, stored: str) -> int:
    """A member of the site who has this name and no session, and has not logged in here."""
    inside = {token.member["id"] for token in moved.shop.live}
    return next(
        row["id"]
        for row in moved.expected.members.values()
        if row[f"{name}_key"]
        and row["id"] not in inside
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
    names = {
        (name, row[f"{name}_key"]): row
        for row in moved.expected.members.values()
        for name in ("username", "mobile", "email")
        if _is_of_site(row) and row[f"{name}_key"]
    }
    tried = 0
    with Client(moved.server) as app:
        for member_id, name in sorted(moved.expected.losers):
            loser = moved.expected.members[member_id]
            own = next(row for row in moved.shop.members if row["id"] == member_id)
            typed = str(own[name])
            winner = names.get((name, typed.strip().casefold()))
            if tried == 3 or not _is_of_site(loser) or winner is None:
                continue
            tried += 1
            for password, cost in PASSWORDS:
                answer = app.login(typed, password)
                may = winner["password_hash"] == hash_of(password, cost) and winner["status"] == 1
                assert answer.code == (200 if may else 422)
                if may:
                    assert answer.data["member"]["id"] == winner["id"]
    assert tried


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


@pytest.mark.parametrize("kind", _KINDS)
def test_V05_an_import_that_is_killed_goes_on_and_another_changes_nothing(
    kind: str,
    tmp_path: Path,
    mariadb_server: MariadbServer,
    database_for: DatabaseFor,
    record: Record,
) -> None:
    with rageframe_on(mariadb_server) as source:
        move = Move(source, denglu_in(tmp_path, database_for(kind)))
        shop = grown_shop(*_TWO_BATCHES, int(time.time()))
        shop.move_in(source)
        before = move.everything()
        move.run_import("--dry-run")
        assert move.everything() == before
        kills = [_killed_at(move, table) for table in ("member", "member_account", "session")]
        move.run_import()
        move.check(Expectation(shop))
        after = move.everything()
        again = move.run_import()
        assert again.changed_nothing
        assert move.everything() == after
        move.server.close()
    record("V05", tried=f"kill -9 in the middle of {sum(kills)} imports into {kind}, then again",
           figure=f"all there once; another run changes nothing, in {again.seconds:.1f} s",
    )  # fmt: skip


def _killed_at(move: Move, table: str) -> bool:
    """Kill an import as soon as there are rows in a table."""
    process = move.start_import()
    rows = int(move.server.rows(f"select count(*) from {table}")[0][0])
    while process.poll() is None:
        if int(move.server.rows(f"select count(*) from {table}")[0][0]) > rows:
            process.kill()
            break
    was_killed = process.wait() < 0
    process.communicate()
    return was_killed


@pytest.mark.release
@pytest.mark.parametrize("kind", _KINDS)
def test_V01_a_hundred_thousand_members(
    kind: str,
    tmp_path: Path,
    mariadb_server: MariadbServer,
    database_for: DatabaseFor,
    record: Record,
) -> None:
    with rageframe_on(mariadb_server) as source:
        moved = brought(Move(source, denglu_in(tmp_path, database_for(kind))), *_WHOLE)
        moved.move.check(moved.expected)
        check_sums(moved)
        tell_speed(moved, record)
        before = moved.move.everything()
        assert moved.move.run_import().changed_nothing
        assert moved.move.everything() == before
        moved.server.close()


def test_V01_version_two_is_brought_as_well(
    tmp_path: Path, mariadb_server: MariadbServer, database_for: DatabaseFor
) -> None:
    with rageframe_on(mariadb_server, version=2) as source:
        moved = brought(Move(source, denglu_in(tmp_path, database_for("sqlite"))), 2_000, 400)
        moved.move.check(moved.expected)
