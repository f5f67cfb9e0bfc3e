"""Answers to what never became a request: too large, too slow, no HTTP, one connection too many.

They have the envelope's shape in the profile's own form. The API never sees these requests,
so their status line says what happened; ``busy`` alone is a refusal of the contract and keeps
to the setting ``http_status``, where people ask. Programs judge by the status: to a proxy that
asks about a member, 200 is a yes.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a connection ends: the status, the stable reason and the sentence."""

    status: HTTPStatus
    reason: str
    message: str
    retry_after: int | None = None


NO_HTTP = Fault(HTTPStatus.BAD_REQUEST, "malformed_request", "请求格式错误")
TOO_SLOW = Fault(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "请求超时")
URL_TOO_LONG = Fault(HTTPStatus.REQUEST_URI_TOO_LONG, "url_too_long", "请求地址过长")
HEAD_TOO_LARGE = Fault(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "请求头过大"
)
CROWDED = Fault(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "服务器繁忙，请稍后再试", retry_after=1)
CROWDED_FOR_MACHINES = replace(CROWDED)


class FaultAnswers:
    """Renders faults for one wire profile. ``now`` gives Unix seconds."""

    def __init__(self, wire: str, http_status: str, now: Callable[[], float] = time.time) -> None:
        self._stamped = wire == "rageframe"
        self._real_status = http_status == "real"
        self._now = now

    def status(self, fault: Fault) -> HTTPStatus:
        """The status of the answer's first line."""
        return fault.status if fault is not CROWDED or self._real_status else HTTPStatus.OK

    def render(self, fault: Fault, request_id: str) -> bytes:
        """The whole answer, from the status line to the body."""
        body = json.dumps(
            self._envelope(fault, request_id), ensure_ascii=False, separators=(",", ":")
        ).encode()
        status = self.status(fault)
        retry = f"retry-after: {fault.retry_after}\r\n" if fault.retry_after else ""
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "content-type: application/json; charset=UTF-8\r\n"
            "cache-control: no-store\r\n"
            "x-content-type-options: nosniff\r\n"
            f"x-request-id: {request_id}\r\n"
            f"{retry}content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        return head.encode() + body

    def _envelope(self, fault: Fault, request_id: str) -> dict[str, object]:
        code = fault.status.value
        data: dict[str, object] = {"reason": fault.reason}
        if fault.retry_after:
            data["retry_after"] = fault.retry_after
        if not self._stamped:
            return {"code": code, "message": fault.message, "data": data}
        named = {"name": fault.status.phrase, "message": fault.message, "code": 0, "status": code}
        return {
            "code": code,
            "message": fault.message,
            "data": named | data,
            "timestamp": int(self._now()),
            "req_id": request_id,
        }
