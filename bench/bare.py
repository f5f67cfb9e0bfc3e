"""The ceiling of a token check: an ASGI app that answers the same bytes and does nothing else."""

import sys
from pathlib import Path
from typing import Any

import uvicorn

HEADERS = [
    (b"content-type", b"application/json; charset=UTF-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-request-id", b"0" * 32),
]


def bare_app(body: bytes) -> Any:
    """An app that answers ``body`` to everything."""
    headers = [*HEADERS, (b"content-length", b"%d" % len(body))]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


if __name__ == "__main__":
    uvicorn.run(
        bare_app(Path(sys.argv[2]).read_bytes()),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )
