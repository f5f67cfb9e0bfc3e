"""The ceiling of a token check: an ASGI app that answers the same bytes and does nothing else.

    python -m bench.bare PORT ANSWER plain|inside

``ANSWER`` is a file of `Answer`. ``plain`` is uvicorn as it comes, ``inside`` is denglu's own
server, with its bounds and clocks.
"""

import json
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from denglu.asgi import WHOLE
from denglu.logs import AccessLog
from denglu.serving.edge import Bounds, Edge
from denglu.serving.faults import FaultAnswers
from denglu.serving.http_server import HttpServer


@dataclass(frozen=True)
class Answer:
    """Headers in their order, without the date, which a server adds; and the body."""

    headers: list[tuple[str, str]]
    body: str

    @property
    def size(self) -> int:
        """Bytes of all header lines and the body."""
        return sum(len(f"{name}: {value}\r\n") for name, value in self.headers) + len(
            self.body.encode()
        )

    def write(self, file: Path) -> None:
        """For another process."""
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> "Answer":
        """What was written."""
        return cls(**json.loads(file.read_text()))


def bare_app(answer: Answer) -> Any:
    """An app that answers the same to everything."""
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    body = answer.body.encode()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope.pop(WHOLE, None)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def plain(app: Any, port: int) -> None:
    """As it comes; without an access log, which costs more than the rest."""
    config = uvicorn.Config(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    uvicorn.Server(config).run()


async def inside(app: Any, port: int) -> None:
    """As ``denglu serve`` does it."""
    listening = socket.create_server(("127.0.0.1", port))
    faults = FaultAnswers("document", "envelope")
    edge = Edge(Bounds(connections=1000), faults, AccessLog())
    server = HttpServer(app, edge, backlog=1024, grace=10, ready=lambda: None)
    await server.serve([listening])


if __name__ == "__main__":
    made = bare_app(Answer.read(Path(sys.argv[2])))
    if sys.argv[3] == "inside":
        uvloop.run(inside(made, int(sys.argv[1])))
    else:
        plain(made, int(sys.argv[1]))
