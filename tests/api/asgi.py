"""Calls an ASGI app by hand, where a client library would tidy the request up."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from denglu.asgi import WHOLE

Chunk = bytes | Callable[[], Awaitable[bytes]]


@dataclass
class Sent:
    """What an app sent, and how often it asked for more of the body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    received: int = 0
    at_once: bool = False


async def call(
    app: Any,
    method: str,
    path: str,
    chunks: Iterable[bytes] = (),
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    query: bytes = b"",
    client: tuple[str, int] | None = ("203.0.113.9", 50000),
    receive: Callable[[], Awaitable[dict[str, Any]]] | None = None,
    whole: bool | None = None,
) -> Sent:
    """One request; the body comes in ``chunks`` without an end of its own. ``whole``: the server
    takes answers at once, and has room for them or not.
    """
    sent, rest = Sent(), iter(chunks)

    async def next_chunk() -> dict[str, Any]:
        sent.received += 1
        chunk = next(rest, None)
        if chunk is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            sent.status = message["status"]
            sent.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            sent.body += message.get("body", b"")

    def at_once(status: int, lines: bytes, body: bytes, close: bool) -> bool:
        if whole:
            assert lines.endswith(b"\r\n")
            pairs = (line.split(": ", 1) for line in lines.decode().split("\r\n")[:-1])
            sent.headers = dict(pairs) | ({"connection": "close"} if close else {})
            sent.status, sent.body, sent.at_once = status, body, True
        return bool(whole)

    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": list(headers),
        "client": client,
    }
    if whole is not None:
        scope[WHOLE] = at_once
    await app(scope, receive or next_chunk, send)
    return sent
