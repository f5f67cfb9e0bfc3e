"""Who is measured: denglu on SQLite and on PostgreSQL, and its peers, each as its documentation
sets it up and with the defaults that it ships.

A contender is prepared once (tables, one member), then served. It tells the requests that are
sent to it: a login with the right password, and the check of a token.
"""

import contextlib
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from bench import processes
from bench.load import Request

PASSWORD = "a lantern on the bridge"
# Of denglu's: `bench1` and so on, see `members.fill`.
MEMBERS = 16
JSON = {"Content-Type": "application/json"}
PEERS = Path(__file__).parent / "peers"
INSTALLED = PEERS / "installed"
"""A virtual environment of the Python peers; `make bench` makes it."""


@dataclass(frozen=True)
class Place:
    """Where a contender lives: a folder of its own, and an empty database where it needs one."""

    folder: Path
    database: str = ""


class Contender(Protocol):
    """One of those who are measured."""

    @property
    def name(self) -> str: ...
    def prepare(self) -> None:
        """Make tables, and the member who logs in."""
        ...

    def words(self, port: int) -> list[str]:
        """The command that serves."""
        ...

    @property
    def environ(self) -> Mapping[str, str]: ...
    @property
    def folder(self) -> Path: ...
    def knock(self, port: int) -> str:
        """What tells that it answers."""
        ...

    def login(self, port: int) -> Request: ...
    def check(self, port: int) -> Request:
        """With a token of a login made now."""
        ...


@contextlib.contextmanager
def served(contender: Contender, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """The contender, answering."""
    log = contender.folder / f"{contender.name.replace(' ', '-')}.log"
    words, environ = contender.words(port), contender.environ
    with processes.running(words, cwd=contender.folder, environ=environ, log=log) as process:
        processes.first_answer(contender.knock(port), process, log)
        yield process


def call(request: Request) -> tuple[dict[str, Any], Mapping[str, str]]:
    """One request; the JSON it is answered with, and the headers."""
    data = request.body.encode() if request.body else None
    asked = urllib.request.Request(request.url, data, dict(request.headers), method=request.method)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer), answer.headers


@dataclass(frozen=True)
class Denglu:
    """One process, as ``denglu serve`` starts it. ``url``: the database."""

    name: str
    folder: Path
    url: str
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "DENGLU_DATABASE_URL": self.url,
            "DENGLU_SECRET_KEY": "for measurements on this machine alone",
            "DENGLU_SMS_GATEWAYS": "outbox",
            "DENGLU_SMS_OUTBOX": str(self.folder / "outbox"),
            **self.more,
        }

    def denglu(self, *words: str) -> None:
        """Run a command."""
        subprocess.run(
            [sys.executable, "-m", "denglu", *words],
            env={**os.environ, **self.environ},
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def prepare(self) -> None:
        self.denglu("migrate")

    def words(self, port: int) -> list[str]:
        return [sys.executable, "-m", "denglu", "serve", "--port", str(port)]

    def knock(self, port: int) -> str:
        return f"http://127.0.0.1:{port}/healthz"

    def login(self, port: int) -> Request:
        """Of sixteen members in turn: one member's logins wait for each other."""
        url = f"http://127.0.0.1:{port}/v1/site/login"
        bodies = [self.form(f"bench{number}", "h5") for number in range(1, MEMBERS + 1)]
        return Request(url, "POST", JSON, bodies[0], '"code":200', bodies)

    def form(self, username: str, group: str) -> str:
        """The body of a login."""
        return json.dumps({"username": username, "password": PASSWORD, "group": group})

    def tokens(self, port: int, username: str = "bench1") -> tuple[str, str]:
        """Access and refresh token of a login in the group pc."""
        request = replace(self.login(port), body=self.form(username, "pc"))
        data = call(request)[0]["data"]
        return data["access_token"], data["refresh_token"]

    def check(self, port: int) -> Request:
        url = f"http://127.0.0.1:{port}/v1/member/member/index"
        token = {"X-Api-Key": self.tokens(port)[0]}
        return Request(url, headers=token, good='"code":200')

    def verify(self, port: int) -> Request:
        """The other check: may a client keep its token?"""
        url = f"http://127.0.0.1:{port}/v1/site/verify-access-token"
        body = json.dumps({"token": self.tokens(port)[0]})
        return Request(url, "POST", JSON, body, '"token":true')


@dataclass(frozen=True)
class FastapiUsers:
    """Tokens in the database, bearer transport, one uvicorn process."""

    folder: Path
    database: str
    name: str = "fastapi-users"

    @property
    def environ(self) -> dict[str, str]:
        return {"BENCH_DATABASE_URL": self.database.replace("://", "+asyncpg://")}

    def prepare(self) -> None:
        port = processes.free_port()
        member = {"email": "bench@example.com", "password": PASSWORD}
        with served(self, port):
            call(
                Request(f"http://127.0.0.1:{port}/auth/register", "POST", JSON, json.dumps(member))
            )

    def words(self, port: int) -> list[str]:
        app = ["--app-dir", str(PEERS / "fastapi_users"), "app:app"]
        return [str(INSTALLED / "bin/uvicorn"), *app, "--port", str(port), "--no-access-log"]

    def knock(self, port: int) -> str:
        return f"http://127.0.0.1:{port}/users/me"

    def login(self, port: int) -> Request:
        form = urllib.parse.urlencode({"username": "bench@example.com", "password": PASSWORD})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(f"http://127.0.0.1:{port}/auth/login", "POST", kind, form, "access_token")

    def check(self, port: int) -> Request:
        token = call(self.login(port))[0]["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return Request(f"http://127.0.0.1:{port}/users/me", headers=headers, good='"email"')


@dataclass(frozen=True)
class Allauth:
    """Headless, for apps; gunicorn with a worker for each core."""

    folder: Path
    database: str
    name: str = "django-allauth"

    @property
    def environ(self) -> dict[str, str]:
        return {"BENCH_DATABASE_URL": self.database, "PYTHONPATH": str(PEERS / "allauth")}

    def prepare(self) -> None:
        words = [str(INSTALLED / "bin/python"), "-m", "peer", "bench", PASSWORD]
        subprocess.run(words, env={**os.environ, **self.environ}, cwd=self.folder, check=True)

    def words(self, port: int) -> list[str]:
        workers = str(len(os.sched_getaffinity(0)))
        serve = [str(INSTALLED / "bin/gunicorn"), "peer:application", "--workers", workers]
        return [*serve, "--bind", f"127.0.0.1:{port}", "--no-control-socket"]

    def knock(self, port: int) -> str:
        return f"http://127.0.0.1:{port}/_allauth/app/v1/config"

    def login(self, port: int) -> Request:
        url = f"http://127.0.0.1:{port}/_allauth/app/v1/auth/login"
        body = json.dumps({"username": "bench", "password": PASSWORD})
        return Request(url, "POST", JSON, body, '"is_authenticated": true')

    def check(self, port: int) -> Request:
        token = call(self.login(port))[0]["meta"]["session_token"]
        url = f"http://127.0.0.1:{port}/_allauth/app/v1/auth/session"
        return Request(url, headers={"X-Session-Token": token}, good='"is_authenticated": true')


@dataclass(frozen=True)
class BetterAuth:
    """Plugins username and bearer, Node's own server, one process."""

    folder: Path
    database: str
    name: str = "better-auth"

    @property
    def environ(self) -> dict[str, str]:
        return {"BENCH_DATABASE_URL": self.database}

    def prepare(self) -> None:
        words = ["node", str(PEERS / "better_auth/server.mjs"), "migrate"]
        subprocess.run(words, env={**os.environ, **self.environ}, cwd=self.folder, check=True)
        port = processes.free_port()
        member = {"email": "bench@example.com", "name": "bench", "username": "bench"}
        with served(self, port):
            url = f"http://127.0.0.1:{port}/api/auth/sign-up/email"
            call(Request(url, "POST", JSON, json.dumps(member | {"password": PASSWORD})))

    def words(self, port: int) -> list[str]:
        return ["node", str(PEERS / "better_auth/server.mjs"), str(port)]

    def knock(self, port: int) -> str:
        return f"http://127.0.0.1:{port}/api/auth/ok"

    def login(self, port: int) -> Request:
        url = f"http://127.0.0.1:{port}/api/auth/sign-in/username"
        body = json.dumps({"username": "bench", "password": PASSWORD})
        return Request(url, "POST", JSON, body, '"token"')

    def check(self, port: int) -> Request:
        token = call(self.login(port))[1]["set-auth-token"]
        url = f"http://127.0.0.1:{port}/api/auth/get-session"
        headers = {"Authorization": f"Bearer {token}"}
        return Request(url, headers=headers, good='"session"')
