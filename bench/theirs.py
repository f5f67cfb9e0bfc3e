"""The peers as contenders. How each is set up stands in ``bench/peers``, in its own language."""

import json
import os
import re
import subprocess
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from bench.contenders import JSON, MEMBERS, PASSWORD, call, served
from bench.load import Chain, Request, WrongAnswer

PEERS = Path(__file__).parent / "peers"
INSTALLED = PEERS / "installed"
"""A virtual environment of the Python peers; `make bench` makes it."""
_BETTER_AUTH = str(PEERS / "better_auth/server.mjs")
_MEMBER = {"email": "bench@example.com", "password": PASSWORD}


def versions() -> list[str]:
    """Of those that are measured, as they are pinned."""
    pinned = (PEERS / "requirements.txt").read_text()
    locked = json.loads((PEERS / "better_auth/package-lock.json").read_text())["packages"]
    found = [f"better-auth {locked['node_modules/better-auth']['version']}"]
    for name in ("fastapi-users", "django-allauth", "gunicorn", "uvicorn"):
        if match := re.search(rf"^{name}==(.+)$", pinned, re.MULTILINE):
            found.append(f"{name} {match[1]}")
    return found


@dataclass(frozen=True)
class FastapiUsers:
    """Tokens in the database, bearer transport, one uvicorn process. It renews nothing."""

    folder: Path
    database: str
    name: str = "fastapi-users"

    @property
    def environ(self) -> dict[str, str]:
        return {"BENCH_DATABASE_URL": self.database.replace("://", "+asyncpg://")}

    def prepare(self) -> None:
        port = processes.free_port()
        url = f"http://127.0.0.1:{port}/auth/register"
        with served(self, port):
            call(Request(url, "POST", JSON, json.dumps(_MEMBER)))

    def words(self, port: int) -> list[str]:
        app = ["--app-dir", str(PEERS / "fastapi_users"), "app:app"]
        return [str(INSTALLED / "bin/uvicorn"), *app, "--port", str(port), "--no-access-log"]

    def knock(self, port: int) -> str:
        return f"http://127.0.0.1:{port}/users/me"

    def login(self, port: int) -> Request:
        form = urllib.parse.urlencode({"username": _MEMBER["email"], "password": PASSWORD})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(f"http://127.0.0.1:{port}/auth/login", "POST", kind, form, "access_token")

    def check(self, port: int) -> Request:
        token = call(self.login(port))[0]["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return Request(f"http://127.0.0.1:{port}/users/me", headers=headers, good='"email"')


@dataclass(frozen=True)
class Allauth:
    """Headless, for apps; gunicorn with a worker for each core. ``strategy``: of its tokens."""

    folder: Path
    database: str
    strategy: str = "session"

    @property
    def name(self) -> str:
        return "django-allauth" + (", JWT" if self.strategy == "jwt" else "")

    @property
    def environ(self) -> dict[str, str]:
        where = {"BENCH_DATABASE_URL": self.database, "PYTHONPATH": str(PEERS / "allauth")}
        return {**where, "BENCH_TOKENS": self.strategy}

    def prepare(self) -> None:
        words = [str(INSTALLED / "bin/python"), "-m", "peer", "bench", PASSWORD]
        subprocess.run(words, env={**os.environ, **self.environ}, cwd=self.folder, check=True)

    def words(self, port: int) -> list[str]:
        workers = str(len(os.sched_getaffinity(0)))
        serve = [str(INSTALLED / "bin/gunicorn"), "peer:application", "--workers", workers]
        return [*serve, "--bind", f"127.0.0.1:{port}", "--no-control-socket"]

    def knock(self, port: int) -> str:
        return self._url(port, "config")

    def login(self, port: int) -> Request:
        body = json.dumps({"username": "bench", "password": PASSWORD})
        return Request(
            self._url(port, "auth/login"), "POST", JSON, body, '"is_authenticated": true'
        )

    def check(self, port: int) -> Request:
        token = {"X-Session-Token": call(self.login(port))[0]["meta"]["session_token"]}
        url = self._url(port, "auth/session")
        return Request(url, headers=token, good='"is_authenticated": true')

    def renewal(self, port: int) -> Chain:
        """With tokens of the strategy ``jwt``: each refresh token holds once, as denglu's."""
        tokens = [call(self.login(port))[0]["meta"]["refresh_token"] for _ in range(MEMBERS)]
        url, body = self._url(port, "tokens/refresh"), '{"refresh_token": "%s"}'
        return Chain(Request(url, "POST", JSON, body, '"refresh_token"'), tokens)

    def _url(self, port: int, what: str) -> str:
        return f"http://127.0.0.1:{port}/_allauth/app/v1/{what}"


@dataclass(frozen=True)
class BetterAuth:
    """Plugins username and bearer, Node's own server, one process. ``update_age``: seconds after
    which the check of a token also renews its session; empty: its default, a day.
    """

    folder: Path
    database: str
    update_age: str = ""

    @property
    def name(self) -> str:
        return "better-auth" + (f", updateAge {self.update_age}" if self.update_age else "")

    @property
    def environ(self) -> dict[str, str]:
        age = {"BENCH_UPDATE_AGE": self.update_age}
        return {"BENCH_DATABASE_URL": self.database, "NODE_ENV": "production", **age}

    def prepare(self) -> None:
        words = ["node", _BETTER_AUTH, "migrate"]
        subprocess.run(words, env={**os.environ, **self.environ}, cwd=self.folder, check=True)
        port = processes.free_port()
        body = json.dumps({**_MEMBER, "name": "bench", "username": "bench"})
        with served(self, port):
            call(Request(self._url(port, "sign-up/email"), "POST", JSON, body))

    def words(self, port: int) -> list[str]:
        return ["node", _BETTER_AUTH, str(port)]

    def knock(self, port: int) -> str:
        return self._url(port, "ok")

    def login(self, port: int) -> Request:
        body = json.dumps({"username": "bench", "password": PASSWORD})
        return Request(self._url(port, "sign-in/username"), "POST", JSON, body, '"token"')

    def check(self, port: int) -> Request:
        return self._session(port, self._token(port))

    def renewal(self, port: int) -> Chain:
        """The token stays, its session's end is written anew each time."""
        tokens = [self._token(port) for _ in range(MEMBERS)]
        one = self._session(port, tokens[0])
        if len({call(one)[0]["session"]["updatedAt"] for _ in range(2)}) < 2:
            raise WrongAnswer("the check of a token did not renew its session")
        return Chain(self._session(port, "%s"), tokens, rotates=False)

    def _token(self, port: int) -> str:
        return call(self.login(port))[1]["set-auth-token"]

    def _session(self, port: int, token: str) -> Request:
        headers = {"Authorization": f"Bearer {token}"}
        return Request(self._url(port, "get-session"), headers=headers, good='"session"')

    def _url(self, port: int, what: str) -> str:
        return f"http://127.0.0.1:{port}/api/auth/{what}"
