"""Bodies of every type: read, or refused without being held in memory (row I10)."""

import itertools
import time

import pytest

from tests.battery.client import BOUNDARY, Client, encode, fresh_mobile
from tests.battery.conftest import Record
from tests.battery.test_input_size import LIMIT, LINGER, MIB, ONE_READ, bytes_read, memory, pour

SMS = "/v1/site/sms-code"
# Types that no endpoint reads, whatever is in the body.
OTHERS = (
    "text/plain",
    "text/plain; charset=utf-8",
    "text/html",
    "text/json",
    "text/xml",
    "application/xml",
    "application/soap+xml",
    "application/octet-stream",
    "application/msgpack",
    "application/x-protobuf",
    "application/jsonp",
    "application/json5",
    "application/vnd.api+json",
    "multipart/mixed; boundary=x",
    "multipart/form-datas; boundary=x",
    "image/png",
    "json",
    "*/*",
    "application/",
    ",",
)


def refused(client: Client, content: bytes, media: str | None) -> tuple[int | None, str | None]:
    """Code and reason of a body of this type."""
    headers = {} if media is None else {"Content-Type": media}
    answer = client.call("POST", SMS, content=content, headers=headers)
    assert answer.status == 200
    return answer.code, answer.reason


def test_I10_types_that_nobody_reads_are_refused(each_client: Client, record: Record) -> None:
    client = each_client
    mobile = fresh_mobile()
    good = encode({"mobile": mobile, "usage": "login"}, "json")[1]
    xml = f"<mobile>{mobile}</mobile>".encode()
    for media, content in itertools.product(OTHERS, (good, xml)):
        code, reason = refused(client, content, media)
        assert (code, reason) == (415, "unsupported_media_type"), media
    assert client.server.outbox(mobile) == []
    record("I10", tried=f"{len(OTHERS)} types that nobody reads, both profiles", figure="all 415")


@pytest.mark.parametrize("encoding", ["json", "form"])
def test_I10_a_body_without_a_type_is_what_it_looks_like(
    each_client: Client, encoding: str
) -> None:
    client = each_client
    mobile = fresh_mobile()
    _, content = encode({"mobile": mobile, "usage": "login"}, encoding)
    assert refused(client, content, None) == (200, None)
    assert len(client.server.outbox(mobile)) == 1
    # Nor does a type change what the bytes are.
    wrong = "application/x-www-form-urlencoded" if encoding == "json" else "application/json"
    code, _ = refused(client, content, wrong)
    assert code in (400, 422)
    assert len(client.server.outbox(mobile)) == 1


def test_I10_thousands_of_keys_are_refused(each_client: Client, record: Record) -> None:
    client = each_client
    tried = {}
    for count in (65, 1_000, 10_000):
        form = "&".join(f"{number:x}=" for number in range(count)).encode()
        parts = b"".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{n:x}"\r\n\r\n\r\n'.encode()
            for n in range(count)
        )
        keys = ",".join(f'"{number:x}":1' for number in range(count))
        for media, content in (
            ("application/x-www-form-urlencoded", form),
            (f"multipart/form-data; boundary={BOUNDARY}", parts + f"--{BOUNDARY}--".encode()),
            ("application/json", f"{{{keys}}}".encode()),
        ):
            begun = time.perf_counter()
            code, _ = refused(client, content, media)
            spent = time.perf_counter() - begun
            assert code == (413 if len(content) > LIMIT else 400), (count, media)
            tried[count, media] = spent
    worst = max(tried.values()) * 1000
    record("I10", tried="65 to 10,000 keys in forms, multipart and JSON",
           figure=f"400 or 413, at most {worst:.0f} ms")  # fmt: skip


@pytest.mark.parametrize("lengths", ["with its length", "in chunks"])
def test_I10_a_multipart_field_of_100_mb_is_not_read(
    client: Client, record: Record, lengths: str
) -> None:
    server = client.server
    client.call("GET", "/healthz")  # the process is warm
    read, held = bytes_read(server), memory(server)
    begins = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="mobile"\r\n\r\n'.encode()
    sized = lengths == "with its length"
    size = f"Content-Length: {100 * MIB}" if sized else "Transfer-Encoding: chunked"
    first = (
        f"POST {SMS} HTTP/1.1\r\nHost: 127.0.0.1\r\n{size}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode()
    field = itertools.chain([begins], itertools.repeat(b"1" * 4096))
    parts = field if sized else (b"%x\r\n%b\r\n" % (len(part), part) for part in field)
    begun = time.perf_counter()
    sent, answer = pour(server, itertools.chain([first], parts), 100 * MIB, deaf=not sized)
    spent = time.perf_counter() - begun
    assert answer is not None, "the refusal must reach the client"
    assert (answer.code, answer.reason) == (413, "body_too_large")
    taken, grown = bytes_read(server) - read, memory(server) - held
    assert taken <= LIMIT + LINGER + 2 * ONE_READ, taken
    assert grown < 10 * MIB, grown
    figure = f"413, {taken // 1024} KiB read, RSS +{max(0, grown) // 1024} KiB"
    record("I10", tried=f"a multipart field of 100 MB {lengths} ({sent // 1024} KiB pushed)",
           figure=f"{figure}, {spent * 1000:.0f} ms")  # fmt: skip
