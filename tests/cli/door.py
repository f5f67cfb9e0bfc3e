"""The server's door in the test's own loop: a tiny ASGI app behind the real HTTP edge."""

import asyncio
import contextlib
import functools
import io
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import uvloop

from denglu.asgi import WHOLE, Receive, Scope, Send
from denglu.logs import AccessLog
from denglu.serving.edge import Bounds, Edge
from denglu.serving.faults import FaultAnswers
from denglu.serving.http_server import HttpServer

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


def on_uvloop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test on the loop that the server runs on."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        async def whole() -> None:
            await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(whole())

    return run


async def until(true: Callable[[], object]) -> None:
    """Wait until something has become true."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@dataclass
class Answer:
    """One answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        """The body as JSON."""
        value: dict[str, Any] = json.loads(self.body)
        return value


@dataclass
class Client:
    """A raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, raw: bytes) -> None:
        """Send bytes."""
        self.writer.write(raw)
        await self.writer.drain()

    async def answer(self) -> Answer:
        """The next answer."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
        first, *lines = head.decode().split("\r\n")[:-2]
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return Answer(int(first.split(" ")[1]), headers, body)

    async def ask(self, raw: bytes) -> Answer:
        """Send bytes and read an answer."""
        await self.send(raw)
        return await self.answer()

    async def end(self) -> bytes:
        """What still comes until the server closes."""
        return await asyncio.wait_for(self.reader.read(), 20)

    def close(self) -> None:
        """Hang up."""
        self.writer.transport.abort()


@dataclass
class Door:
    """A running server and what happened behind it. ``whole``: the app answers in the server's
    own way, not in messages.
    """

    server: HttpServer
    edge: Edge
    port: int
    log: io.StringIO
    task: "asyncio.Task[None]"
    seen: list[str] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[Client] = field(default_factory=list)
    whole: bool = False

    async def client(self) -> Client:
        """A new connection."""
        new = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(new)
        return new

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the path and the size of the body."""
        path, whole = scope["path"], scope.pop(WHOLE)
        size, more = 0, path not in ("/early", "/quick")
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.seen.append("gone")
                return
            size += len(message["body"])
            more = message["more_body"]
        self.seen.append(path)
        if path == "/held":
            self.held.set()
            await self.hold.wait()
        body = b"x" * 20_000_000 if path == "/big" else f"{path} {size}".encode()
        close = path == "/early"
        length = b"content-length: %d\r\n" % len(body)
        if self.whole and whole(200, length, body, close):
            return
        headers = [(b"content-length", b"%d" % len(body))]
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def lines(self) -> list[dict[str, Any]]:
        """The access log."""
        self.edge.log.flush()
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    async def empty(self) -> None:
        """Wait until no connection is left."""
        await until(lambda: not (self.server.server_state.connections or self.edge.leaving))


@contextlib.asynccontextmanager
async def open_door(
    wire: str = "document", http_status: str = "envelope", *, whole: bool = False, **bounds: Any
) -> AsyncIterator[Door]:
    """A door with these bounds; what is not given is far away. Closed at the end."""
    far = {"connections": 100, "head_time": 60, "request_time": 60, "keep_alive": 60}
    text = io.StringIO()
    edge = Edge(
        Bounds(**(far | {"sweep": 0.01, "drain_time": 0.05, "linger_time": 0.5} | bounds)),
        FaultAnswers(wire, http_status, now=lambda: 1_700_000_000),
        AccessLog(text),
    )
    ready = asyncio.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    door: Door

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await door.app(scope, receive, send)

    server = HttpServer(app, edge, backlog=16, grace=10, ready=ready.set)
    task = asyncio.create_task(server.serve([listening]))
    door = Door(server, edge, port, text, task, whole=whole)
    await ready.wait()
    try:
        yield door
    finally:
        door.hold.set()
        for client in door.clients:
            client.close()
        server.should_exit = True
        await task
        edge.log.close()
