"""The gateway ``http``: one signed HTTPS request to a sender of the operator's own.

The protocol is docs/sms-http.md. No redirect is followed, no proxy of the environment is used,
and every request has a connection of its own: so it is always known whether one went out.
"""

import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.domain.spend import parts_of
from denglu.flows.ports import Accepted, GatewayFailed
from denglu.sms.asked import AskedGateway, parts_billed
from denglu.sms.codes import Check
from denglu.sms.network import CONNECT_SECONDS, SECONDS

_LARGEST_ANSWER = 16384
_LONGEST_ID = 64
# What a receiver may say is the matter.
_SAID = (
    Trouble.bad_number,
    Trouble.blocked,
    Trouble.number_limit,
    Trouble.throttled,
    Trouble.refused,
)
Fields = Mapping[str, str | int | bool]


class Http(AskedGateway):
    """Fulfils ``flows.ports.SmsGateway``. ``key``: what requests are signed with."""

    name = "http"

    def __init__(self, url: str, key: str, *, seconds: float = SECONDS) -> None:
        super().__init__(seconds)
        self._url, self._key = urlsplit(url), key.encode()
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None

    async def send(self, message: SmsMessage) -> Accepted:
        """Send. Raises GatewayFailed."""
        number = f"{message.number}-{message.sent_at}"
        return await self.ask(self._send, fields_of(message), {"Idempotency-Key": number})

    def check(self) -> Iterator[Check]:
        """Looks whether the receiver is there and knows our key, without sending. Blocks."""
        try:
            self._send({"probe": True, "sent_at": int(time.time())}, {})
        except GatewayFailed as failure:
            yield Check("credentials", False, failure.trouble, failure.cause)
        else:
            yield Check("credentials", True)

    def _send(self, fields: Fields, headers: Mapping[str, str]) -> Accepted:
        status, answer = self._post(json.dumps(fields, ensure_ascii=False).encode(), headers)
        if 200 <= status < 300 and answer is not None:
            return _accepted(answer, parts_of(str(fields.get("text", ""))))
        said = answer.get("error") if answer else None
        cause = said if said in _SAID else f"HTTP {status}"
        raise self.failed(str(cause), _trouble(status, said))

    def _post(
        self, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, Any] | None]:
        """Status, and the answer where it is a JSON object. Raises GatewayFailed."""
        connection = self._connection()
        try:
            connection.connect()
        except (OSError, ValueError) as error:
            connection.close()
            raise self.failed(type(error).__name__, Trouble.unreachable) from None
        # Of the whole request: one byte now and then would hold a thread for ever.
        end = Timer(self.seconds, _cut, (connection.sock,))
        end.daemon = True
        end.start()
        try:
            connection.sock.settimeout(self.seconds)
            connection.request("POST", self._target(), body, {**self._signed(body), **headers})
            with connection.getresponse() as response:
                return response.status, _object(response.read(_LARGEST_ANSWER))
        except (OSError, HTTPException) as error:
            raise self.failed(type(error).__name__, Trouble.unanswered) from None
        finally:
            end.cancel()
            connection.close()

    def _connection(self) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._tls is None:
            return HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        return HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=self._tls)

    def _target(self) -> str:
        query = f"?{self._url.query}" if self._url.query else ""
        return f"{self._url.path or '/'}{query}"

    def _signed(self, body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()))
        return {
            "Content-Type": "application/json",
            "X-Denglu-Timestamp": stamp,
            "X-Denglu-Signature": f"v1={signature(self._key, stamp, body)}",
        }


def _cut(sock: socket.socket) -> None:
    """End what another thread may be reading."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # TLS or not


def signature(key: bytes, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 over ``timestamp.body``, hexadecimal."""
    return hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def fields_of(message: SmsMessage) -> Fields:
    """What a receiver is told; every field is always there."""
    return {
        "mobile": f"+86{message.mobile}",
        "usage": message.usage,
        "template": message.template or message.usage,
        "code": message.code,
        "minutes": message.minutes,
        "product": message.product,
        "days": message.days,
        "text": message.text,
        "sent_at": message.sent_at,
    }


def _object(raw: bytes) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _accepted(answer: Mapping[str, Any], likely: int) -> Accepted:
    """Taken is taken, whatever else stands there."""
    name = answer.get("id", "")
    known = isinstance(name, str | int) and len(str(name)) <= _LONGEST_ID
    return Accepted(str(name) if known else "", parts_billed(answer.get("parts"), likely))


def _trouble(status: int, said: object) -> Trouble:
    """What an answer says of the message; what says nothing may be the end of one that was sent."""
    known = said in _SAID
    if status == 503 or (status >= 500 and known):
        return Trouble.unreachable
    if 400 <= status < 500 and known:
        return Trouble(str(said))
    return Trouble.throttled if status == 429 else Trouble.unanswered
