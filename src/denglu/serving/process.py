"""One server process, from its first connection to its last answer: alone, or as a worker."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import uvloop

from denglu.app import App, open_api, open_app
from denglu.domain.errors import Refusal
from denglu.flows.keep_time import KeepTime
from denglu.flows.retain import Retain
from denglu.logs import AccessLog
from denglu.moving.nightly import nightly_backups
from denglu.plugins.faults import PluginFault
from denglu.serving.edge import Bounds, Edge
from denglu.serving.faults import FaultAnswers
from denglu.serving.http_server import HttpServer
from denglu.serving.workers import FAULT, FORCE, READY
from denglu.settings import Settings, is_loopback

_log = logging.getLogger(__name__)
_RETENTION_PAUSE = 60.0
_MARK_PAUSE = 60.0
_LONGEST_FAULT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What a process needs to serve. ``sockets`` are bound, and maybe shared with others."""

    settings: Settings
    key: bytes
    host: str
    sockets: list[socket.socket]

    def serve(self, ready: Callable[[], None]) -> bool:
        """Serve until a signal says stop; returns whether all in flight was answered.

        ``ready`` is called once, when the process listens.
        """
        return self._run(ready, None, retains=True)

    def work(self, number: int, channel: socket.socket) -> None:
        """The same for a worker, which obeys its parent alone. The first one also tidies up."""

        def ready() -> None:
            # A parent that died meanwhile is noticed where its words are read.
            with contextlib.suppress(OSError):
                channel.send(READY)

        def mark(record: logging.LogRecord) -> bool:
            record.worker = number
            return True

        for handler in logging.getLogger().handlers:
            handler.addFilter(mark)
        try:
            self._run(ready, channel, retains=number == 1)
        except PluginFault as fault:
            with contextlib.suppress(OSError):
                channel.send(FAULT + str(fault).encode()[:_LONGEST_FAULT])
            raise SystemExit(1) from None

    def _run(
        self, ready: Callable[[], None], channel: socket.socket | None, *, retains: bool
    ) -> bool:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(self._serve(ready, channel, retains=retains))

    async def _serve(
        self, ready: Callable[[], None], channel: socket.socket | None, *, retains: bool
    ) -> bool:
        settings = self.settings
        opened = _opened(settings, self.key, retains=retains)
        async with opened as app, nightly_backups(settings):
            log = AccessLog()
            api = open_api(app, settings, log, bound_to_loopback=is_loopback(self.host))
            edge = Edge(_bounds(settings), FaultAnswers(settings.wire, settings.http_status), log)

            def listening() -> None:
                # What has been made by now stays. A collection that looked at all of it would
                # hold every request up for 50 ms and more.
                gc.freeze()
                gc.enable()
                ready()

            server = HttpServer(
                api,
                edge,
                backlog=settings.backlog,
                grace=settings.shutdown_grace,
                ready=listening,
                signals=() if channel else (signal.SIGINT, signal.SIGTERM),
            )
            with contextlib.closing(log), _obeying(server, channel):
                await server.serve(self.sockets)
            return not server.force_exit


@contextlib.contextmanager
def _obeying(server: HttpServer, channel: socket.socket | None) -> Iterator[None]:
    """Stop when the parent says so, or is gone."""
    if channel is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def hear() -> None:
        said = b""
        with contextlib.suppress(ConnectionError):
            said = channel.recv(16)
        server.force_exit |= FORCE in said
        server.should_exit = True
        if not said:
            loop.remove_reader(channel)

    loop.add_reader(channel, hear)
    try:
        yield
    finally:
        loop.remove_reader(channel)


@contextlib.asynccontextmanager
async def _opened(settings: Settings, key: bytes, *, retains: bool) -> AsyncIterator[App]:
    app = open_app(settings, key)
    keep_time = KeepTime(app.store, app.clock)
    tasks: list[asyncio.Task[None]] = []
    try:
        await _mark(keep_time)
        tasks.append(asyncio.create_task(_mark_time(keep_time)))
        if retains:
            tasks.append(asyncio.create_task(_retain(app.retain)))
        yield app
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _mark(keep_time)
        await app.close()


async def _mark_time(keep_time: KeepTime) -> None:
    while True:
        await asyncio.sleep(_MARK_PAUSE if keep_time.resumed else 1.0)
        await _mark(keep_time)


async def _mark(keep_time: KeepTime) -> None:
    try:
        await keep_time.mark()
    except Refusal:
        pass  # the database is busy: the next mark does as well
    except Exception:
        _log.exception("how late it is could not be written down; it will be tried again")


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
