"""denglu as a contender: one process, as ``denglu serve`` starts it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.contenders import JSON, MEMBERS, PASSWORD, call
from bench.load import Chain, Request

_GOOD = '"code":200'


@dataclass(frozen=True)
class Denglu:
    """``url``: its database. ``more``: settings that are not as they ship."""

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
            "DENGLU_SMS_OUTBOX": str(self.outbox),
            **self.more,
        }

    @property
    def outbox(self) -> Path:
        """Where its messages go: a line of JSON for each."""
        return self.folder / "outbox"

    def prepare(self) -> None:
        """Only the tables: `members.fill` adds members."""
        subprocess.run(
            [sys.executable, "-m", "denglu", "migrate"],
            env={**os.environ, **self.environ},
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def words(self, port: int) -> list[str]:
        return [sys.executable, "-m", "denglu", "serve", "--port", str(port)]

    def knock(self, port: int) -> str:
        return f"http://127.0.0.1:{port}/healthz"

    def login(self, port: int) -> Request:
        """Of sixteen members in turn: one member's logins wait for each other."""
        bodies = [_form(f"bench{number}", "h5") for number in range(1, MEMBERS + 1)]
        return self.post(port, "login", bodies[0], bodies=bodies)

    def check(self, port: int) -> Request:
        url = f"http://127.0.0.1:{port}/v1/member/member/index"
        token = {"X-Api-Key": self.tokens(port, "bench1")[0]}
        return Request(url, headers=token, good=_GOOD)

    def verify(self, port: int) -> Request:
        """The other check: may a client keep its token?"""
        body = json.dumps({"token": self.tokens(port, "bench1")[0]})
        return replace(self.post(port, "verify-access-token", body), good='"token":true')

    def renewal(self, port: int) -> Chain:
        tokens = [refresh for _, refresh in self.pairs(port)]
        return Chain(self.post(port, "refresh", '{"refresh_token":"%s","group":"pc"}'), tokens)

    def pairs(self, port: int) -> list[tuple[str, str]]:
        """Access and refresh token of a session of each member."""
        return [self.tokens(port, f"bench{number}") for number in range(1, MEMBERS + 1)]

    def tokens(self, port: int, username: str) -> tuple[str, str]:
        """The same of one member, in the group pc, where the measured logins do not replace it."""
        data = call(self.post(port, "login", _form(username, "pc")))[0]["data"]
        return data["access_token"], data["refresh_token"]

    def post(self, port: int, what: str, body: str, *, bodies: list[str] | None = None) -> Request:
        """A request to one of the routes below ``/v1/site``."""
        url = f"http://127.0.0.1:{port}/v1/site/{what}"
        return Request(url, "POST", JSON, body, _GOOD, bodies or ())


def _form(username: str, group: str) -> str:
    return json.dumps({"username": username, "password": PASSWORD, "group": group})
