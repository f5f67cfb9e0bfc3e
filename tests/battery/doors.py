"""The ways into a site with merchants: as a member of the site, of a merchant, or as a user of one.

A door is where people log in and as whom; who belongs at another one is a stranger there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.battery.client import Client, new_password
from tests.battery.harness import PASSWORD, Answer, Server
from tests.cli.desk import Done, run_here

SECRET = "0123456789abcdef" * 2


@dataclass(frozen=True)
class Door:
    """``prefix`` of its paths; ``merchant``: what the header says, None sends no header."""

    name: str
    prefix: str = ""
    merchant: int | None = None
    index: str = "/v1/member/member/index"

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.merchant is None else {"merchant-id": str(self.merchant)}

    def site(self, client: Client, name: str, body: Mapping[str, object], **more: Any) -> Answer:
        """POST …/v1/site/NAME."""
        headers = self.headers | dict(more.pop("headers", {}))
        return client.call("POST", f"{self.prefix}/v1/site/{name}", body, headers=headers, **more)

    def login(self, client: Client, username: str, password: str = PASSWORD, **more: Any) -> Answer:
        """Login with a password."""
        body = {"username": username, "password": password, "group": "pc"}
        return self.site(client, "login", body, **more)

    def refresh(self, client: Client, token: str, group: str = "pc") -> Answer:
        """The next pair."""
        return self.site(client, "refresh", {"refresh_token": token, "group": group})

    def verify(self, client: Client, token: str) -> Answer:
        """Is this token worth keeping?"""
        return self.site(client, "verify-access-token", {"token": token})

    def logout(self, client: Client, token: str) -> Answer:
        """The end of a session."""
        path = f"{self.prefix}/v1/site/logout"
        return client.call("POST", path, token=token, headers=self.headers)

    def who_am_i(self, client: Client, token: str) -> Answer:
        """Whose token it is."""
        return client.call("GET", self.prefix + self.index, token=token, headers=self.headers)

    def introspect(self, client: Client, token: str) -> Answer:
        """What a back-end is told of it."""
        headers = self.headers | {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Bearer {SECRET}",
        }
        content = urlencode({"token": token}).encode()
        return client.call("POST", f"{self.prefix}/introspect", content=content, headers=headers)

    def forward_auth(self, client: Client, token: str) -> Answer:
        """What a proxy is told of it."""
        path = f"{self.prefix}/forward-auth"
        return client.call("GET", path, token=token, headers=self.headers)

    def code_for(self, client: Client, mobile: str, usage: str) -> str:
        """Ask for a code and read it from the outbox."""
        answer = self.site(client, "sms-code", {"mobile": mobile, "usage": usage})
        assert answer.code == 200, answer.text
        return str(client.server.outbox(mobile)[-1]["code"])

    def mobile_login(self, client: Client, mobile: str, code: str) -> Answer:
        """Login with a code."""
        return self.site(client, "mobile-login", {"mobile": mobile, "code": code, "group": "pc"})

    def reset(self, client: Client, mobile: str, code: str, password: str = PASSWORD) -> Answer:
        """A new password by a code."""
        return self.site(client, "up-pwd", new_password(mobile, code, password))

    def register(self, client: Client, mobile: str, password: str = PASSWORD) -> Answer:
        """A new member."""
        code = self.code_for(client, mobile, "register")
        body = new_password(mobile, code, password) | {"nickname": "月光"}
        answer = self.site(client, "register", body)
        assert answer.code == 200, answer.text
        return answer


SITE = Door("site")
USERS = Door("users", "/merapi", None, "/v1/merchant/user/index")


@dataclass
class Doors:
    """A server with the merchant plugin, and its merchants."""

    server: Server
    merchants: list[int] = field(default_factory=list)

    def open_merchant(self) -> Door:
        """A new merchant's door for its members."""
        name = f"shop {len(self.merchants) + 1}"
        number = int(self._before("add", name)["id"])
        self.merchants.append(number)
        return Door(name, "", number)

    def add_user(
        self, door: Door, username: str, mobile: str = "", password: str = PASSWORD
    ) -> Any:
        """A user of the merchant whose members have this door."""
        words = ["user-add", str(door.merchant), "--username", username, "--password-stdin"]
        return self._before(*words, *(["--mobile", mobile] if mobile else []), stdin=password)

    def merchant(self, *words: str) -> Any:
        """Run `denglu merchant …`; returns what it says as JSON."""
        return _said(self.server.cli("merchant", *words, "--json"))

    def _before(self, *words: str, stdin: str = "") -> Any:
        """The same in this process, for what a test begins with: it takes a tenth of the time."""
        server, whole = self.server, ("merchant", *words, "--json")
        return _said(run_here(whole, server.folder, server.environ(), stdin.encode()))


def _said(done: Done) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
