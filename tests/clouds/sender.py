"""The receiver of the gateway ``http``, by docs/sms-http.md, with a memory of what it took."""

import hashlib
import hmac
import json
import time
from typing import Any

from tests.clouds.base import Request, Service

KEY = "a-key-that-gateway-and-receiver-have-in-common"
_MOST_SKEW = 300
_FIELDS = {
    "mobile",
    "usage",
    "template",
    "code",
    "minutes",
    "product",
    "days",
    "text",
    "sent_at",
}


class Receiver(Service):
    """``sent``: the messages it took. ``says``: status and answer instead of taking one."""

    key = KEY

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []
        self.says: tuple[int, Any] | None = None
        self.takes: Any = None

    def answer(self, request: Request) -> tuple[int, Any]:
        """See ``Service``."""
        headers = request.lower
        if why := self._forged(headers, request.body):
            self.unlike(why)
            return 401, {"error": "refused"}
        given = json.loads(request.body)
        self.asked.append(given | {"path": request.path})
        if self.says is not None:
            return self.says
        if given.get("probe") is True:
            return 200, {}
        if set(given) != _FIELDS or not headers.get("idempotency-key"):
            self.unlike("fields")
            return 400, {"error": "refused"}
        with self.lock:
            self.sent.append(given | {"key": headers["idempotency-key"]})
            name = f"m-{len(self.sent)}"
        return 200, {"id": name, "parts": 1} if self.takes is None else self.takes

    def _forged(self, headers: dict[str, str], body: bytes) -> str:
        stamp = headers.get("x-denglu-timestamp", "")
        version, _, given = headers.get("x-denglu-signature", "").partition("=")
        right = hmac.new(self.key.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
        if not stamp.isdecimal() or abs(int(stamp) - time.time()) > _MOST_SKEW:
            return "time"
        if version != "v1" or not hmac.compare_digest(given, right.hexdigest()):
            return "signature"
        return "" if headers.get("content-type") == "application/json" else "content type"
