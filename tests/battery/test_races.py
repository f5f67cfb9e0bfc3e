"""Rows R on every database: rivals at once, replay, and what a restart may not forget."""

import asyncio
import contextlib
import functools
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from denglu.clock import Clock
from denglu.domain.member import Status
from denglu.flows.administer import Administer
from denglu.flows.ports import Store
from denglu.security.passwords import ArgonPasswords
from denglu.settings import load_settings
from denglu.store.opening import open_store
from tests.battery.client import Client, fresh_address, fresh_mobile, new_member, new_password
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import HOLDERS, PASSWORD, Answer, Server, running
from tests.battery.load import Line
from tests.battery.rivals import (
    clone_members,
    events,
    login,
    member_id,
    only_winner,
    outcomes,
    refresh,
    rounds,
    rounds_told,
    site,
)
from tests.battery.toy import toy_server

MANY_ROUNDS = 200
NEWER = "silver-estuary-91"
# Access tokens older than the last but one are forgotten: token_invalid.
ENDED = ("session_ended", "session_replaced", "refresh_invalid", "token_expired", "token_invalid")
Pair = dict[str, str]
T = TypeVar("T")


def pair_of(answer: Answer) -> Pair:
    """The two tokens of a success."""
    assert answer.code == 200, answer.text
    return {name: answer.data[name] for name in ("access_token", "refresh_token")}


def assert_dead(client: Client, pairs: list[Pair], group: str = "pc") -> None:
    """No token of these pairs is good for anything."""
    for pair in pairs:
        access = client.who_am_i(pair["access_token"])
        again = client.refresh(pair["refresh_token"], group)
        assert (access.code, again.code) == (401, 401), (access.text, again.text)
        assert access.reason in ENDED
        assert again.reason in ENDED
        assert client.verify(pair["access_token"]).data == {"token": False}


def live_sessions(server: Server, mobile: str) -> list[tuple[str, int]]:
    """Group and generation of every live session of a member."""
    found = server.rows(
        "SELECT client_group, generation FROM session WHERE member_id = ? AND slot IS NOT NULL "
        "ORDER BY client_group, id",
        member_id(server, mobile),
    )
    return [(str(group), int(generation)) for group, generation in found]


def generations(server: Server, mobile: str) -> list[int]:
    """How many generations each session of a member has had."""
    sql = "SELECT generation FROM session WHERE member_id = ?"
    return [int(row[0]) for row in server.rows(sql, member_id(server, mobile))]


def members_like(client: Client, count: int) -> list[str]:
    """Numbers of so many members with the usual password, without sessions but the first."""
    first, *others = (fresh_mobile() for _ in range(count))
    client.register(first)
    clone_members(client.server, first, others)
    return [first, *others]


@pytest.fixture(scope="module")
def server(any_server: Server) -> Server:
    """Every row of this module meets every database."""
    return any_server


@pytest.fixture
def unheld() -> Iterator[None]:
    """The toy answers nothing that the API document knows."""
    kept = HOLDERS[:]
    HOLDERS.clear()
    yield
    HOLDERS[:] = kept


@pytest.mark.usefixtures("unheld")
def test_the_race_helper_catches_a_toy_that_reads_and_then_writes(tmp_path: Path) -> None:
    toy = Server(tmp_path)
    with toy_server(toy, sound=False):
        answers = toy.race([site("mobile-login") for _ in range(100)])
        assert outcomes(answers)["OK"] > 1
        with pytest.raises(AssertionError, match="not one winner"):
            only_winner(answers, "bad_code")


@pytest.mark.usefixtures("unheld")
def test_the_race_helper_lets_a_sound_toy_pass(tmp_path: Path) -> None:
    toy = Server(tmp_path)
    with toy_server(toy, sound=True):
        only_winner(toy.race([site("mobile-login") for _ in range(100)]), "bad_code")


@pytest.mark.usefixtures("unheld")
def test_the_broken_toy_is_found_by_rivals_only(tmp_path: Path) -> None:
    toy = Server(tmp_path)
    with toy_server(toy, sound=False):
        only_winner([toy.race([site("mobile-login")])[0] for _ in range(20)], "bad_code")


def test_R01_one_code_many_logins(client: Client, record: Record) -> None:
    """100 mobile-logins at once with the same right code."""
    server, judged = client.server, []
    for mobile in members_like(client, rounds(server)):
        server.advance(61)
        code = client.code_for(mobile, "login")
        who = member_id(server, mobile)
        count = "SELECT count(*) FROM session WHERE member_id = ?"
        sessions, before = server.rows(count, who)[0][0], events(server, "sms_code_compared")
        body = {"mobile": mobile, "code": code, "group": "iOS"}
        answers = server.race([site("mobile-login", body) for _ in range(100)])
        winner = only_winner(answers, "bad_code")
        assert server.rows(count, who)[0][0] == sessions + 1
        assert ("iOS", 1) in live_sessions(server, mobile)
        assert client.who_am_i(winner.data["access_token"]).code == 200
        judged.append(events(server, "sms_code_compared") - before)
    record("R01", tried=f"100 mobile-logins at once with one code, {rounds_told(server)}",
           figure=f"1 success, 99 refused, 1 session each round, {max(judged)} judged")  # fmt: skip


@pytest.mark.parametrize("addresses", [1, 100])
def test_R02_one_mobile_many_registers(client: Client, record: Record, addresses: int) -> None:
    """100 registrations of one number at once."""
    server = client.server
    for _ in range(rounds(server)):
        mobile, ips = fresh_mobile(), [fresh_address() for _ in range(addresses)]
        code = client.code_for(mobile, "register")
        bodies = [new_member(mobile, code, f"{PASSWORD}-{n}") for n in range(100)]
        rivals = [site("register", b, ip=ips[n % addresses]) for n, b in enumerate(bodies)]
        answers = server.race(rivals)
        winner = only_winner(answers, "bad_code", "mobile_taken")
        found = server.rows(
            "SELECT count(*), count(a.id) FROM member m LEFT JOIN member_account a "
            "ON a.member_id = m.id WHERE m.mobile = ?",
            mobile,
        )
        assert found == [(1, 1)]
        assert live_sessions(server, mobile) == [("pc", 1)]
        assert client.who_am_i(winner.data["access_token"]).code == 200
        password = f"{PASSWORD}-{answers.index(winner)}"
        assert client.login(mobile, password, "h5").code == 200
    record("R02", tried=f"100 registrations of one number at once, {addresses} address(es), "
           f"{rounds_told(server)}", figure="1 member, 1 success, no 5xx each round")  # fmt: skip


_KEYS_OF_FILE = """
    SELECT i.name, c.name FROM pragma_index_list(?) i, pragma_index_info(i.name) c
    WHERE i."unique" = 1 ORDER BY i.name, c.seqno
"""
_KEYS_OF_SCHEMA = """
    SELECT k.constraint_name, k.column_name
    FROM information_schema.key_column_usage k JOIN information_schema.table_constraints t
    ON t.constraint_name = k.constraint_name
    AND t.table_name = k.table_name AND t.table_schema = k.table_schema
    WHERE t.table_name = ? AND t.table_schema = {here} AND t.constraint_type = 'UNIQUE'
    ORDER BY k.constraint_name, k.ordinal_position
"""
_HERE = {"postgresql": "current_schema()", "mysql": "database()"}


def _unique_keys(server: Server, table: str) -> set[tuple[str, ...]]:
    kind = server.database_kind
    sql = _KEYS_OF_FILE if kind == "sqlite" else _KEYS_OF_SCHEMA.format(here=_HERE[kind])
    found = itertools.groupby(server.rows(sql, table), key=lambda row: row[0])
    return {tuple(column for _, column in key) for _, key in found}


def test_R02_R09_unique_keys_are_in_the_schema(server: Server) -> None:
    """The database itself forbids two members of a number, and two sessions of a place."""
    members = _unique_keys(server, "member")
    for key in ("username_key", "mobile_key", "email_key"):
        assert ("merchant_id", "type", key) in members
    assert ("member_id", "client_group", "slot") in _unique_keys(server, "session")
    assert ("number_key", "code_usage", "live") in _unique_keys(server, "sms_code")


def test_R03_one_refresh_token_many_refreshes(client: Client, record: Record) -> None:
    """100 refreshes at once, and 100 again after 30 s while the child is unused."""
    server = client.server
    for mobile in members_like(client, rounds(server)):
        old = pair_of(client.login(mobile))
        rivals = [refresh(old["refresh_token"]) for _ in range(100)]
        pairs = [pair_of(answer) for answer in server.race(rivals)]
        assert client.who_am_i(old["access_token"]).code == 200
        server.advance(30)
        assert client.who_am_i(old["access_token"]).reason == "token_expired"
        pairs += [pair_of(answer) for answer in server.race(rivals)]
        assert len({tuple(pair.items()) for pair in pairs}) == 1
        assert pairs[0] != old
        assert live_sessions(server, mobile) == [("pc", 2)]
        assert client.who_am_i(pairs[0]["access_token"]).code == 200
    record("R03", tried=f"100 refreshes at once, and again after 30 s, {rounds_told(server)}",
           figure="200 times one pair, 1 new generation, session alive")  # fmt: skip


def test_R03_old_access_token_after_its_grace(client: Client, record: Record) -> None:
    """The access token of the generation before is good for 10 s, not for longer."""
    mobile = fresh_mobile()
    old = pair_of(client.register(mobile))
    pair_of(client.refresh(old["refresh_token"]))
    rotated = client.server.rows(
        "SELECT rotated_at FROM session WHERE member_id = ?", member_id(client.server, mobile)
    )[0][0]
    client.server.set_now(rotated + 9)
    assert client.who_am_i(old["access_token"]).code == 200
    client.server.set_now(rotated + 10)
    assert client.who_am_i(old["access_token"]).reason == "token_expired"
    record("R03", tried="the old access token after 9 s and 10 s", figure="good, then refused")


def _use_access(client: Client, child: Pair) -> list[Pair]:
    assert client.who_am_i(child["access_token"]).code == 200
    return []


def _use_refresh(client: Client, child: Pair) -> list[Pair]:
    return [pair_of(client.refresh(child["refresh_token"]))]


@pytest.mark.parametrize("use", [_use_access, _use_refresh], ids=["access", "refresh"])
def test_R04_replay_after_the_window(
    client: Client, record: Record, use: Callable[[Client, Pair], list[Pair]]
) -> None:
    """The child was used and 11 s have passed: then the parent is a thief's."""
    server, mobile = client.server, fresh_mobile()
    parent = pair_of(client.register(mobile))
    other = pair_of(client.login(mobile, group="iOS"))
    child = pair_of(client.refresh(parent["refresh_token"]))
    server.advance(3600)
    family = [child, *use(client, child)]
    assert pair_of(client.refresh(parent["refresh_token"])) == family[-1]
    server.advance(11)
    before = events(server, "refresh_reuse")
    replay = client.refresh(parent["refresh_token"])
    assert (replay.code, replay.reason) == (401, "refresh_invalid")
    assert events(server, "refresh_reuse") == before + 1
    ended = client.who_am_i(family[-1]["access_token"])
    assert ended.data["end_reason"] == "reused"
    assert_dead(client, [parent, *family])
    assert client.who_am_i(other["access_token"]).code == 200
    assert client.refresh(other["refresh_token"], "iOS").code == 200
    record("R04", tried="the parent 11 s after its child was used (access, refresh)",
           figure="401, session ended, refresh_reuse written, iOS goes on")  # fmt: skip


def test_R04_rivals_with_a_stolen_parent(client: Client) -> None:
    """100 replays at once end the session once, and give nobody a token."""
    server = client.server
    for mobile in members_like(client, rounds(server)):
        parent = pair_of(client.login(mobile))
        child = pair_of(client.refresh(parent["refresh_token"]))
        _use_access(client, child)
        server.advance(11)
        before = events(server, "refresh_reuse")
        answers = server.race([refresh(parent["refresh_token"]) for _ in range(100)])
        assert set(outcomes(answers)) <= {"refresh_invalid", "session_ended"}
        assert events(server, "refresh_reuse") == before + 1
        assert_dead(client, [child])


def test_R07_refresh_and_logout(client: Client, record: Record) -> None:
    """200 rounds of refreshes and a logout at once."""
    server, rotated = client.server, 0
    (mobile,) = members_like(client, 1)
    for number in range(rounds(server, MANY_ROUNDS)):
        old = pair_of(client.login(mobile))
        rivals = [refresh(old["refresh_token"]) for _ in range(3)]
        rivals.insert(number % 4, site("logout", token=old["access_token"]))
        answers = server.race(rivals)
        logout = answers.pop(number % 4)
        assert logout.code == 200, logout.text
        assert set(outcomes(answers)) <= {"OK", "session_ended"}
        won = [pair_of(answer) for answer in answers if answer.code == 200]
        rotated += bool(won)
        assert_dead(client, [old, *won])
        assert live_sessions(server, mobile) == []
    record("R07", tried=f"3 refreshes and a logout at once, {rounds_told(server, MANY_ROUNDS)}",
           figure=f"no token lived; a refresh came first in {rotated} rounds")  # fmt: skip


class Operator:
    """``denglu member disable`` without a process for each: a second writer on the database,
    who says nothing to the server.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._passwords = ArgonPasswords(workers=1)
        self._store = self._run(self._open())

    async def _open(self) -> Store:
        return open_store(load_settings(self._server.environ(), self._server.folder))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def disable(self, mobile: str) -> None:
        """Returns when it is done and the server knows it."""

        async def work() -> bool:
            administer = Administer(self._store, Clock(), self._passwords)
            member = await administer.find(mobile)
            assert member is not None
            return await administer.set_status(member, Status.disabled)

        assert self._run(work())
        time.sleep(self._server.lag)

    def close(self) -> None:
        """Let go of the file."""
        self._run(self._store.close())
        self._passwords.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def operator(server: Server) -> Iterator[Operator]:
    with contextlib.closing(Operator(server)) as opened:
        yield opened


async def _refresh_until_refused(line: Line, pair: Pair, over: asyncio.Event) -> list[Pair]:
    """A client that never rests: every pair it got, until it was told that it is over."""
    won: list[Pair] = []
    while True:
        late = over.is_set()
        answer = await line.ask(refresh(pair["refresh_token"]))
        if answer.code != 200:
            break
        assert not late, "a refresh was good after the session had ended"
        pair = pair_of(answer)
        won.append(pair)
    assert answer.reason in ENDED, answer.text
    await line.close()
    return won


async def _refreshes_against(
    server: Server, pair: Pair, change: Callable[[], Awaitable[T]]
) -> tuple[list[Pair], T]:
    """Two restless clients of one session against what ends it; the last pairs they got."""
    over = asyncio.Event()
    clients = [
        asyncio.create_task(_refresh_until_refused(Line(server, kept=True), pair, over))
        for _ in range(2)
    ]
    changed = await change()
    over.set()
    won = [await client for client in clients]
    return [pair, *won[0][-2:], *won[1][-2:]], changed


def test_R08_refresh_and_reset_and_disable(
    client: Client, operator: Operator, record: Record
) -> None:
    """200 rounds: refreshes against up-pwd, and then against the operator's disable."""
    server, most = client.server, 0
    for mobile in members_like(client, rounds(server, MANY_ROUNDS)):
        server.advance(61)
        old = pair_of(client.login(mobile))
        reset = site("up-pwd", new_password(mobile, client.code_for(mobile, "up-pwd"), NEWER))
        before, answer = asyncio.run(
            _refreshes_against(server, old, functools.partial(Line(server, kept=False).ask, reset))
        )
        fresh = pair_of(answer)
        assert_dead(client, before)
        assert client.who_am_i(fresh["access_token"]).code == 200

        disable = functools.partial(asyncio.to_thread, operator.disable, mobile)
        before, _ = asyncio.run(_refreshes_against(server, fresh, disable))
        assert_dead(client, before)
        assert live_sessions(server, mobile) == []
        most = max(most, *(generations(server, mobile)))
    record("R08", tried="refreshes without rest against up-pwd, then against disable, "
           f"{rounds_told(server, MANY_ROUNDS)}",
           figure=f"no token lived; up to {most - 1} refreshes came before the end")  # fmt: skip


def test_R08_disabled_by_the_command(client: Client) -> None:
    """`denglu member disable` beside the server ends every session when it returns."""
    server, mobile = client.server, fresh_mobile()
    pairs = [pair_of(client.register(mobile)), pair_of(client.login(mobile, group="iOS"))]
    done = server.cli("member", "disable", mobile)
    assert done.returncode == 0, done.stderr
    time.sleep(server.lag)
    assert_dead(client, pairs[:1])
    assert_dead(client, pairs[1:], "iOS")
    assert client.login(mobile).reason == "bad_credentials"


def test_R09_logins_in_one_group(client: Client, record: Record) -> None:
    """50 logins at once in one group."""
    server, good = client.server, []
    for mobile in members_like(client, rounds(server)):
        answers = server.race([login(mobile, PASSWORD) for _ in range(50)])
        counted = outcomes(answers)
        assert set(counted) <= {"OK", "busy"}
        good.append(counted["OK"])
        pairs = [pair_of(answer) for answer in answers if answer.code == 200]
        checked = [client.who_am_i(pair["access_token"]) for pair in pairs]
        winner = only_winner(checked, "session_replaced")
        newest = server.rows(
            "SELECT id, slot FROM session WHERE member_id = ? ORDER BY id DESC LIMIT 1",
            member_id(server, mobile),
        )
        assert newest[0][1] is not None
        assert live_sessions(server, mobile) == [("pc", 1)]
        last = pairs[checked.index(winner)]
        assert client.refresh(last["refresh_token"]).code == 200
    record("R09", tried=f"50 logins at once in one group, {rounds_told(server)}",
           figure=f"1 live session each round; {min(good)} to {max(good)} logins good")  # fmt: skip


def test_R10_groups_leave_each_other_alone(client: Client, record: Record) -> None:
    """Logins in pc and iOS in turn, and at once."""
    server = client.server
    (mobile,) = members_like(client, 1)
    last: dict[str, Pair] = {}
    for number in range(rounds(server)):
        group = ("pc", "iOS")[number % 2]
        last[group] = pair_of(client.login(mobile, group=group))
        for pair in last.values():
            assert client.who_am_i(pair["access_token"]).code == 200
    rivals = [login(mobile, PASSWORD, ("pc", "iOS")[n % 2]) for n in range(20)]
    answers = server.race(rivals)
    assert set(outcomes(answers)) <= {"OK", "busy"}
    for start in (0, 1):
        pairs = [pair_of(answer) for answer in answers[start::2] if answer.code == 200]
        checked = [client.who_am_i(pair["access_token"]) for pair in pairs]
        only_winner(checked, "session_replaced")
    assert live_sessions(server, mobile) == [("iOS", 1), ("pc", 1)]
    record("R10", tried=f"{rounds(server)} logins in pc and iOS in turn, then 20 at once",
           figure="both live after each")  # fmt: skip


def test_R11_one_code_many_resets(client: Client, record: Record) -> None:
    """50 up-pwd at once with one code and 50 passwords."""
    server = client.server
    for mobile in members_like(client, rounds(server)):
        server.advance(61)
        code = client.code_for(mobile, "up-pwd")
        passwords = [f"{NEWER}-{n}" for n in range(50)]
        bodies = [new_password(mobile, code, password) for password in passwords]
        answers = server.race([site("up-pwd", body) for body in bodies])
        winner = answers.index(only_winner(answers, "bad_code"))
        assert client.login(mobile, passwords[winner - 1], "h5").reason == "bad_credentials"
        assert client.login(mobile, passwords[winner], "h5").code == 200
        assert client.login(mobile, PASSWORD, "h5").reason == "bad_credentials"
        assert live_sessions(server, mobile) == [("h5", 1), ("pc", 1)]
    record("R11", tried=f"50 up-pwd at once with one code and 50 passwords, {rounds_told(server)}",
           figure="1 success each round, the stored hash is the winner's")  # fmt: skip


# No account can be stored, until the trigger is gone.
_FAULT = {
    "sqlite": (
        "CREATE TRIGGER fault BEFORE INSERT ON member_account "
        "BEGIN SELECT RAISE(ABORT, 'injected fault'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RAISE EXCEPTION ''injected fault''; END'",
        "CREATE TRIGGER fault BEFORE INSERT ON member_account EXECUTE FUNCTION fault()",
    ),
    "mysql": (
        "CREATE TRIGGER fault BEFORE INSERT ON member_account "
        "FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'injected fault'",
    ),
}


def test_R12_database_error_after_the_code_was_judged(
    tmp_path: Path, kind: str, database_for: DatabaseFor, record: Record
) -> None:
    """The member cannot be stored: then the code is not used up, and nothing is half done."""
    with (
        running(tmp_path, trusted_proxies="127.0.0.1", **database_for(kind)) as server,
        Client(server) as client,
    ):
        server.expected.append("injected fault")
        mobile = fresh_mobile()
        code = client.code_for(mobile, "register")
        for statement in _FAULT[kind]:
            server.rows(statement)
        for _ in range(3):
            failed = client.site("register", new_member(mobile, code))
            assert (failed.code, failed.reason) == (500, "internal")
            assert "fault" not in failed.text
        assert server.rows("SELECT count(*) FROM member") == [(0,)]
        on_table = " ON member_account" if kind == "postgresql" else ""
        server.rows(f"DROP TRIGGER fault{on_table}")
        assert client.site("register", new_member(mobile, code)).code == 200
        assert client.site("register", new_member(mobile, code)).reason == "bad_code"
    record("R12", tried="register with a database error after the code was judged, 3 times",
           figure="internal, no half member; the code is good afterwards")  # fmt: skip


def test_R12_taken_number_does_not_burn_the_code(client: Client, record: Record) -> None:
    """The number is taken: the code stays good until a success uses it up."""
    server, mobile = client.server, fresh_mobile()
    client.register(mobile)
    server.advance(61)
    code = client.code_for(mobile, "register")
    refused = [client.site("register", new_member(mobile, code)).reason for _ in range(8)]
    assert refused == ["mobile_taken"] * 8
    assert server.cli("member", "delete", mobile, "--yes").returncode == 0
    assert client.site("register", new_member(mobile, code)).code == 200
    record("R12", tried="a right code for a taken number, 8 times",
           figure="mobile_taken; good once the number is free")  # fmt: skip


@pytest.mark.parametrize("end", ["restart", "kill -9"])
def test_R14_restart_amnesia(
    tmp_path: Path, kind: str, database_for: DatabaseFor, record: Record, end: str
) -> None:
    """Reuse, counters and cooldowns outlive the process."""
    mobile, ip = fresh_mobile(), fresh_address()
    with running(tmp_path, trusted_proxies="127.0.0.1", **database_for(kind)) as server:
        with Client(server) as client:
            parent = pair_of(client.register(mobile))
            child = pair_of(client.refresh(parent["refresh_token"]))
            _use_access(client, child)
            failures = [client.login(mobile, NEWER, ip=ip).reason for _ in range(5)]
            assert failures == ["bad_credentials"] * 5
            server.advance(61)
            code = client.code_for(mobile, "login")
            wrong = {"mobile": mobile, "code": f"{(int(code) + 1) % 10**6:06d}", "group": "pc"}
            for _ in range(3):
                assert client.site("mobile-login", wrong).reason == "bad_code"
        if end == "restart":
            assert server.stop() == 0
        else:
            server.kill()
        server.start()
        with Client(server) as client:
            again = client.site("sms-code", {"mobile": mobile, "usage": "login"})
            assert again.reason == "sms_too_frequent"
            assert client.login(mobile, ip=ip).reason == "too_many_attempts"
            for _ in range(2):
                assert client.site("mobile-login", wrong).reason == "bad_code"
            assert client.site("mobile-login", wrong | {"code": code}).reason == "bad_code"
            assert events(server, "sms_code_compared") == 1 + 5
            assert client.who_am_i(child["access_token"]).code == 200
            assert client.refresh(parent["refresh_token"]).code == 401
            assert events(server, "refresh_reuse") == 1
            assert_dead(client, [parent, child])
    record("R14", tried="rotated parent, 5 wrong passwords, 3 wrong codes, cooldown; then an end",
           figure=f"{end}: reuse found, all counts kept")  # fmt: skip
