"""A client on one kept connection that speaks every encoding, and people nobody has met yet."""

import itertools
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.battery.harness import PASSWORD, Answer, Server, read_answer

ENCODINGS = ("json", "form", "multipart")
BOUNDARY = "----denglu0battery"

# Counters, not generators: threads may ask at the same time.
_mobiles = itertools.count(1)
_addresses = itertools.count(1)


def fresh_mobile() -> str:
    """A number that no test has used, in another block than those before it."""
    number = next(_mobiles)
    return f"139{number % 10_000:04d}{(number + number // 10_000) % 10_000:04d}"


def fresh_address() -> str:
    """An address that no test has used, in another range than those before it; a server that
    trusts 127.0.0.1 believes it.
    """
    number = next(_addresses)
    return f"10.{number & 255}.{number >> 8 & 255}.{(number >> 16) + 1}"


def encode(body: Mapping[str, object], encoding: str) -> tuple[str, bytes]:
    """The content type and the bytes of a body."""
    if encoding == "json":
        return "application/json", json.dumps(body).encode()
    pairs = [(name, str(value)) for name, value in body.items()]
    if encoding == "form":
        return "application/x-www-form-urlencoded", urlencode(pairs).encode()
    parts = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in pairs
    )
    content = f"{parts}--{BOUNDARY}--\r\n".encode()
    return f"multipart/form-data; boundary={BOUNDARY}", content


class Client:
    """Calls a server over one kept connection, from a new address each time unless told."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sent = 0
        # Sent with every request: what this client is, and what it speaks.
        self.headers: dict[str, str | bytes] = {}
        self._http = httpx.Client(timeout=30, verify=False, trust_env=False)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        encoding: str = "json",
        content: bytes | None = None,
        token: str | None = None,
        ip: str | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> Answer:
        """One request. ``content`` goes out as it is, with the content type of ``headers``."""
        sent: dict[str, str | bytes] = {"X-Forwarded-For": ip or fresh_address()}
        if body is not None:
            sent["Content-Type"], content = encode(body, encoding)
        if token is not None:
            sent["X-Api-Key"] = token
        sent |= self.headers | dict(headers or {})
        raw = {name: as_bytes(value) for name, value in sent.items()}
        self.sent += 1
        answer = self._http.request(
            method,
            f"{self.server.url}{path}",
            content=content,
            headers=[(name.encode(), value) for name, value in raw.items()],
        )
        known = read_answer(answer.status_code, answer.headers, answer.text)
        return self.server.held(method, path.partition("?")[0], known)

    def site(self, name: str, body: Mapping[str, object], **options: Any) -> Answer:
        """POST /v1/site/NAME."""
        return self.call("POST", f"/v1/site/{name}", body, **options)

    def who_am_i(self, token: str | None = None, **options: Any) -> Answer:
        """GET /v1/member/member/index."""
        return self.call("GET", "/v1/member/member/index", token=token, **options)

    def login(
        self, username: str, password: str = PASSWORD, group: str = "pc", **options: Any
    ) -> Answer:
        """Login with a password."""
        body = {"username": username, "password": password, "group": group}
        return self.site("login", body, **options)

    def logout(self, token: str | None = None, **options: Any) -> Answer:
        """The end of a session."""
        return self.call("POST", "/v1/site/logout", token=token, **options)

    def refresh(self, token: str, group: str | None = "pc", **options: Any) -> Answer:
        """The next pair; ``group`` None is not sent."""
        body = {"refresh_token": token} | ({} if group is None else {"group": group})
        return self.site("refresh", body, **options)

    def verify(self, token: str, **options: Any) -> Answer:
        """Is this access token worth keeping?"""
        return self.site("verify-access-token", {"token": token}, **options)

    def code_for(self, mobile: str, usage: str, **options: Any) -> str:
        """Ask for a code and read it from the outbox."""
        answer = self.site("sms-code", {"mobile": mobile, "usage": usage}, **options)
        assert answer.code == 200, answer.text
        return str(self.server.outbox(mobile)[-1]["code"])

    def register(
        self, mobile: str | None = None, password: str = PASSWORD, group: str = "pc"
    ) -> Answer:
        """A new member with a new number, by SMS code."""
        mobile = mobile or fresh_mobile()
        code = self.code_for(mobile, "register")
        answer = self.site("register", new_member(mobile, code, password, group))
        assert answer.code == 200, answer.text
        return answer


def new_member(
    mobile: str, code: str, password: str = PASSWORD, group: str = "pc", nickname: str = "月光"
) -> dict[str, object]:
    """The body of a registration."""
    return {
        "mobile": mobile,
        "code": code,
        "group": group,
        "password": password,
        "password_repetition": password,
        "nickname": nickname,
    }


def new_password(
    mobile: str, code: str, password: str = PASSWORD, group: str = "pc"
) -> dict[str, object]:
    """The body of a password reset."""
    body = new_member(mobile, code, password, group)
    del body["nickname"]
    return body


def new_by_old(new: str, old: str = PASSWORD) -> dict[str, object]:
    """The body of a password change."""
    return {"old_password": old, "password": new, "password_repetition": new}


def as_bytes(value: str | bytes) -> bytes:
    """A header's bytes."""
    return value if isinstance(value, bytes) else value.encode()
