"""``denglu serve``: everything that happens around the ASGI app while it is being served."""

import asyncio
import contextlib
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable

import uvloop

from denglu.app import App, open_api, open_app
from denglu.domain.errors import Refusal
from denglu.flows.retain import Retain
from denglu.logs import AccessLog
from denglu.serving.edge import Bounds, Edge
from denglu.serving.faults import FaultAnswers
from denglu.serving.http_server import HttpServer
from denglu.serving.listener import allow_files, bound
from denglu.settings import Settings, is_loopback
from denglu.store.file import ServerLock, check_file
from denglu.store.migrate import migrate

_log = logging.getLogger(__name__)
_RETENTION_PAUSE = 60.0

# Called once, when the server answers: with the port it listens on.
Ready = Callable[[int], None]


def serve(settings: Settings, key: bytes, host: str, port: int, ready: Ready) -> None:
    """Serve until a signal says stop; returns when every request in flight is answered.

    Raises FileTrouble, WrongSchema or CannotListen before the first byte, and
    KeyboardInterrupt when a second signal cut the farewell short.
    """
    with ServerLock(settings.database_path), bound(host, port) as sockets:
        if migrate(settings.database_path):
            _log.info("the database was brought up to date")
        check_file(settings.database_path)
        allow_files(settings.max_connections)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            whole = runner.run(_serve(settings, key, host, sockets, ready))
    if not whole:
        raise KeyboardInterrupt


async def _serve(
    settings: Settings, key: bytes, host: str, sockets: list[socket.socket], ready: Ready
) -> bool:
    async with _opened(settings, key) as app:
        log = AccessLog()
        api = open_api(app, settings, log, bound_to_loopback=is_loopback(host))
        edge = Edge(_bounds(settings), FaultAnswers(settings.wire, settings.http_status), log)

        def listening() -> None:
            # What has been made by now stays. A collection that looked at all of it would hold
            # every request up for 50 ms and more.
            gc.freeze()
            gc.enable()
            ready(sockets[0].getsockname()[1])

        server = HttpServer(
            api, edge, backlog=settings.backlog, grace=settings.shutdown_grace, ready=listening
        )
        try:
            await server.serve(sockets)
        finally:
            log.close()
        return not server.force_exit


@contextlib.asynccontextmanager
async def _opened(settings: Settings, key: bytes) -> AsyncIterator[App]:
    app = open_app(settings, key)
    upkeep = asyncio.create_task(_retain(app.retain))
    try:
        yield app
    finally:
        upkeep.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await upkeep
        await app.close()


async def _retain(retain: Retain) -> None:
    while True:
        more = False
        try:
            more = await retain()
        except Refusal:
            pass  # the database is busy: there is always a next round
        except Exception:
            _log.exception("retention failed; it will be tried again")
        await asyncio.sleep(0.05 if more else _RETENTION_PAUSE)


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        connections=settings.max_connections,
        request_time=settings.body_timeout,
        keep_alive=settings.keep_alive,
    )
