"""Bodies that are too large, or lie about their size: refused unread (row I09)."""

import gzip
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from select import select

import pytest

from tests.battery.client import Client, fresh_mobile
from tests.battery.conftest import Record
from tests.battery.harness import Answer, Server, read_answer

LIMIT = 16 * 1024
LINGER = 64 * 1024
# The event loop takes up to so much from a socket at once, before anybody can say stop: once
# before the limit is seen, and once more while the client is told.
ONE_READ = 256_000
MIB = 1 << 20


def head(*lines: str, path: str = "/v1/site/login") -> bytes:
    """The head of a POST."""
    first = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json")
    return ("\r\n".join((*first, *lines)) + "\r\n\r\n").encode()


def pour(
    server: Server, parts: Iterator[bytes], most: int, *, deaf: bool = False
) -> tuple[int, Answer | None]:
    """Send parts until the server has had enough; bytes sent, and its answer if one came.

    A deaf client does not look for the answer while it can still send.
    """
    sent = 0
    with socket.create_connection((server.host, server.port), timeout=15) as line:
        try:
            for part in parts:
                line.sendall(part)
                sent += len(part)
                if sent >= most or (not deaf and select([line], [], [], 0)[0]):
                    break
            line.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return sent, receive(line)


def receive(line: socket.socket) -> Answer | None:
    """The first answer on a connection that the server closes."""
    raw = b""
    try:
        while chunk := line.recv(65536):
            raw += chunk
    except OSError:
        pass
    first, _, body = raw.partition(b"\r\n\r\n")
    if not first:
        return None
    status, *lines = first.decode("latin-1").split("\r\n")
    pairs = (each.partition(":") for each in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    text = body[: int(headers["content-length"])].decode()
    return read_answer(int(status.split()[1]), headers, text)


def bytes_read(server: Server) -> int:
    """All bytes the process has read so far, from sockets too."""
    assert server.process is not None
    text = Path(f"/proc/{server.process.pid}/io").read_text()
    return int(text.split("rchar: ")[1].split()[0])


def memory(server: Server, field: str = "VmRSS") -> int:
    """Bytes of memory the process holds."""
    assert server.process is not None
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(text.split(f"{field}:")[1].split()[0]) * 1024


def endless(chunk: bytes, first: bytes) -> Iterator[bytes]:
    """A head, and chunks without an end."""
    yield first
    while True:
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk)


def flood(first: bytes) -> Iterator[bytes]:
    """A head, and bytes without an end."""
    yield first
    while True:
        yield b" " * 65536


def test_I09_the_largest_body_is_read_and_one_byte_more_is_not(each_client: Client) -> None:
    client = each_client
    mobile = fresh_mobile()
    body = f'{{"mobile":"{mobile}","usage":"login"'.encode()
    for size, code in ((LIMIT + 1, 413), (LIMIT, 200)):
        padded = body + b" " * (size - len(body) - 1) + b"}"
        assert len(padded) == size
        answer = client.call(
            "POST",
            "/v1/site/sms-code",
            content=padded,
            headers={"Content-Type": "application/json"},
        )
        assert answer.code == code
        assert answer.status == 200
    assert len(client.server.outbox(mobile)) == 1


def test_I09_a_chunked_body_is_counted_while_it_is_read(client: Client) -> None:
    mobile = fresh_mobile()
    whole = f'{{"mobile":"{mobile}","usage":"login"}}'.encode()
    for padding, code in ((LIMIT + 1, 413), (0, 200)):
        chunks = [b"%x\r\n%b\r\n" % (1, bytes([byte])) for byte in whole]
        chunks += [b"1\r\n \r\n"] * max(0, padding - len(whole)) + [b"0\r\n\r\n"]
        first = head("Transfer-Encoding: chunked", "Connection: close", path="/v1/site/sms-code")
        _, answer = pour(client.server, iter([first, b"".join(chunks)]), MIB)
        assert answer is not None
        assert answer.code == code
    assert len(client.server.outbox(mobile)) == 1


@pytest.mark.parametrize(
    ("what", "lines", "most"),
    [
        ("10 MB with its length", (f"Content-Length: {10 * MIB}",), 10 * MIB),
        ("10 MB with its length, on expectation", (f"Content-Length: {10 * MIB}",
         "Expect: 100-continue"), 10 * MIB),
        ("chunks without end", ("Transfer-Encoding: chunked",), 64 * MIB),
        ("100 MB of another type", (f"Content-Length: {100 * MIB}",), 100 * MIB),
    ],
)  # fmt: skip
def test_I09_what_is_too_large_is_not_read_to_its_end(
    client: Client, record: Record, what: str, lines: tuple[str, ...], most: int
) -> None:
    server = client.server
    client.call("GET", "/healthz")  # the process is warm
    read, held = bytes_read(server), memory(server)
    chunked = "chunked" in lines[0]
    first = head(*lines)
    parts = endless(b" " * 4096, first) if chunked else flood(first)
    begun = time.perf_counter()
    sent, answer = pour(server, parts, most, deaf=chunked)
    spent = time.perf_counter() - begun
    assert answer is not None, "the refusal must reach the client"
    assert (answer.status, answer.code, answer.reason) == (200, 413, "body_too_large")
    assert answer.body["message"] == "请求内容过大"
    assert answer.headers["connection"] == "close"
    taken, grown = bytes_read(server) - read, memory(server) - held
    assert taken <= LIMIT + LINGER + 2 * ONE_READ, taken
    assert grown < 10 * MIB, grown
    assert client.call("GET", "/healthz").status == 200
    figure = f"{taken // 1024} KiB read, RSS +{max(0, grown) // 1024} KiB, {spent * 1000:.0f} ms"
    record("I09", tried=f"{what} ({sent // 1024} KiB pushed)", figure=f"413, {figure}")


def test_I09_packed_bodies_are_not_unpacked(each_client: Client) -> None:
    client = each_client
    bomb = gzip.compress(b" " * 10 * MIB)
    assert len(bomb) < LIMIT
    held = memory(client.server)
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip", "GZIP"):
        answer = client.call(
            "POST",
            "/v1/site/login",
            content=bomb,
            headers={"Content-Type": "application/json", "Content-Encoding": coding},
        )
        assert (answer.status, answer.code) == (200, 415), coding
    assert memory(client.server) - held < 10 * MIB


def to_sms(*lines: str) -> bytes:
    """The head of a request for a code."""
    return head(*lines, path="/v1/site/sms-code")


def test_I09_a_length_that_lies_fools_nobody(client: Client) -> None:
    server = client.server
    body = b'{"mobile":"13800000000","usage":"login"}'
    for length in (-1, "1e3", "0x10", "", "16 ", "999999999999999999999", "+40", "４０"):
        _, answer = pour(server, iter([to_sms(f"Content-Length: {length}") + body]), MIB)
        assert answer is None or answer.code in (400, 413, 422), length
    # Two lengths, or a length beside chunks, are no request at all.
    for lines in (
        ("Content-Length: 40", "Content-Length: 41"),
        ("Content-Length: 40", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: identity", "Content-Length: 40"),
    ):
        _, answer = pour(server, iter([to_sms(*lines) + body]), MIB)
        assert answer is None or (answer.status, answer.code) != (200, 200), lines
    # Longer than what comes: nothing is done before the body is whole.
    with socket.create_connection((server.host, server.port), timeout=15) as line:
        line.sendall(to_sms("Content-Length: 400") + body)
        line.shutdown(socket.SHUT_WR)
        assert receive(line) is None
    until = time.monotonic() + 10
    while '"reason":"client_gone"' not in server.log and time.monotonic() < until:
        time.sleep(0.02)
    assert '"reason":"client_gone"' in server.log
    # Shorter than what comes: the rest is another request, and not a good one.
    _, answer = pour(server, iter([to_sms("Content-Length: 10") + body]), MIB)
    assert answer is not None
    assert answer.code == 400
    assert server.outbox("13800000000") == []
    assert client.call("GET", "/healthz").status == 200
