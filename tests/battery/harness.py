"""The battery's ground: a real server process with a real database, a clock and an outbox.

Rivals are released by a barrier: every connection has sent all of its request but the last
byte, and then all last bytes go out at once.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import apsw
import httpx

from tests.servers.shell import Shell

HOST = "127.0.0.1"
PASSWORD = "moonlit-harbour-17"
_START_SECONDS = 20
# What is tested is this tree, whether it is installed or not; another one may be named.
_SOURCES = Path(__file__).parents[2] / "src"


@dataclass
class Answer:
    """One answer, whatever carried it. ``code`` is the envelope's, or None. ``seconds``: from
    the request's last byte to the answer's (0 where nobody measured)."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any = None
    seconds: float = 0.0

    @property
    def code(self) -> int | None:
        """The envelope's code."""
        return self.body.get("code") if isinstance(self.body, dict) else None

    @property
    def data(self) -> Any:
        """The envelope's data."""
        return self.body.get("data") if isinstance(self.body, dict) else None

    @property
    def reason(self) -> str | None:
        """The stable reason of a refusal."""
        return self.data.get("reason") if isinstance(self.data, dict) else None


def read_answer(status: int, headers: Mapping[str, str], text: str) -> Answer:
    """An Answer whose body is parsed when it is JSON."""
    with contextlib.suppress(ValueError):
        return Answer(status, headers, text, json.loads(text))
    return Answer(status, headers, text)


Holder = Callable[["Server", str, str, Answer], None]
HOLDERS: list[Holder] = []
"""What every answer is held against: called with server, method, path and answer."""


@dataclass
class Server:
    """A denglu process in a folder of its own. Use ``running(...)`` to get one."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    host: str = HOST
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    shift: int = 0
    # Trouble that a test causes on purpose: a line of the log with one of these texts.
    expected: list[str] = field(default_factory=list)
    # More words for `denglu serve`.
    options: list[str] = field(default_factory=list)
    # A program that runs it in its own place, such as one that writes down what it does.
    wrapper: list[str] = field(default_factory=list)
    _shell: Shell | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    @property
    def database(self) -> Path:
        """Its SQLite file, unless it uses another database."""
        return self.folder / "denglu.db"

    @property
    def database_url(self) -> str:
        """Where its members are."""
        return self.settings.get("DENGLU_DATABASE_URL", f"sqlite:///{self.database}")

    @property
    def database_kind(self) -> str:
        """``sqlite``, ``postgresql`` or ``mysql``."""
        return self.database_url.partition(":")[0]

    @property
    def lag(self) -> float:
        """Seconds after which it surely knows what another process has revoked."""
        return 0.0 if self.database_kind == "sqlite" else 0.3

    @property
    def log(self) -> str:
        """Everything it has written to its terminal, over all starts."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def troubles(self) -> list[str]:
        """Lines of the log that no healthy server writes, but those that were expected."""
        return [
            line
            for line in self.log.splitlines()
            if ("Traceback" in line or '"level":"error"' in line or '"level":"critical"' in line)
            and not any(text in line for text in self.expected)
        ]

    def environ(self) -> dict[str, str]:
        """The process's environment: nothing is inherited but what Python needs."""
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "COVERAGE")}
        kept["PYTHONPATH"] = os.environ.get("PYTHONPATH", str(_SOURCES))
        ours = {
            "DENGLU_DATABASE_URL": self.database_url,
            "DENGLU_SMS_GATEWAYS": "outbox",
            "DENGLU_SMS_OUTBOX": str(self.folder / "outbox"),
            "DENGLU_TEST_CLOCK_FILE": str(self.folder / "clock"),
            "PYTHONWARNINGS": "error::ResourceWarning",
        }
        return kept | ours | self.settings

    def start(self) -> None:
        """Start, and wait until it is ready."""
        self.port = self.port or free_port()
        words = ["serve", "--host", self.host, "--port", str(self.port), *self.options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, sys.executable, "-m", "denglu", *words],
                env=self.environ(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log}")
            with contextlib.suppress(OSError, httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"the server is not ready:\n{self.log}")

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process = None

    def migrate(self) -> None:
        """Make the tables of a database that ``serve`` leaves to the operator."""
        done = self.cli("migrate")
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        """Let go of the database."""
        if self._shell is not None:
            self._shell.close()
            self._shell = None

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self) -> None:
        """Stop and start on the same file and port."""
        self.stop()
        self.start()

    def cli(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a denglu command on the same file, beside the server."""
        return subprocess.run(
            [sys.executable, "-m", "denglu", *words],
            env=self.environ(),
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def set_clock(self, seconds: int) -> None:
        """Move the clock to so many seconds after the machine's (negative: before)."""
        temporary = self.folder / "clock.new"
        temporary.write_text(str(seconds))
        temporary.replace(self.folder / "clock")
        self.shift = seconds

    def advance(self, seconds: int) -> None:
        """Move the clock on by so many seconds."""
        self.set_clock(self.shift + seconds)

    def set_now(self, at: int) -> None:
        """Make it this Unix second now; at least half a second of it is left."""
        while time.time() % 1 > 0.5:
            time.sleep(0.01)
        self.set_clock(at - int(time.time()))

    def now(self) -> int:
        """The server's Unix second."""
        return int(time.time()) + self.shift

    def outbox(self, mobile: str | None = None) -> list[dict[str, Any]]:
        """Messages sent so far, oldest first."""
        path = self.folder / "outbox"
        text = path.read_text("utf-8") if path.exists() else ""
        # Whole lines: the last one may be on its way.
        messages = [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]
        return [m for m in messages if mobile is None or m["mobile"] == mobile]

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read (or, with care, write) the database past the server."""
        if self.database_kind != "sqlite":
            self._shell = self._shell or Shell(self.database_url)
            return self._shell(sql, *values)
        with contextlib.closing(apsw.Connection(str(self.database))) as db:
            db.set_busy_timeout(5000)
            db.execute("PRAGMA wal_autocheckpoint = 0").fetchall()  # the server's writer does it
            return db.execute(sql, values).fetchall()

    def call(
        self,
        method: str,
        path: str,
        json_body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        sent = dict(headers or {})
        if token is not None:
            sent["X-Api-Key"] = token
        if json_body is not None:
            content = json.dumps(json_body).encode()
            sent.setdefault("Content-Type", "application/json")
        # No TLS is spoken here, and loading certificates for it would take 20 ms a call.
        with httpx.Client(timeout=30, verify=False, trust_env=False) as client:
            answer = client.request(method, f"{self.url}{path}", content=content, headers=sent)
        return self.held(method, path, read_answer(answer.status_code, answer.headers, answer.text))

    def held(self, method: str, path: str, answer: Answer) -> Answer:
        """The answer, after every holder has looked at it."""
        for hold in HOLDERS:
            hold(self, method, path, answer)
        return answer

    def post(self, name: str, body: Mapping[str, object], **options: Any) -> Answer:
        """POST /v1/site/NAME with a JSON body."""
        return self.call("POST", f"/v1/site/{name}", body, **options)

    def who_am_i(self, token: str) -> Answer:
        """GET /v1/member/member/index."""
        return self.call("GET", "/v1/member/member/index", token=token)

    def code_for(self, mobile: str, usage: str, **options: Any) -> str:
        """Ask for a code and read it from the outbox."""
        answer = self.post("sms-code", {"mobile": mobile, "usage": usage}, **options)
        assert answer.code == 200, answer.text
        return str([m for m in self.outbox(mobile) if m["usage"] == usage][-1]["code"])

    def register(
        self, mobile: str, password: str = PASSWORD, group: str = "pc", **options: Any
    ) -> Answer:
        """A new member, by SMS code."""
        code = self.code_for(mobile, "register", **options)
        body = {"mobile": mobile, "code": code, "group": group, "password": password}
        body |= {"password_repetition": password, "nickname": "月光"}
        answer = self.post("register", body, **options)
        assert answer.code == 200, answer.text
        return answer

    def add_member(self, username: str, mobile: str = "", password: str = PASSWORD) -> None:
        """A new member, by the operator's command (no SMS budget is used)."""
        words = ["member", "add", "--username", username, "--password-stdin"]
        done = self.cli(*words, *(["--mobile", mobile] if mobile else []), stdin=password + "\n")
        assert done.returncode == 0, done.stderr

    def login(
        self, username: str, password: str = PASSWORD, group: str = "pc", **options: Any
    ) -> Answer:
        """Login with a password."""
        body = {"username": username, "password": password, "group": group}
        return self.post("login", body, **options)

    def race(self, requests: Sequence["Raw"]) -> list[Answer]:
        """All requests at once, each on a connection of its own."""
        answers = asyncio.run(_race(self.host, self.port, requests))
        return [
            self.held(request.method, request.path, answer)
            for request, answer in zip(requests, answers, strict=True)
        ]


@dataclass
class Raw:
    """A request for ``Server.race``."""

    path: str
    body: Mapping[str, object] | None = None
    token: str | None = None
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self, host: str, *, keep: bool = False) -> bytes:
        """The bytes on the wire; ``keep`` asks for the connection to stay."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [] if keep else ["Connection: close"]
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"X-Api-Key: {self.token}"] if self.token else []
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _race(host: str, port: int, requests: Sequence[Raw]) -> list[Answer]:
    gate = asyncio.Barrier(len(requests))
    return await asyncio.gather(*(release(host, port, request, gate) for request in requests))


async def release(host: str, port: int, request: Raw, gate: asyncio.Barrier) -> Answer:
    """Send a request; its last byte when all rivals have come to the gate."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        raw = request.encode(host)
        writer.write(raw[:-1])
        await writer.drain()
        await gate.wait()
        writer.write(raw[-1:])
        sent = time.perf_counter()
        received = await asyncio.wait_for(reader.read(), 60)
        took = time.perf_counter() - sent
    finally:
        writer.close()
    return replace(parse(received), seconds=took)


def parse(answer: bytes) -> Answer:
    """What came over a socket, as an Answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return read_answer(int(first.split()[1]), headers, body.decode("utf-8"))


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Server]:
    """A started server; settings without their prefix: ``running(tmp, wire="rageframe")``.

    Fails at the end when the server logged trouble (``Server.troubles``), or ended badly.
    """
    server = Server(folder, {f"DENGLU_{name.upper()}": value for name, value in settings.items()})
    if server.database_kind != "sqlite":
        server.migrate()
    server.start()
    try:
        yield server
    finally:
        try:
            code = server.stop()
        finally:
            server.close()
    assert code == 0, server.log[-2000:]
    assert not server.troubles(), server.troubles()[:5]
