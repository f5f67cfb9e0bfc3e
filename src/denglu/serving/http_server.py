"""uvicorn, as denglu runs it: signals that are obeyed and not raised again, bounded
connections, and a farewell that answers whoever has begun to ask.
"""

import asyncio
import contextlib
import functools
import logging
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import cast

import uvicorn

from denglu.asgi import ASGIApp
from denglu.serving.edge import Connection, Edge
from denglu.serving.listener import shut_out, somebody_waits
from denglu.serving.protocol import BoundedProtocol


class HttpServer(uvicorn.Server):
    """Serves ``api`` on given sockets until a signal, or ``should_exit``, says stop.

    Where other processes serve the same sockets, all stop at the same time. ``ready`` is called
    once, when it listens. ``grace`` is how many seconds requests in flight are waited for;
    ``force_exit`` tells afterwards that a second signal cut it short. ``signals``: those that
    are obeyed.
    """

    def __init__(
        self,
        api: ASGIApp,
        edge: Edge,
        *,
        backlog: int,
        grace: int,
        ready: Callable[[], None],
        signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM),
    ) -> None:
        # uvicorn's news are told by us; and at level NOTSET it would trace every connection.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        super().__init__(
            uvicorn.Config(
                api,
                http=functools.partial(BoundedProtocol, edge=edge),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                interface="asgi3",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                workers=1,
                backlog=backlog,
                timeout_graceful_shutdown=grace,
            )
        )
        self._edge = edge
        self._ready = ready
        self._signals = signals
        self._sweep: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """On the loop, and not raised again: who is told to stop and stops has not failed."""
        loop = asyncio.get_running_loop()
        for number in self._signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in self._signals:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        self._sweep = asyncio.create_task(self._edge.sweep(self._connections()))
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, and answer what is in flight for as long as the grace lasts."""
        # Who has been let in by the kernel is let in by us.
        shut_out(sockets or [])
        await asyncio.sleep(self._edge.bounds.handshake_time)
        while somebody_waits(sockets or []):  # noqa: ASYNC110
            await asyncio.sleep(0)
        try:
            await super().shutdown(sockets)
            await self._farewell()
        finally:
            if self._sweep is not None:
                self._sweep.cancel()
            self._edge.cut(self._connections())
            await asyncio.sleep(0)

    async def _farewell(self) -> None:
        """Let clients that were refused read why. The sweep ends them; this waits no longer."""
        bounds, time = self._edge.bounds, asyncio.get_running_loop().time
        until = time() + bounds.linger_time + 2 * bounds.sweep
        while self._edge.leaving and time() < until and not self.force_exit:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    def _connections(self) -> Iterable[Connection]:
        return cast(Iterable[Connection], self.server_state.connections)
