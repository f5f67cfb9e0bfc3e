"""Row F13: a database full of members is migrated while its servers go on."""

import asyncio
import contextlib
import itertools
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import pytest
from argon2 import PasswordHasher

from denglu.store.migrate import HEAD
from tests.battery.client import fresh_mobile
from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Answer, Raw, Server
from tests.battery.load import Line, quantile
from tests.battery.rivals import login, refresh
from tests.servers.fixtures import installed
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.store.earlier import bring_file_to, differences, migrate_to, transaction, until

# Every tenth member came with a bcrypt hash from elsewhere.
_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(PASSWORD)
_BCRYPT = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
# Half of them use each server, where together they ask fifty times a second.
_SHOPPERS, _REQUESTS, _RATE = 40, 100, 50
_EVERY = _SHOPPERS / 2 / _RATE
_SMALL = pytest.param(1_000, 0, id="small")
_WHOLE = pytest.param(100_000, 5, id="whole", marks=pytest.mark.measured)

# At the migration's change of the table of sessions, in its own words to the server.
_CHANGING = {
    "postgresql": "select pid from pg_stat_activity where query like 'CREATE INDEX CONCURRENTLY%'"
    " and state = 'active'",
    "mysql": "select id from information_schema.processlist where info like 'ALTER TABLE session%'",
}


@contextmanager
def durable(kind: str) -> Iterator[PostgresServer | MariadbServer]:
    """A database server of the test's own that keeps what it has promised."""
    if kind == "postgresql":
        with installed(lambda: PostgresServer(durable=True)) as postgres:
            yield postgres
    else:
        with installed(lambda: MariadbServer(durable=True)) as mariadb:
            yield mariadb


def fill(server: Server, members: int) -> None:
    """So many members, a session of each in two groups, every fourth of them ended."""
    numbers = {
        "postgresql": f"generate_series(1, {members}) AS n(seq)",
        "mysql": f"seq_1_to_{members}",
        "sqlite": f"(WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n "
        f"WHERE seq < {members}) SELECT seq FROM n) AS numbers",
    }[server.database_kind]
    name = "'m' || seq" if server.database_kind != "mysql" else "concat('m', seq)"
    server.rows(
        "insert into member (username, username_key, tree, password_hash, legacy_hash) "
        f"select {name}, {name}, '', case when seq % 10 = 0 then '{_BCRYPT}' else '{_ARGON2}' end, "
        f"case when seq % 10 = 0 then 1 end from {numbers}"
    )
    server.rows(f"insert into member_account (member_id) select seq from {numbers}")
    soon = int(time.time()) + 86400
    for group in ("h5", "wechatMini"):
        server.rows(
            "insert into session (member_id, client_group, nonce, refresh_expires_at, "
            "absolute_expires_at, slot, ended_at) "
            f"select seq, '{group}', '0123456789abcdef', {soon} + seq, {soon} + seq, "
            f"case when seq % 4 > 0 then 1 end, case when seq % 4 = 0 then {soon} - 90000 end "
            f"from {numbers}"
        )


@dataclass
class Load:
    """Members who log in, ask and refresh, at a rate that slow answers do not change."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    answers: list[Answer] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    wanted: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    begun: float = 0.0
    lasted: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second, over all the time and both servers."""
        return len(self.answers) / self.lasted

    def begin(self, server: Server, names: Iterable[str]) -> None:
        """Let these members use a server, from now on, one after the other."""
        now = time.perf_counter()
        self.begun = self.begun or now
        self.tasks += [
            asyncio.create_task(self._shop(server, name, now + number / _RATE))
            for number, name in enumerate(names)
        ]

    async def more(self, requests: int) -> None:
        """Wait until so many more have been answered."""
        self.wanted = len(self.answers) + requests
        self.enough.clear()
        enough = asyncio.create_task(self.enough.wait())
        await asyncio.wait([enough, *self.tasks], return_when=asyncio.FIRST_COMPLETED)
        enough.cancel()

    async def end(self) -> None:
        """Stop all of them. Raises what went wrong for any."""
        self.stop.set()
        self.lasted = time.perf_counter() - self.begun
        await asyncio.gather(*self.tasks)

    async def _shop(self, server: Server, name: str, due: float) -> None:
        line, times = Line(server, kept=True), itertools.count(due, _EVERY)
        try:
            while not self.stop.is_set():
                pair = (await self._ask(line, login(name, PASSWORD), next(times))).data
                for _ in range(3):
                    look = Raw("/v1/member/member/index", token=pair["access_token"], method="GET")
                    await self._ask(line, look, next(times))
                    again = refresh(pair["refresh_token"])
                    pair = (await self._ask(line, again, next(times))).data
        finally:
            await line.close()

    async def _ask(self, line: Line, request: Raw, due: float) -> Answer:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), max(0.0, due - time.perf_counter()))
        answer = await line.ask(request)
        assert answer.code == 200, answer.text
        self.answers.append(answer)
        if len(self.answers) >= self.wanted:
            self.enough.set()
        if request.method == "POST":
            self.writes.append(answer.seconds)
        return answer


def start_migrating(server: Server) -> subprocess.Popen[bytes]:
    """``denglu migrate``, to be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "denglu", "migrate"],
        env=server.environ(),
        cwd=server.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_at_the_change(server: Server) -> None:
    """kill -9 while the table of sessions is being changed, which a long transaction holds up."""
    change = _CHANGING[server.database_kind]
    with transaction(server.database_url, "SELECT count(*) FROM session"):
        migration = start_migrating(server)
        until(lambda: server.rows(change))
        if server.database_kind == "mysql":  # it lets those go first who came after it
            until(lambda: not server.rows(change))
            until(lambda: server.rows(change))
        migration.kill()
        migration.wait()


def kill_after(server: Server, seconds: float) -> bool:
    """kill -9 after so long; whether it was still at it."""
    migration = start_migrating(server)
    try:
        migration.wait(seconds)
    except subprocess.TimeoutExpired:
        migration.kill()
    return migration.wait() != 0


async def scene(old: Server, new: Server, kills: int) -> tuple[Load, int, list[str]]:
    """Load on a server that was there before, and on one that comes in the middle of it.

    Gives the load, how many migrations were killed, and what the last two said.
    """
    load = Load()
    names = (f"m{number}" for number in itertools.count(10, 5))
    load.begin(old, itertools.islice(names, _SHOPPERS // 2))
    await load.more(_SHOPPERS)
    await asyncio.to_thread(kill_at_the_change, old)
    killed = 1
    await asyncio.to_thread(new.start)
    load.begin(new, itertools.islice(names, _SHOPPERS // 2))
    for turn in range(kills):
        killed += await asyncio.to_thread(kill_after, old, 0.4 + turn * 0.15)
    said = [(await asyncio.to_thread(old.cli, "migrate")).stdout for _ in range(2)]
    await load.more(_REQUESTS)
    await load.end()
    return load, killed, said


@pytest.mark.parametrize(("members", "kills"), [_SMALL, _WHOLE])
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_F13_a_migration_under_load_is_killed_and_run_again(
    tmp_path: Path, record: Record, kind: str, members: int, kills: int
) -> None:
    """Old and new servers answer everything that both know, whenever the migration is killed.

    The old one is this version on the old schema. It uses nothing that the migrations make but for
    two calls, which are busy until then.
    """
    with durable(kind) as database:
        url = database.create_database()
        migrate_to(url, "0001")
        old, new = (Server(tmp_path / name, settings(url)) for name in ("old", "new"))
        with kept(old, new):
            fill(old, members)
            old.start()
            token = old.login("m7").data["access_token"]
            # Later versions' tables are not there yet.
            assert deletion(old, token) == sms_code(old) == 503
            load, killed, said = asyncio.run(scene(old, new, kills))
            assert "run `denglu migrate`" in old.log
            assert f"is current (revision {HEAD})" in said[1]
            assert deletion(old, token) == deletion(new, token) == 200
            assert sms_code(old) == sms_code(new) == 200
            rehashed = len([n for n in range(10, 10 + 5 * _SHOPPERS, 5) if n % 10 == 0])
            imported = f"select count(*) from member where password_hash = '{_BCRYPT}'"
            assert old.rows(imported) == [(members // 10 - rehashed,)]
            sessions = "select count(*) from session where client_group in ('h5', 'wechatMini')"
            assert old.rows(sessions) == [(2 * members,)]
            old.restart()
            assert old.login("m7").code == 200
        assert differences(url) == []
    record(
        "F13",
        tried=f"{kind}: {members} members, {2 * members} sessions; denglu migrate under load, "
        f"killed -9 {killed} times, run again, run twice; servers before and after",
        figure=f"{load.rate:.0f} requests a second, {len(load.answers)} in all, 0 failed; "
        f"slowest write "
        f"{max(load.writes) * 1000:.0f} ms, p99 {quantile(load.writes, 0.99):.0f} ms",
    )


def deletion(server: Server, token: str) -> int | None:
    """What is answered about something that an earlier version does not know."""
    return server.call("GET", "/v1/member/cancel", token=token).code


def sms_code(server: Server) -> int | None:
    """The same for the version after that."""
    body = {"mobile": fresh_mobile(), "usage": "login"}
    return server.call("POST", "/v1/site/sms-code", body).code


def settings(url: str) -> dict[str, str]:
    """Of both servers."""
    return {
        "DENGLU_DATABASE_URL": url,
        "DENGLU_SECRET_KEY": "a key that all of them share, as they must",
        "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
        # A machine that is busy with other things is not what this is about.
        "DENGLU_HASH_DEADLINE": "10",
    }


@contextmanager
def kept(*servers: Server) -> Iterator[None]:
    """Folders for servers; whichever was started is stopped, and none has logged trouble."""
    for server in servers:
        server.folder.mkdir(exist_ok=True)
    try:
        yield
    finally:
        for server in servers:
            server.close()
            server.stop()
    for server in servers:
        assert not server.troubles(), server.troubles()[:5]


@pytest.mark.parametrize(("members", "kills"), [_SMALL, _WHOLE])
def test_F13_a_file_is_migrated_while_its_server_starts(
    tmp_path: Path, record: Record, members: int, kills: int
) -> None:
    """An SQLite file has one server: the pause is its start."""
    server = Server(tmp_path)
    bring_file_to(server.database, "0001")
    fill(server, members)
    killed = sum(kill_after(server, 0.4 + turn * 0.1) for turn in range(kills))
    begun = time.perf_counter()
    with kept(server):
        server.start()
        seconds = time.perf_counter() - begun
        assert server.login("m10").code == server.login("m11").code == 200
        assert "is current" in server.cli("migrate").stdout
        assert server.rows("select count(*) from member") == [(members,)]
        assert server.rows("select count(*) from session where client_group <> 'pc'") == [
            (2 * members,)
        ]
    record(
        "F13",
        tried=f"sqlite: {members} members, {2 * members} sessions; serve migrates at its start",
        figure=f"{killed} migrations killed -9 before; ready after {seconds:.1f} s",
    )
