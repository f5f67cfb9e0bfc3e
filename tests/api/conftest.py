"""An API on fakes, called through ASGI; every answer is held to the API document."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx
import pytest

from denglu.api.app import Application, build_api
from denglu.api.metrics import Render
from denglu.api.routes import Route
from denglu.domain.groups import Groups
from denglu.domain.request_limit import RequestLimit
from tests.api.fakes import NOW, FakeFlows, options_for
from tests.openapi_holder import check_answer

COMMON = frozenset({"password123", "qwertyuiop"})


class Line:
    """What the access log was told of one request."""

    def __init__(self, exchange: Any, answer: Any, seconds: float) -> None:
        self.exchange, self.answer, self.seconds = exchange, answer, seconds


class Server:
    """One configured API and a client of it."""

    def __init__(
        self,
        wire: str,
        *,
        flows: FakeFlows | None = None,
        loopback: bool = False,
        peer: str = "203.0.113.9",
        requests: RequestLimit | None = None,
        metrics: Render | None = None,
        routes: Sequence[Route] = (),
        **changes: Any,
    ) -> None:
        self.wire = wire
        self.flows = flows or FakeFlows()
        self.lines: list[Line] = []
        self.is_ready = True
        options = options_for(wire, **changes)
        self.app: Application = build_api(
            self.flows,
            options,
            groups=Groups(folded=wire == "rageframe"),
            common_passwords=COMMON,
            ready=self._ready,
            now=lambda: NOW,
            access_log=lambda *told: self.lines.append(Line(*told)),
            requests=requests,
            metrics=metrics,
            bound_to_loopback=loopback,
            routes=routes,
        )
        transport = httpx.ASGITransport(self.app, client=(peer, 50000))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://denglu.test")

    async def _ready(self) -> bool:
        return self.is_ready

    async def __call__(self, method: str, path: str, **request: Any) -> httpx.Response:
        response = await self._client.request(method, path, **request)
        check_answer(
            method,
            response.request.url.path,
            response.status_code,
            response.headers,
            response.content,
            self.wire,
        )
        return response

    async def post(self, path: str, body: Any = None, **request: Any) -> Any:
        """POST JSON; returns the envelope."""
        response = await self("POST", path, json={} if body is None else body, **request)
        return response.json()

    async def post_text(self, path: str, text: str | bytes, media: str = "application/json") -> Any:
        """POST a body as it is; returns the envelope."""
        response = await self("POST", path, content=text, headers={"Content-Type": media})
        return response.json()

    async def get(self, path: str, **headers: str) -> Any:
        """GET; returns the envelope."""
        return json.loads((await self("GET", path, headers=headers)).content)

    async def close(self) -> None:
        await self._client.aclose()


Serve = Callable[..., Server]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Makes servers: ``serve("document", mounts=("/api",))``."""
    servers: list[Server] = []

    def make(wire: str = "document", **settings: Any) -> Server:
        servers.append(Server(wire, **settings))
        return servers[-1]

    yield make
    for server in servers:
        await server.close()


@pytest.fixture(params=["document", "rageframe"])
def wire(request: pytest.FixtureRequest) -> str:
    """Both profiles."""
    return str(request.param)
