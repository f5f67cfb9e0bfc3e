"""A shop behind the proxy, over HTTP and over FastCGI: it writes down every request it sees."""

import contextlib
import json
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_BEGIN, _END, _PARAMS, _STDIN, _STDOUT = 1, 3, 4, 5, 6


@dataclass
class Seen:
    """A request as the shop saw it; names of headers as PHP would know them (HTTP_…)."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def member(self) -> dict[str, list[str]]:
        """All values of everything that would be read as X-Member-…."""
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            if name.startswith("HTTP_X_MEMBER_") and value:
                found.setdefault(name.removeprefix("HTTP_X_MEMBER_"), []).append(value)
        return found


@dataclass
class Shop:
    """Where it listens, what it saw, and the status it answers with."""

    http_port: int = 0
    fastcgi_port: int = 0
    status: int = 200
    seen: list[Seen] = field(default_factory=list)


@contextlib.contextmanager
def shop_open() -> Iterator[Shop]:
    """A shop that listens until the block ends."""
    shop = Shop()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _http_handler(shop))
    fastcgi = _Threads(("127.0.0.1", 0), _fastcgi_handler(shop))
    shop.http_port, shop.fastcgi_port = http.server_address[1], fastcgi.server_address[1]
    with http, fastcgi:
        threads = [threading.Thread(target=s.serve_forever, args=(0.05,)) for s in (http, fastcgi)]
        for thread in threads:
            thread.start()
        try:
            yield shop
        finally:
            http.shutdown()
            fastcgi.shutdown()
            for thread in threads:
                thread.join()


class _Threads(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True


def _http_handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = [(f"HTTP_{_php(name)}", value) for name, value in self.headers.items()]
            shop.seen.append(Seen(f"{self.command} {self.path}", headers, body))
            said = json.dumps({"seen": len(shop.seen)}).encode()
            self.send_response(shop.status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_OPTIONS = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: tests read what was seen."""

    return Handler


def _php(name: str) -> str:
    return name.upper().replace("-", "_")


def _fastcgi_handler(shop: Shop) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        timeout = 20

        def handle(self) -> None:
            parts = {_PARAMS: b"", _STDIN: b""}
            while True:
                head = self.rfile.read(8)
                _, kind, _, length, padding = struct.unpack(">BBHHBx", head)
                content = self.rfile.read(length + padding)[:length]
                if kind in parts:
                    parts[kind] += content
                if kind == _STDIN and not length:
                    break
            given = dict(_pairs(parts[_PARAMS]))
            line = f"{given['REQUEST_METHOD']} {given['REQUEST_URI']}"
            shop.seen.append(Seen(line, list(_pairs(parts[_PARAMS])), parts[_STDIN]))
            said = f'Status: {shop.status} x\r\nContent-Type: text/plain\r\n\r\n{{"seen":1}}'
            self.wfile.write(_record(_STDOUT, said.encode()) + _record(_STDOUT, b""))
            self.wfile.write(_record(_END, bytes(8)))

    return Handler


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def _pairs(raw: bytes) -> Iterator[tuple[str, str]]:
    """Name-value pairs: each length is one byte, or four with the highest bit set."""
    at = 0

    def length() -> int:
        nonlocal at
        size = raw[at]
        at += 1
        if size > 127:
            size = struct.unpack(">I", raw[at - 1 : at + 3])[0] & 0x7FFFFFFF
            at += 3
        return size

    while at < len(raw):
        name_size, value_size = length(), length()
        name = raw[at : at + name_size].decode("latin-1")
        value = raw[at + name_size : at + name_size + value_size].decode("latin-1")
        at += name_size + value_size
        yield name, value
