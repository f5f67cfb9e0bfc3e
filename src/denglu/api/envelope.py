"""The envelope: how answers and refusals look on the wire, in both profiles.

The only module that knows status numbers. What it is given is what it says: it asks no flow.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from denglu.api.exchange import Exchange
from denglu.api.jsontext import Json, to_json
from denglu.api.messages import sentence
from denglu.api.options import Clock
from denglu.api.refusals import WireRefusal
from denglu.api.wire import Wire
from denglu.domain.errors import Reason, Refusal

RawHeaders = tuple[tuple[bytes, bytes], ...]

STATUS = {
    Reason.token_missing: 401,
    Reason.token_invalid: 401,
    Reason.token_expired: 401,
    Reason.session_replaced: 401,
    Reason.session_ended: 401,
    Reason.refresh_expired: 401,
    Reason.refresh_invalid: 401,
    Reason.malformed_body: 400,
    Reason.not_found: 404,
    Reason.merchant_plugin_missing: 404,
    Reason.method_not_allowed: 405,
    Reason.body_too_large: 413,
    Reason.unsupported_media_type: 415,
    Reason.too_many_attempts: 429,
    Reason.internal: 500,
    Reason.busy: 503,
}
"""Codes of reasons; a reason that is not listed is 422."""

_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
# 422 for something else than what a form holds.
NOT_ABOUT_FORMS = frozenset(
    {
        Reason.captcha_required,
        Reason.sms_too_frequent,
        Reason.sms_budget,
        Reason.sms_failed,
        Reason.merchant_not_found,
    }
)

SAFETY_HEADERS: RawHeaders = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_JSON_HEADERS: RawHeaders = (
    (b"content-type", b"application/json; charset=UTF-8"),
    *SAFETY_HEADERS,
)


@dataclass(slots=True)
class Answer:
    """What goes out: HTTP status, headers (without length and request id) and body.

    `code` is the envelope's, `reason` why it was refused; `close` ends the connection.
    """

    status: int
    body: bytes
    headers: RawHeaders = _JSON_HEADERS
    code: int = 200
    reason: str = ""
    close: bool = False


def code_of(reason: Reason) -> int:
    """The envelope's code for a reason."""
    return STATUS.get(reason, 422)


def challenge(reason: Reason) -> tuple[bytes, bytes]:
    """The header that goes with a token that was refused (RFC 6750)."""
    missing = reason is Reason.token_missing
    said = b'Bearer realm="denglu"' + (b"" if missing else b', error="invalid_token"')
    return b"www-authenticate", said


def plain_answer(status: int, value: Json) -> Answer:
    """JSON without an envelope and with its real status: for health checks."""
    return Answer(status, to_json(value), code=status)


class Envelope:
    """Wraps answers for one profile. `now` gives Unix seconds, `minimum` the password length."""

    def __init__(self, wire: Wire, *, real_status: bool, now: Clock, minimum: int) -> None:
        self._wire = wire
        self._real_status = real_status
        self._now = now
        self._minimum = minimum

    def ok(self, data: bytes, message: str = "OK") -> Answer:
        """A success; `data` is JSON text."""
        return Answer(200, self._wrap(b"200", to_json(message), data))

    def refuse(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """A refusal, in the language that the client asked for."""
        code = code_of(refusal.reason)
        message = sentence(
            refusal.reason,
            english=exchange.english,
            label=refusal.label if isinstance(refusal, WireRefusal) else None,
            minimum=self._minimum,
        )
        is_form = code == 422 and refusal.reason not in NOT_ABOUT_FORMS
        if is_form and self._wire.named_errors:
            data: Json = []
        else:
            data = self._error_data(refusal, code, message, exchange.request_id)
        body = self._wrap(
            b"%d" % code,
            to_json(message),
            to_json(data),
            b"" if is_form else exchange.request_id.encode(),
        )
        return Answer(
            status=code if self._real_status else 200,
            body=body,
            headers=_JSON_HEADERS + tuple(_refusal_headers(refusal, code)),
            code=code,
            reason=refusal.reason.value,
            close=isinstance(refusal, WireRefusal) and refusal.close,
        )

    def _wrap(self, code: bytes, message: bytes, data: bytes, req_id: bytes = b"") -> bytes:
        body = b'{"code":%b,"message":%b,"data":%b' % (code, message, data)
        if not self._wire.stamped:
            return body + b"}"
        stamp = b',"timestamp":%d' % self._now()
        return body + stamp + (b',"req_id":"%b"}' % req_id if req_id else b"}")

    def _error_data(
        self, refusal: Refusal, code: int, message: str, request_id: str
    ) -> dict[str, Json]:
        data: dict[str, Json] = {}
        if self._wire.named_errors:
            data |= {"name": _NAMES[code], "message": message, "code": 0, "status": code}
        data["reason"] = refusal.reason.value
        if refusal.retry_after is not None:
            data["retry_after"] = refusal.retry_after
        if refusal.fields:
            data["fields"] = {name: reason.value for name, reason in refusal.fields.items()}
        if refusal.reason is Reason.internal and not self._wire.stamped:
            data["req_id"] = request_id
        return data | refusal.details


def _refusal_headers(refusal: Refusal, code: int) -> Iterable[tuple[bytes, bytes]]:
    if refusal.retry_after is not None:
        yield b"retry-after", b"%d" % refusal.retry_after
    if code == 401:
        yield challenge(refusal.reason)
    if isinstance(refusal, WireRefusal) and refusal.allow:
        yield b"allow", refusal.allow.encode()
