"""uvicorn's HTTP protocol with bounds: how large a request's head is, how long it may take to
arrive, how many connections there are, and how a connection ends without cutting its answer.

It knows bytes and seconds. What a request means is the API's.
"""

import asyncio
import os
import re
from functools import partial
from itertools import chain
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from denglu.asgi import WHOLE
from denglu.serving.edge import Edge
from denglu.serving.faults import (
    CROWDED,
    CROWDED_FOR_MACHINES,
    HEAD_TOO_LARGE,
    NO_HTTP,
    TOO_SLOW,
    URL_TOO_LONG,
    Fault,
)

_IDLE, _HEAD, _BODY, _ANSWERING, _LEAVING, _TURNED_AWAY = range(6)
_NEVER = float("inf")
# Where apps call, under any mount. Whatever does not begin so may be a machine's question.
_OF_AN_APP = re.compile(rb"[A-Z]+ [^ ?]*/v1/")
_UPGRADE = re.compile(rb"(?i)(?<=\r\n)upgrade(?=:)")


class BoundedProtocol(HttpToolsProtocol):
    """One connection. ``_due`` is when its present stage must be over, ``_read_by`` when a client
    must have read what is kept for it.
    """

    def __init__(self, *, edge: Edge, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._edge = edge
        self._bounds = edge.bounds
        self._time = self.loop.time
        self._stage = _IDLE
        self._due = self._read_by = _NEVER
        self._begun = 0.0
        self._unread = 0
        self._fault = NO_HTTP

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # The response cycle gets this object for a transport: see ``close``.
        self.write, self.is_closing = transport.write, transport.is_closing
        self._due = self._time() + self._bounds.head_time
        if len(self.connections) > self._bounds.connections:
            self._turn_away()

    def _turn_away(self) -> None:
        """One too many: it is told so, in the way of those who ask for what it asks for."""
        self._stage = _TURNED_AWAY
        self._due = self._time() + self._bounds.linger_time
        self._let_go()

    def connection_lost(self, exc: Exception | None) -> None:
        self._edge.leaving.discard(self)
        super().connection_lost(exc)
        self.write = _unheard
        self._forget_waiting()
        if self.cycle is not None:
            self.cycle.transport = self.transport  # no circle is left for the collector

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that has said everything still waits for its answer."""
        if self._stage != _ANSWERING:
            return False
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read_by = self._time() + self._bounds.keep_alive

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read_by = _NEVER

    def data_received(self, data: bytes) -> None:
        stage = self._stage
        if stage == _TURNED_AWAY:
            self._refuse(CROWDED if _OF_AN_APP.match(data) else CROWDED_FOR_MACHINES)
            return
        if stage == _IDLE and b"pgrade" in data:
            data = _without_upgrade(data)
        self._unread += len(data)
        if stage == _LEAVING:
            if self._unread > self._bounds.linger:
                self.transport.pause_reading()
            return
        if stage <= _HEAD and (excess := self._unread - self._bounds.head) > 0:
            # Parse no more of it than a head may have; what follows must be a body.
            self._feed(data[:-excess])
            if self._stage <= _HEAD and self._unread:  # no head ended in it
                self._refuse(HEAD_TOO_LARGE)
            if self._stage == _LEAVING:
                return
            data = data[-excess:]
        self._feed(data)
        if stage > _HEAD:
            self._unread = 0

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # answered as if the client had not asked
        except httptools.HttpParserError:
            self._refuse(self._fault)

    # Called by the parser; what is raised here comes out of ``feed_data``.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stage = _HEAD
        self._begun = now = self._time()
        self._due = now + self._bounds.head_time

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self._bounds.url:
            self._fault = URL_TOO_LONG
            raise ValueError

    def on_headers_complete(self) -> None:
        lines, bounds = self.headers, self._bounds
        size = sum(map(len, chain.from_iterable(lines))) + 4 * len(lines)
        if len(lines) > bounds.header_lines or size > bounds.headers:
            self._fault = HEAD_TOO_LARGE
            raise ValueError
        super().on_headers_complete()
        self.cycle.transport = self  # type: ignore[assignment]
        self.scope[WHOLE] = partial(self._answer, self.cycle)  # type: ignore[literal-required]
        if self._edge.draining:
            self.cycle.keep_alive = False
        self._stage = _BODY
        self._unread = 0
        self._due = self._begun + bounds.request_time

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.cycle.response_complete:  # the answer did not wait for the body
            self._rest()
        else:
            self._stage = _ANSWERING
            self._due = _NEVER

    # Called by the response cycle.

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._stage == _LEAVING or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._stage == _ANSWERING:
            self._rest()

    def _answer(
        self, cycle: RequestResponseCycle, status: int, lines: bytes, body: bytes, close: bool
    ) -> bool:
        """A whole answer, written at once: an ``asgi.Whole``. What uvicorn's cycle does with two
        messages, without looking at each header, which takes it 3 µs, and in one piece.
        """
        if cycle.disconnected:
            return True
        if self.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        if close or not cycle.keep_alive:
            cycle.keep_alive = False
            lines += b"connection: close\r\n"
        common = self._edge.common_lines(cycle.default_headers)
        self.write(b"%b%b%b\r\n%b" % (STATUS_LINE[status], common, lines, body))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.close()
        cycle.on_response()
        return True

    def close(self) -> None:
        """End the connection after an answer; linger if the request is still arriving."""
        if self._stage == _BODY:
            self._leave()
        elif self._stage != _LEAVING:
            self.transport.close()

    def _rest(self) -> None:
        self._stage = _IDLE
        bounds = self._bounds
        self._due = self._time() + (bounds.drain_time if self._edge.draining else bounds.keep_alive)

    # Ends.

    def shutdown(self) -> None:
        """The server stops: answer what has begun, and let idle connections go."""
        self._edge.draining = True
        if self._stage == _IDLE:
            self._due = min(self._due, self._time() + self._bounds.drain_time)
        elif self.cycle is not None:
            self.cycle.keep_alive = False

    def cut(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def expire(self, now: float) -> None:
        """End the connection if its time is up."""
        if now < self._due and now < self._read_by:
            return
        if self._stage in (_HEAD, _BODY):
            self._refuse(TOO_SLOW)
        elif self._stage == _TURNED_AWAY:
            self._refuse(CROWDED_FOR_MACHINES)
        elif self._stage == _IDLE and not self.transport.get_write_buffer_size():
            self.transport.close()
        else:
            self.transport.abort()

    def _refuse(self, fault: Fault) -> None:
        """Answer instead of the API, and leave."""
        cycle: RequestResponseCycle | None = self.cycle
        request_id = os.urandom(16).hex()
        if cycle is None or cycle.response_complete:
            self._write_log(fault, request_id)
            cycle = None
        else:
            cycle.disconnected = True
            cycle.message_event.set()
            self._forget_waiting()
        if cycle is None or not cycle.response_started:
            self.transport.write(self._edge.answers.render(fault, request_id))
        self._leave()

    def _leave(self) -> None:
        """Say that no more will come, but listen on: a reset could overtake the answer."""
        self._stage = _LEAVING
        self.write = _unheard
        self._unread = 0
        self._due = self._time() + self._bounds.linger_time
        self._let_go()
        if not self.transport.is_closing():
            self.transport.write_eof()
            self.flow.resume_reading()

    def _forget_waiting(self) -> None:
        """Requests that wait for their turn get none; no circle is left for the collector."""
        if self.pipeline:
            for cycle, _ in self.pipeline:
                del cycle.scope[WHOLE]  # type: ignore[misc]
            self.pipeline.clear()
            self.cycle = None  # type: ignore[assignment]  # it was the last of them

    def _let_go(self) -> None:
        """It counts no more; but of those who only linger, there are not more than of others."""
        self.connections.discard(self)
        self._edge.leaving.add(self)
        if len(self._edge.leaving) > self._bounds.connections:
            self.transport.abort()

    def _write_log(self, fault: Fault, request_id: str) -> None:
        url = getattr(self, "url", b"") if self._stage == _HEAD else b""
        self._edge.log.write(
            request_id=request_id,
            ip=self.client[0] if self.client else "",
            method="",
            path=url[:256].decode("ascii", "replace"),
            status=self._edge.answers.status(fault).value,
            code=fault.status.value,
            reason=fault.reason,
        )


def _unheard(data: bytes | bytearray | memoryview) -> None:
    """Who is gone, or was told the last word, is told no more by requests under way."""


def _without_upgrade(data: bytes) -> bytes:
    """Overlook the offer of another protocol.

    Java's client offers h2c with every first request, and the parser would take what follows
    such a head, its body, for that protocol.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"x-upgrade", head) + end + rest
