"""Row F07: somebody else holds the database, for longer than anybody waits."""

import contextlib
import itertools
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.battery.client import Client, fresh_mobile, new_member
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import PASSWORD, Answer, Raw, Server, running
from tests.battery.load import quantile
from tests.battery.machine import threads_of
from tests.battery.rivals import login, refresh, site
from tests.battery.shoppers import halves, missing
from tests.battery.test_database_faults import acknowledged, shopping, until
from tests.store.earlier import transaction

_SITE = {"trusted_proxies": "127.0.0.1", "sms_site_rates": "100000/24h"}
_HELD = [3.0, pytest.param(10.0, marks=pytest.mark.measured)]
# Threads that a server makes at its first use of them: for hashes and the outbox.
_SPARE_THREADS = 8
# What opening, refreshing and ending a session needs, and a token check does not. One table:
# whoever takes two while others write may wait for them, and they for him.
_LOCKS = {
    "postgresql": "LOCK TABLE session IN EXCLUSIVE MODE",
    "mysql": "LOCK TABLES session READ",
}
_HOLDER = """
import sys, apsw
db = apsw.Connection(sys.argv[1])
db.set_busy_timeout(10_000)
db.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held(server: Server) -> Iterator[None]:
    """Another process has the database for itself."""
    if server.database_kind != "sqlite":
        with transaction(server.database_url, _LOCKS[server.database_kind]):
            yield
        return
    words = [sys.executable, "-c", _HOLDER, str(server.database)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.stdin.close()
        assert holder.wait(10) == 0


class Reader(threading.Thread):
    """Checks tokens all the time: one that is remembered, and one that was never seen."""

    def __init__(self, server: Server, tokens: list[str]) -> None:
        super().__init__()
        self._server = server
        self._tokens = tokens
        self.answers: list[Answer] = []
        self.stop = threading.Event()

    def run(self) -> None:
        """Until told to stop."""
        with Client(self._server) as client:
            for token in itertools.cycle(self._tokens):
                begun = time.perf_counter()
                answer = client.who_am_i(token)
                answer.seconds = time.perf_counter() - begun
                self.answers.append(answer)
                if self.stop.wait(0.02):
                    return


@dataclass
class Held:
    """What came of writes while the database was held."""

    told: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    threads: int = 0

    def write(self, server: Server, writes: list[Raw]) -> None:
        """All at once."""
        answers = server.race(writes)
        assert server.process is not None
        self.threads = max(self.threads, threads_of(server.process.pid))
        self.told.update(f"{answer.code} {answer.reason}" for answer in answers)
        self.waits += [answer.seconds for answer in answers]


def every_write(pairs: list[dict[str, str]], mobile: str, newcomer: dict[str, object]) -> list[Raw]:
    """Requests that must write, each for itself."""
    return [
        *(refresh(pair["refresh_token"]) for pair in pairs),
        *(site("logout", token=pair["access_token"]) for pair in pairs),
        *(login(mobile, PASSWORD, "h5") for _ in pairs),
        site("register", newcomer),
    ]


@pytest.mark.parametrize("seconds", _HELD)
def test_F07_a_locked_database_is_busy_and_reads_go_on(
    tmp_path: Path, kind: str, database_for: DatabaseFor, record: Record, seconds: float
) -> None:
    """Writes wait a little and are busy; token checks go on; nothing piles up."""
    with running(tmp_path, **_SITE, **database_for(kind)) as server, Client(server) as client:
        assert server.process is not None
        pairs = [client.register(mobile := fresh_mobile()).data for _ in range(10)]
        newcomer = new_member(other := fresh_mobile(), client.code_for(other, "register"))
        writes = every_write(pairs, mobile, newcomer)
        if kind == "sqlite":  # which has one lock for all
            writes += [site("sms-code", {"mobile": fresh_mobile(), "usage": "login"})]
        reader, seen = Reader(server, [pair["access_token"] for pair in pairs]), Held()
        with shopping(server) as shoppers:
            until(lambda: acknowledged(shoppers) > 20)
            before = threads_of(server.process.pid)
            reader.start()
            with held(server):
                end = time.perf_counter() + seconds
                while time.perf_counter() < end:
                    seen.write(server, writes)
            reader.stop.set()
            reader.join()
            done = acknowledged(shoppers)
            until(lambda: acknowledged(shoppers) > done + 40)
        assert set(seen.told) == {"503 busy"}, seen.told
        checks = [answer.seconds for answer in reader.answers if answer.code == 200]
        # On a network database reads share the connections that writes wait on.
        assert kind != "sqlite" or len(checks) == len(reader.answers)
        assert {answer.reason for answer in reader.answers} <= {None, "busy"}
        assert seen.threads <= before + _SPARE_THREADS
        # What was refused was not done: all of it is still to be had.
        assert client.site("register", newcomer).code == 200
        assert {client.refresh(pair["refresh_token"]).code for pair in pairs} == {200}
        assert missing(server, [life for s in shoppers for life in s.lives]) == []
        assert halves(server) == {}
    record("F07", tried=f"{kind}: another process holds the database for {seconds:.0f} s",
           figure=f"{seen.told.total()} writes busy, slowest after {max(seen.waits):.1f} s; "
           f"{len(checks)} of {len(reader.answers)} checks OK, p99 "
           f"{quantile(checks, 0.99):.0f} ms; "
           f"{before} threads before, {seen.threads} at the most")  # fmt: skip
