"""What all services on loopback have in common: how they answer, and what they were asked.

A service is as strict as the real one about who asks (``acs3``, ``tc3``), answers as it is
documented to, and has modes in which it does everything but that.
"""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

ACCESS = ("AKIDexample", "secret-of-the-access-key")

FIXED = {
    "garbage": (200, b"<html>maintenance</html>"),
    "list": (200, b"[1, 2]"),
    "empty": (200, b"{}"),
    "broken": (500, b'{"Code": "InternalError"}'),
    "bad gateway": (502, b"<html>Bad Gateway</html>"),
    "unavailable": (503, b"<html>Service Unavailable</html>"),
}
"""What a mode answers, whoever asks and whatever for."""

MODES = ("answers", "silent", "hangs up", "cut", "babbles", "muddles", *FIXED)
"""``silent``: no answer for a minute; ``hangs up``: none at all; ``cut``: half of one;
``babbles``: no HTTP; ``muddles``: headers that are none. In all of them the request was taken in.
"""

_INSTEAD = {
    "hangs up": b"",
    "babbles": b"no such thing as HTTP\r\n",
    "muddles": b"HTTP/1.1 200 OK\r\nnone of them\r\nContent-Length: 2\r\n\r\n{}",
}


class Service:
    """What every emulator has. ``mode``: how it answers (see ``MODES``); ``delay``: seconds
    before it does; ``asked``: the requests it understood; ``refused``: why some were not signed
    as they should be; ``arrived``: how many requests came, in any mode, on so many
    ``connections``.
    """

    def __init__(self) -> None:
        self.passes: set[str] = set()
        self.mode = "answers"
        self.delay = 0.0
        self.asked: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.arrived = 0
        self.connections = 0
        self.lock = threading.Lock()
        self.woken = threading.Event()
        self.gave_up = False
        self.patience = 60
        self.waiting = threading.Semaphore(0)
        self.url = ""

    def answer(self, request: "Request") -> tuple[int, Any]:
        """Status and body of one request. Called on a thread of its own."""
        raise NotImplementedError

    def unlike(self, why: str) -> None:
        """A request was not signed as it should be."""
        self.refused.append(why)


class Request(BaseHTTPRequestHandler):
    """One request: ``command``, ``path``, ``lower`` (headers by lower name) and ``body``."""

    service: Service
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    body = b""

    def setup(self) -> None:
        super().setup()
        with self.service.lock:
            self.service.connections += 1

    @property
    def lower(self) -> dict[str, str]:
        """The headers by their names in lower case."""
        return {name.lower(): value for name, value in self.headers.items()}

    def do_POST(self) -> None:
        service = self.service
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with service.lock:
            service.arrived += 1
        if service.mode == "silent":
            service.waiting.release()
            service.gave_up |= not service.woken.wait(service.patience)
            self.close_connection = True
            return
        if service.mode in _INSTEAD:
            self.wfile.write(_INSTEAD[service.mode])
            self.close_connection = True
            return
        if service.delay:
            service.woken.wait(service.delay)
        status, answer = service.answer(self)
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self._write(*FIXED.get(service.mode, (status, raw)))

    def _write(self, status: int, raw: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        if self.close_connection:
            self.send_header("Connection", "close")  # as the caller asked for
        self.end_headers()
        if self.service.mode == "cut":
            raw, self.close_connection = raw[: len(raw) // 2], True
        self.wfile.write(raw)

    def do_HEAD(self) -> None:
        self.send_error(405)

    def log_message(self, *arguments: object) -> None:
        """Quietly."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Dies with all its connections, also those that callers keep for their next request."""
        super().server_close()
        for request in tuple(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that has gone meanwhile is nothing to speak of."""


S = TypeVar("S", bound=Service)


@contextmanager
def serving(service: S, *, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[S]:
    """The service, listening on loopback; at its old port when it comes back there."""
    handler = type("Handler", (Request,), {"service": service})
    server = _Server(("127.0.0.1", port), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    scheme = "http" if tls is None else "https"
    service.url = f"{scheme}://127.0.0.1:{server.server_port}"
    service.woken.clear()
    try:
        yield service
    finally:
        service.woken.set()
        server.shutdown()
        thread.join()
        server.server_close()


def port_of(service: Service) -> int:
    """Where it listens, or listened."""
    return int(service.url.rpartition(":")[2])
