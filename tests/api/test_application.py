"""The ASGI side: start and stop, the access log, a real server at the other end of a socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from denglu.api.app import Application, build_api
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Groups
from tests.api.bodies import LOGIN, SMS, good_bodies
from tests.api.conftest import Serve
from tests.api.fakes import NOW, FakeFlows, options_for

INDEX = "/v1/member/member/index"


def plain_api(flows: FakeFlows, **further: Any) -> Application:
    async def ready() -> bool:
        return True

    return build_api(
        flows,
        options_for("document"),
        groups=Groups(),
        common_passwords=(),
        ready=ready,
        now=lambda: NOW,
        access_log=lambda *told: None,
        **further,
    )


async def lifespan_of(app: Application) -> list[str]:
    told: list[str] = []
    asked = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(asked)}

    async def send(message: Any) -> None:
        told.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return told


async def test_what_starts_with_the_server_ends_with_it() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        events.append("open")
        yield
        events.append("closed")

    complete = ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert await lifespan_of(plain_api(FakeFlows(), lifespan=lifespan)) == complete
    assert events == ["open", "closed"]
    assert await lifespan_of(plain_api(FakeFlows())) == complete


async def test_a_websocket_is_turned_away() -> None:
    told = []

    async def send(message: Any) -> None:
        told.append(message["type"])

    await plain_api(FakeFlows())({"type": "websocket"}, None, send)  # type: ignore[arg-type]
    assert told == ["websocket.close"]


async def test_the_access_log_hears_of_every_request_once(serve: Serve, wire: str) -> None:
    server = serve(wire, flows=FakeFlows())
    await server("GET", INDEX, headers={"X-Api-Key": "A" * 43})
    await server("POST", "/v1/site/login", json=LOGIN | {"group": "h5"})
    await server("POST", "/v1/site/sms-code", json=SMS)
    server.flows.refusal = Refusal(Reason.bad_code)
    await server("POST", "/v1/site/register", json=good_bodies(wire)["/v1/site/register"])
    await server("GET", "/nowhere")
    told = [
        (
            line.exchange.method,
            line.exchange.path,
            line.answer.code,
            line.answer.reason,
            line.exchange.group,
            line.exchange.mobile,
            line.exchange.member_id,
            line.exchange.ip,
        )
        for line in server.lines
    ]
    peer, mobile = "203.0.113.9", "13800000000"
    assert told == [
        ("GET", INDEX, 200, "", "pc", None, 7, peer),
        ("POST", "/v1/site/login", 200, "", "h5", None, 7, peer),
        ("POST", "/v1/site/sms-code", 200, "", "", mobile, None, peer),
        ("POST", "/v1/site/register", 422, "bad_code", "pc", mobile, None, peer),
        ("GET", "/nowhere", 404, "not_found", "", None, None, peer),
    ]
    assert all(line.seconds >= 0 for line in server.lines)


@asynccontextmanager
async def listening(app: Application) -> AsyncIterator[int]:
    """A real uvicorn on loopback; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, http="httptools", server_header=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def exchange(port: int, request: bytes) -> bytes:
    """Everything that the server says until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


async def test_I09_a_real_server_closes_on_a_lying_content_length() -> None:
    head = (
        b"POST /v1/site/login HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
    )
    flows = FakeFlows()
    async with listening(plain_api(flows)) as port:
        answer = await exchange(port, head + b"{")
    assert b'"code":413' in answer
    assert flows.calls == []


async def test_I09_a_real_server_stops_reading_an_endless_body() -> None:
    head = (
        b"POST /v1/site/login HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    async with listening(plain_api(FakeFlows())) as port:
        answer = await exchange(
            port,
            head
            + b"1000\r\n"
            + b"x" * 4096
            + b"\r\n"
            + b"2000\r\n"
            + b"x" * 8192
            + b"\r\n1001\r\n"
            + b"x" * 4097
            + b"\r\n",
        )
    assert b'"code":413' in answer
    assert b"connection: close" in answer.lower()


async def test_a_connection_goes_on_after_a_refusal() -> None:
    body = b'{"username":"demo"}'
    request = (
        b"POST /v1/site/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n%b\r\n%b"
    )
    async with listening(plain_api(FakeFlows())) as port:
        twice = request % (len(body), b"", body) + request % (
            len(body),
            b"Connection: close\r\n",
            body,
        )
        answer = await exchange(port, twice)
    assert answer.count(b'"code":422') == 2
