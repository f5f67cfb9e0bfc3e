"""What all connections of a server share: their bounds, and the sweep that ends the late ones.

One sweep twice a second looks after every time limit, so that no request pays for a timer.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from denglu.logs import AccessLog
from denglu.serving.faults import FaultAnswers

_log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]


class Connection(Protocol):
    """A connection, as those see it who end it."""

    def expire(self, now: float) -> None:
        """End the connection if its time is up (``now``: the loop's seconds)."""
        ...

    def cut(self) -> None:
        """End the connection at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Sizes in bytes, times in seconds."""

    connections: int
    url: int = 2048
    headers: int = 8192
    header_lines: int = 64
    head_time: float = 5.0
    request_time: float = 10.0
    keep_alive: float = 15.0
    # After the last answer: how long, and how much, to listen to a client that still talks.
    linger_time: float = 2.0
    linger: int = 65536
    # While the server stops: how long a connection that has begun may take to be there, and an
    # idle one may still bring a request.
    handshake_time: float = 0.1
    drain_time: float = 1.0
    sweep: float = 0.5

    @property
    def head(self) -> int:
        """What arrives before a head is whole: first line and header lines."""
        return self.url + self.headers + 64


@dataclass(slots=True)
class Edge:
    """What all connections of a server share."""

    bounds: Bounds
    answers: FaultAnswers
    log: AccessLog
    leaving: set[Connection] = field(default_factory=set)
    draining: bool = False
    _common: tuple[Headers | None, bytes] = field(default=(None, b""), init=False)

    def common_lines(self, headers: Headers) -> bytes:
        """Lines that every answer has: the date. uvicorn makes a new list each second."""
        if self._common[0] is not headers:
            self._common = headers, b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._common[1]

    async def sweep(self, connections: Iterable[Connection]) -> None:
        """End connections whose time is up, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.bounds.sweep)
            now = loop.time()
            for connection in (*connections, *self.leaving):
                try:
                    connection.expire(now)
                except Exception:
                    _log.exception("a connection could not be ended")

    def cut(self, connections: Iterable[Connection]) -> None:
        """End whatever is left."""
        for connection in (*connections, *self.leaving):
            connection.cut()
