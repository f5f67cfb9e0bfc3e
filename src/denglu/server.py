"""``denglu serve``: everything that happens around the ASGI app while it is being served."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import uvicorn
import uvloop

from denglu.app import App, open_api, open_app
from denglu.domain.errors import Refusal
from denglu.flows.retain import Retain
from denglu.logs import AccessLog
from denglu.settings import Settings, is_loopback
from denglu.store.file import ServerLock, check_file
from denglu.store.migrate import migrate

_log = logging.getLogger(__name__)
_RETENTION_PAUSE = 60.0


def serve(settings: Settings, key: bytes, host: str, port: int) -> None:
    """Serve until a signal says stop. Raises FileTrouble or WrongSchema before the first byte."""
    with ServerLock(settings.database_path):
        if migrate(settings.database_path):
            _log.info("the database was brought up to date")
        check_file(settings.database_path)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, key, host, port))


async def _serve(settings: Settings, key: bytes, host: str, port: int) -> None:
    async with _opened(settings, key) as app:
        access_log = AccessLog()
        api = open_api(app, settings, access_log, bound_to_loopback=is_loopback(host))
        server = uvicorn.Server(_uvicorn_config(settings, api, host, port))
        try:
            await server.serve()
        finally:
            access_log.close()
        if not server.started:
            raise OSError(f"cannot listen on {host}:{port}")


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
        try:
            more = await retain()
        except Refusal:
            more = False  # the database is busy: there is always a next round
        await asyncio.sleep(0.05 if more else _RETENTION_PAUSE)


def _uvicorn_config(settings: Settings, api: object, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        api,  # type: ignore[arg-type]
        host=host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=settings.backlog,
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=settings.keep_alive,
        timeout_graceful_shutdown=settings.shutdown_grace,
    )
