"""Answers told at once, as denglu's own server takes them, are those told in messages."""

from dataclasses import replace
from typing import Any

import pytest

from denglu.api.app import Application
from denglu.api.envelope import Answer
from denglu.api.exchange import Exchange
from denglu.asgi import Receive, Scope, Send
from tests.api.asgi import Sent, call
from tests.api.conftest import Serve

INDEX = "/v1/member/member/index"
JSON = (b"content-type", b"application/json")
ORIGIN = (b"origin", b"http://localhost:8080")
ASKED = (b"access-control-request-method", b"POST")
REQUESTS: dict[str, tuple[str, str, list[bytes], list[tuple[bytes, bytes]]]] = {
    "a member": ("GET", INDEX, [], [(b"x-api-key", b"good")]),
    "only the head": ("HEAD", INDEX, [], [(b"x-api-key", b"good")]),
    "no token": ("GET", INDEX, [], []),
    "another origin": ("GET", INDEX, [], [ORIGIN]),
    "a preflight": ("OPTIONS", INDEX, [], [ORIGIN, ASKED]),
    "no such path": ("POST", "/nowhere", [b"{}"], [JSON]),
    "wrong method": ("PUT", INDEX, [], []),
    "too large": ("POST", "/v1/site/login", [], [JSON, (b"content-length", b"9999999")]),
    "unread": ("POST", "/nowhere", [], [(b"transfer-encoding", b"chunked")]),
    "health": ("GET", "/healthz", [], []),
    "the page": ("GET", "/docs", [], []),
}


def without_id(sent: Sent) -> Sent:
    request_id = sent.headers["x-request-id"]
    assert len(request_id) == 32
    headers = sent.headers | {"x-request-id": ""}
    body = sent.body.replace(request_id.encode(), b"")
    return replace(sent, headers=headers, body=body, at_once=False, received=0)


@pytest.mark.parametrize("name", REQUESTS)
async def test_nobody_can_tell_how_an_answer_was_told(serve: Serve, wire: str, name: str) -> None:
    app = serve(wire, loopback=True, http_status="real", docs_enabled=True).app
    method, path, body, headers = REQUESTS[name]
    one = await call(app, method, path, body, headers=headers)
    other = await call(app, method, path, body, headers=headers, whole=True)
    assert (one.at_once, other.at_once) == (False, True)
    assert without_id(one) == without_id(other)
    assert one.status


async def test_a_server_that_has_no_room_is_told_in_messages(serve: Serve, wire: str) -> None:
    app = serve(wire).app
    sent = await call(app, "GET", "/healthz", whole=False)
    assert (sent.status, sent.at_once) == (200, False)
    assert sent.body


async def test_the_scope_does_not_keep_what_takes_answers(serve: Serve) -> None:
    scopes: list[Scope] = []
    app = serve().app

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await app(scope, receive, send)

    await call(noting, "GET", "/healthz", whole=True)
    assert not [value for value in scopes[0].values() if callable(value)]


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\r"])
async def test_no_header_ends_its_line(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, value: bytes
) -> None:
    app: Any = serve().app

    async def endpoint(exchange: Exchange) -> Answer:
        return Answer(200, b"", ((b"x-name", value),))

    assert isinstance(app, Application)
    monkeypatch.setattr(app, "_endpoint", endpoint)
    with pytest.raises(ValueError, match="end its line"):
        await call(app, "GET", "/healthz", whole=True)
