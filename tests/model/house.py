"""The server that is held to the model, and everything that can be read beside it.

One server serves many examples: each has numbers, addresses and members of its own, and begins
days after the one before it, so that they share no limit.
"""

import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
from click.testing import CliRunner

from denglu.cli.entry import denglu
from tests.battery.harness import Answer, Server, read_answer, running
from tests.model.limits import DAY
from tests.openapi_holder import check_answer
from tests.servers.redis import RedisServer
from tests.servers.tree import signal_tree

BLUR = 2
"""A request may take so many seconds; nothing that is promised changes around it."""

MARK = "Zeisig-7291"
"""Stands in every password."""

# Asked for again and again by one connection, a server with several processes would answer
# with one of them.
_LINES = 3
# What is written of a request beside what it was about; any six digits may stand in here.
_BY_ITSELF = re.compile(r'"(time|request_id)":"[^"]*"|"duration_ms":[0-9.e-]+')
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
_SIX_DIGITS = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")


class Stalled(Exception):
    """The machine stood still for so long that nobody can say what should be true."""


class House:
    """See the module's docstring. Use ``at_home(...)`` to get one."""

    def __init__(self, server: Server, redis: RedisServer | None = None) -> None:
        self.server = server
        self.redis = redis
        self.stalls = 0
        # How often what was said.
        self.said: Counter[str] = Counter()
        self.now = server.now()
        self._machine_shift = 0
        self._written: tuple[int, int, int] | None = None
        self._lines: list[http.client.HTTPConnection] = []
        self._turns = itertools.count()
        self._people = itertools.count(1)
        self._read = dict.fromkeys(("log", "outbox"), 0)
        self._audit = 0
        self._held: set[tuple[object, ...]] = set()
        self._db: apsw.Connection | None = None
        self._commands = CliRunner(env=self._command_environ())

    # People

    def begin(self) -> None:
        """A new example, in which nothing of the one before matters any more."""
        self.set_machine_clock_back(0)
        self.now += 2 * DAY
        self.hang_up()

    def fresh_number(self) -> str:
        """A number that nobody has used, and that is masked like no other one."""
        person = next(self._people)
        head, tail = divmod(person, 10_000)
        return f"1{30 + head % 70}{person % 7919:04d}{tail:04d}"

    def fresh_address(self) -> str:
        """An address that nobody has used."""
        person = next(self._people)
        return f"10.{person >> 16 & 255}.{person >> 8 & 255}.{person & 255}"

    # Time

    def hold(self) -> int:
        """Make it ``now`` at the server, whatever second the machine has; returns that one."""
        second = int(time.time())
        wanted = second, self.now, self._machine_shift
        if wanted != self._written:
            new = self.server.folder / "clock.new"
            new.write_text(f"{self.now - second} {self._machine_shift}".removesuffix(" 0"))
            new.replace(self.server.folder / "clock")
            self._written = wanted
        return second

    def set_machine_clock_back(self, seconds: int) -> None:
        """What an operator does to the machine: members must not notice."""
        self._machine_shift = -seconds

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        second = self.hold()
        yield
        if int(time.time()) - second > BLUR:
            self.stalls += 1
            raise Stalled

    # What can be done to it

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        token: str | None = None,
        address: str,
        merchant: str = "",
    ) -> Answer:
        """One request; its answer is one that the API document knows."""
        headers = {"X-Forwarded-For": address, "merchant-id": merchant}
        if token is not None:
            headers["X-Api-Key"] = token
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        with self._in_time():
            line = self._line()
            line.request(method, path, content, headers)
            received = line.getresponse()
            text = received.read().decode()
        answer = read_answer(received.status, dict(received.getheaders()), text)
        self.said[f"{path.rpartition('/')[2]}: {answer.reason or answer.code}"] += 1
        self._hold_to_document(method, path, answer)
        return answer

    def command(self, *words: str) -> None:
        """A command of denglu beside the server; it succeeds."""
        with self._in_time():
            done = self._commands.invoke(denglu, words)
        assert done.exit_code == 0, f"denglu {' '.join(words)}: {done.output} {done.exception!r}"

    def restart(self) -> None:
        """Stop and start."""
        self.hang_up()
        self.hold()
        self.server.restart()

    def crash(self) -> None:
        """kill -9 and start."""
        self.hang_up()
        self.hold()
        assert self.server.process is not None
        signal_tree(self.server.process.pid, signal.SIGKILL)  # all of its processes at once
        self.server.kill()
        self.server.start()

    def drop_redis(self) -> None:
        """Redis dies with everything it knew, and comes back; nothing where there is none."""
        if self.redis is not None:
            self.redis.kill()
            self.redis.start()

    # What can be read beside it

    def new_messages(self) -> list[dict[str, Any]]:
        """What was sent since the last time, except notices."""
        text = self._news("outbox")
        messages = [json.loads(line) for line in text.splitlines()]
        return [message for message in messages if message["usage"] != "notice"]

    def leaks(self, codes: Sequence[str]) -> list[str]:
        """Lines of the log since the last time that hold a secret."""
        return [line for line in self._news("log").splitlines() if holds_secret(line, codes)]

    def new_events(self) -> list[str]:
        """The names of audit events since the last time."""
        sql = "SELECT id, event FROM audit_event WHERE id > ? ORDER BY id"
        found = self.rows(sql, self._audit)
        if found:
            self._audit = int(found[-1][0])
        return [str(event) for _, event in found]

    def newest_session(self, member_id: int) -> int:
        """The id of the session that a member opened last."""
        sql = "SELECT max(id) FROM session WHERE member_id = ?"
        return int(self.rows(sql, member_id)[0][0])

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the database past the server."""
        if self.server.database_kind != "sqlite":
            return self.server.rows(sql, *values)
        if self._db is None:
            self._db = apsw.Connection(str(self.server.database), flags=apsw.SQLITE_OPEN_READONLY)
            self._db.set_busy_timeout(5000)
        return self._db.execute(sql, values).fetchall()

    def let_it_be_known(self) -> None:
        """Wait until every process knows what one of them did to a session: at most 300 ms."""
        time.sleep(self.server.lag)

    def close(self) -> None:
        """Let go of connections and files."""
        self.hang_up()
        if self._db is not None:
            self._db.close()

    def hang_up(self) -> None:
        """The next request makes a new connection."""
        for line in self._lines:
            line.close()
        self._lines = []

    def _line(self) -> http.client.HTTPConnection:
        if not self._lines:
            how_many = 1 if self.server.database_kind == "sqlite" else _LINES
            host, port = self.server.host, self.server.port
            self._lines = [
                http.client.HTTPConnection(host, port, timeout=30) for _ in range(how_many)
            ]
        return self._lines[next(self._turns) % len(self._lines)]

    def _news(self, name: str) -> str:
        """Whole lines that were added to a file of the server's folder."""
        path = self.server.folder / name
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(self._read[name])
            news = file.read()
        whole = news[: news.rfind(b"\n") + 1]
        self._read[name] += len(whole)
        return whole.decode("utf-8", "replace")

    def _hold_to_document(self, method: str, path: str, answer: Answer) -> None:
        # The same refusal comes a thousand times; what differs each time is seen each time.
        headers = {name.lower(): value for name, value in answer.headers.items()}
        kind = tuple(v for k, v in headers.items() if k not in ("x-request-id", "date"))
        seen = (method, path, answer.status, kind, answer.text)
        if seen not in self._held:
            profile = self.server.settings.get("DENGLU_WIRE", "document")
            body = answer.text.encode()
            check_answer(method, path, answer.status, answer.headers, body, profile)
            if len(answer.text) < 200:
                self._held.add(seen)

    def _command_environ(self) -> dict[str, str | None]:
        ours = self.server.environ().items()
        environ: dict[str, str | None] = {k: None for k in os.environ if k.startswith("DENGLU_")}
        environ |= {k: v for k, v in ours if k.startswith("DENGLU_")}
        # At level debug a command would set up the logging of the process that the tests are.
        return environ | {"DENGLU_LOG_LEVEL": "warning"}


def holds_secret(line: str, codes: Sequence[str]) -> bool:
    """Whether a password, a token or one of the codes stands in a line of the log."""
    line = _BY_ITSELF.sub("", line)
    if MARK in line or _TOKEN.search(line):
        return True
    return any(code in codes for code in _SIX_DIGITS.findall(line))


@contextlib.contextmanager
def at_home(
    folder: Path,
    redis: RedisServer | None = None,
    *,
    workers: int = 1,
    has_merchant: bool = False,
    **settings: str,
) -> Iterator[House]:
    """A house with a started server, where wanted with merchant 1; settings as for ``running``."""
    # Everybody's messages of years pass through one server: the site's budget is no matter here.
    known = {"sms_site_rates": "1000000/24h", "log_level": "debug", "trusted_proxies": "127.0.0.1"}
    if redis is not None:
        known["redis_url"] = redis.url()
    if has_merchant:
        known["plugins"] = "merchant"
    with running(folder, **known | settings) as server:
        if has_merchant:
            assert server.cli("merchant", "add", "a shop").returncode == 0
        if workers > 1:
            server.options = ["--workers", str(workers)]
            server.restart()
        house = House(server, redis)
        try:
            yield house
        finally:
            house.close()
