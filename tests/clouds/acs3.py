"""Alibaba Cloud's signature ACS3-HMAC-SHA256, by its published rule, checked as they check it."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from tests.clouds.base import ACCESS, Request, Service

_SIGNED = {"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-version"}
_SIGNED |= {"x-acs-signature-nonce"}
_MOST_SKEW = 900


class Acs3Service(Service):
    """Refuses what is not signed with ``access``, as the cloud's own gateway does."""

    access = ACCESS
    version = ""

    def __init__(self) -> None:
        super().__init__()
        self._nonces: set[str] = set()

    def answer(self, request: Request) -> tuple[int, Any]:
        """See ``Service``."""
        given = asked_of(request)
        self.asked.append(given)
        if code := self._forged(request):
            self.unlike(code)
            return (404 if code == "InvalidAccessKeyId.NotFound" else 400), error(code)
        return self.perform(given)

    def perform(self, given: dict[str, Any]) -> tuple[int, Any]:
        """Status and body for a request that is signed as it should be."""
        raise NotImplementedError

    def _forged(self, request: Request) -> str:
        """The code that the cloud refuses this request with; empty for a good one."""
        headers = request.lower
        kind, _, rest = headers.get("authorization", "").partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(",")) if rest else {}
        names = parts.get("SignedHeaders", "").split(";")
        if kind != "ACS3-HMAC-SHA256" or not set(names) >= _SIGNED:
            return "IncompleteSignature"
        if parts["Credential"] != self.access[0]:
            return "InvalidAccessKeyId.NotFound"
        if _skew(headers["x-acs-date"]) > _MOST_SKEW:
            return "InvalidTimeStamp.Expired"
        if headers["x-acs-content-sha256"] != hashlib.sha256(request.body).hexdigest():
            return "SignatureDoesNotMatch"
        if not hmac.compare_digest(parts["Signature"], self._right(request, names)):
            return "SignatureDoesNotMatch"
        if headers["x-acs-version"] != self.version:
            return "InvalidVersion"
        return self._used(headers["x-acs-signature-nonce"])

    def _right(self, request: Request, names: list[str]) -> str:
        where, headers = urlsplit(request.path), request.lower
        query = "&".join(
            f"{quote(name, safe='~')}={quote(value, safe='~')}"
            for name, value in sorted(parse_qsl(where.query, keep_blank_values=True))
        )
        signed = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
        body = hashlib.sha256(request.body).hexdigest()
        canonical = "\n".join(
            [request.command, where.path or "/", query, signed, ";".join(names), body]
        )
        text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        return hmac.new(self.access[1].encode(), text.encode(), hashlib.sha256).hexdigest()

    def _used(self, nonce: str) -> str:
        with self.lock:
            if nonce in self._nonces:
                return "SignatureNonceUsed"
            self._nonces.add(nonce)
        return ""


def asked_of(request: Request) -> dict[str, Any]:
    """All parameters of a request, from query and form, and its ``action``."""
    given = dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))
    given |= dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    return given | {"action": request.lower.get("x-acs-action", "")}


def error(code: str, message: str = "no") -> dict[str, str]:
    """A body of the cloud's own refusals."""
    return {
        "RequestId": "00000000-0000-0000-0000-000000000001",
        "HostId": "127.0.0.1",
        "Code": code,
        "Message": message,
        "Recommend": "",
    }


def _skew(date: str) -> float:
    then = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return abs((datetime.now(UTC) - then).total_seconds())
