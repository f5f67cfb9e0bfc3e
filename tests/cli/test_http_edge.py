"""What clients may do to the HTTP edge, over raw sockets: too much, too slow, too many."""

import asyncio
import functools
import gc
import socket
import time
import weakref

import pytest

from denglu.serving.protocol import BoundedProtocol
from tests.cli.door import GET, Client, Door, on_uvloop, until
from tests.cli.door import open_door as any_door

HEAD = b"GET /a HTTP/1.1\r\nHost: x\r\n"


open_door = any_door


@pytest.fixture(autouse=True, params=[False, True], ids=["messages", "whole"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is behind the door answers in ASGI's messages, or at once: nobody can tell."""
    monkeypatch.setitem(globals(), "open_door", functools.partial(any_door, whole=request.param))


def refused(answer: object, status: int, reason: str) -> None:
    """Hold a refusal to the envelope."""
    assert getattr(answer, "status", None) == status, answer
    headers, envelope = answer.headers, answer.envelope  # type: ignore[attr-defined]
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["connection"] == "close"
    assert "server" not in headers
    assert envelope["code"] == status
    assert envelope["data"]["reason"] == reason
    assert list(envelope) == ["code", "message", "data"]


@on_uvloop
async def test_a_connection_serves_one_request_after_the_other() -> None:
    async with open_door() as door:
        client = await door.client()
        for name in (b"a", b"b"):
            answer = await client.ask(GET % name)
            assert (answer.status, answer.body) == (200, b"/%s 0" % name)
            assert "connection" not in answer.headers
        assert "date" in answer.headers
        assert "server" not in answer.headers


@on_uvloop
async def test_requests_sent_at_once_are_answered_in_order() -> None:
    async with open_door() as door:
        client = await door.client()
        post = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
        await client.send(GET % b"a" + post + GET % b"c")
        assert [(await client.answer()).body for _ in range(3)] == [b"/a 0", b"/b 5", b"/c 0"]


def with_headers(size: int, lines: int) -> bytes:
    """A request whose headers are so many bytes, in so many lines."""
    filler = [b"X-%03d: 1" % number for number in range(lines - 2)]
    used = sum(len(line) + 2 for line in (b"Host: x", *filler))
    rest = size - used - len(b"X-Last: \r\n")
    return b"\r\n".join(
        (b"GET /a HTTP/1.1", b"Host: x", *filler, b"X-Last: " + b"y" * rest, b"", b"")
    )


@pytest.mark.parametrize("piece", [1 << 20, 700], ids=["at once", "in pieces"])
@pytest.mark.parametrize(
    ("size", "lines", "status"),
    [(8192, 10, 200), (8193, 10, 431), (4000, 64, 200), (4000, 65, 431), (200_000, 3, 431)],
)
@on_uvloop
async def test_headers_have_8_kib_and_64_lines(
    size: int, lines: int, status: int, piece: int
) -> None:
    async with open_door() as door:
        client = await door.client()
        raw = with_headers(size, lines)
        for start in range(0, len(raw), piece):
            client.writer.write(raw[start : start + piece])
            await asyncio.sleep(0)
        answer = await client.answer()
        assert answer.status == status
        if status == 431:
            refused(answer, 431, "headers_too_large")
            assert await client.end() == b""
            assert door.seen == []


@on_uvloop
async def test_a_header_that_never_ends_is_not_waited_for() -> None:
    async with open_door() as door:
        client = await door.client()
        refused(await client.ask(HEAD + b"X: " + b"y" * 12_000), 431, "headers_too_large")


@on_uvloop
async def test_a_large_body_behind_a_small_head_is_no_large_head() -> None:
    async with open_door() as door:
        client = await door.client()
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
        await client.send(head[:-2])
        assert (await client.ask(b"\r\n" + b"z" * 60_000)).body == b"/a 60000"
        assert (await client.ask(head + b"z" * 60_000)).body == b"/a 60000"
        await client.send(head + b"z" * 60_000 + head[:-2])
        assert (await client.answer()).body == b"/a 60000"
        assert (await client.ask(b"\r\n" + b"z" * 60_000)).body == b"/a 60000"
        await client.send(head)
        await until(lambda: _begun(door))
        assert (await client.ask(b"z" * 60_000)).body == b"/a 60000"
        assert (await client.ask(GET % b"b")).body == b"/b 0"


@pytest.mark.parametrize(("size", "status"), [(2048, 200), (2049, 414), (9000, 414)])
@on_uvloop
async def test_an_address_has_2_kib(size: int, status: int) -> None:
    async with open_door() as door:
        client = await door.client()
        target = b"/" + b"a" * (size - 1)
        answer = await client.ask(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.status == status
        if status == 414:
            refused(answer, 414, "url_too_long")


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
        b"hello\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
@on_uvloop
async def test_what_is_no_request_is_answered_400_and_closed(raw: bytes) -> None:
    async with open_door() as door:
        client = await door.client()
        refused(await client.ask(raw), 400, "malformed_request")
        assert await client.end() == b""
        await door.empty()


@on_uvloop
async def test_an_offer_of_another_protocol_is_overlooked() -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n"
    async with open_door() as door:
        client = await door.client()
        ask = b"POST /a HTTP/1.1\r\nHost: x\r\n" + offer + b"Content-Length: 5\r\n\r\nhello"
        for _ in range(2):
            assert (await client.ask(ask)).body == b"/a 5"
        ask = HEAD + b"Connection: upgrade\r\nupgrade: websocket\r\n\r\n"
        assert (await client.ask(ask)).body == b"/a 0"
        pieces = await door.client()
        await pieces.send(HEAD)
        await until(lambda: len(_begun(door)) == 1)
        answer = await pieces.ask(offer + b"\r\n")
        assert (answer.body, answer.headers["connection"]) == (b"/a 0", "close")


@on_uvloop
async def test_N06_a_head_that_trickles_is_ended() -> None:
    async with open_door(head_time=0.1) as door:
        client = await door.client()
        await client.send(HEAD)
        trickle = asyncio.create_task(_trickle(client, b"X-%d: 1\r\n"))
        refused(await client.answer(), 408, "request_timeout")
        trickle.cancel()
        assert door.seen == []


@on_uvloop
async def test_N06_a_body_that_trickles_is_ended() -> None:
    async with open_door(request_time=0.1) as door:
        client = await door.client()
        await client.send(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n")
        trickle = asyncio.create_task(_trickle(client, b"%d"))
        refused(await client.answer(), 408, "request_timeout")
        trickle.cancel()
        assert door.seen == ["gone"]


async def _trickle(client: Client, form: bytes) -> None:
    number = 0
    while True:
        await client.send(form % number)
        await asyncio.sleep(0.01)
        number += 1


@on_uvloop
async def test_a_connection_that_says_nothing_is_ended_without_a_word() -> None:
    async with open_door(head_time=0.05) as door:
        client = await door.client()
        assert await client.end() == b""
        blank = await door.client()
        await blank.send(b"\r\n")
        assert await blank.end() == b""


@on_uvloop
async def test_an_idle_connection_is_ended_after_keep_alive() -> None:
    async with open_door(keep_alive=0.05) as door:
        client = await door.client()
        assert (await client.ask(GET % b"a")).status == 200
        assert await client.end() == b""
        await door.empty()


@on_uvloop
async def test_a_request_being_answered_has_no_deadline_here() -> None:
    async with open_door(head_time=0.2, request_time=0.2, keep_alive=0.2) as door:
        client = await door.client()
        await client.send(GET % b"held")
        await door.held.wait()
        await asyncio.sleep(0.4)  # many a sweep
        door.hold.set()
        assert (await client.answer()).body == b"/held 0"


@on_uvloop
async def test_answers_do_not_pile_up_for_a_client_that_does_not_read() -> None:
    async with open_door() as door:
        client = await door.client()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(GET % b"big" * 3)
        await until(lambda: len(door.seen) >= 2)
        (connection,) = door.server.server_state.connections
        for _ in range(10):
            await asyncio.sleep(0)
            assert connection.transport.get_write_buffer_size() <= 20_001_000
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert [len((await client.answer()).body) for _ in range(3)] == [20_000_000] * 3


@pytest.mark.parametrize("asked", [1, 2, 4])
@on_uvloop
async def test_a_client_that_never_reads_its_answer_is_cut_off(asked: int) -> None:
    async with open_door(keep_alive=0.05) as door:
        client = await door.client()
        await client.send(GET % b"big" * asked)
        await door.empty()


@pytest.mark.parametrize(
    ("http_status", "path", "status"),
    [
        ("envelope", b"v1/site/login", 200),
        ("envelope", b"api/tiny-shop/v1/member/member/index?x=1", 200),
        ("real", b"v1/site/login", 503),
        ("envelope", b"forward-auth", 503),
        ("envelope", b"merapi/forward-auth?x=/v1/", 503),
        ("envelope", b"readyz", 503),
    ],
)
@on_uvloop
async def test_N07_connections_above_the_cap_are_told_busy(
    http_status: str, path: bytes, status: int
) -> None:
    """To a proxy that asks whether a member may pass, HTTP status 200 would be a yes."""
    async with open_door(connections=2, http_status=http_status) as door:
        first, second = await door.client(), await door.client()
        assert (await first.ask(GET % b"a")).status == 200
        assert (await second.ask(GET % b"a")).status == 200
        third = await door.client()
        answer = await third.ask(GET % path)
        assert answer.status == status
        assert answer.headers["retry-after"] == "1"
        assert answer.envelope == {
            "code": 503,
            "message": "服务器繁忙，请稍后再试",
            "data": {"reason": "busy", "retry_after": 1},
        }
        assert await third.end() == b""
        first.close()
        await until(lambda: len(door.server.server_state.connections) == 1)
        assert (await (await door.client()).ask(GET % b"b")).body == b"/b 0"


@on_uvloop
async def test_N07_a_connection_above_the_cap_that_says_nothing_is_told_too() -> None:
    async with open_door(connections=2, linger_time=0.05) as door:
        clients = [await door.client() for _ in range(2)]
        silent, half = await door.client(), await door.client()
        await half.send(b"GE")
        for client in (half, silent):
            assert (await client.answer()).status == 503
            assert await client.end() == b""
        for client in clients:
            client.close()
        await door.empty()


@on_uvloop
async def test_N07_of_those_turned_away_there_are_no_more_than_of_others() -> None:
    async with open_door(connections=5, linger_time=60) as door:
        flood = [await door.client() for _ in range(60)]
        await until(lambda: sum(client.reader.at_eof() for client in flood) == 50)
        assert len(door.edge.leaving) == 5
        assert len(door.server.server_state.connections) == 5


@on_uvloop
async def test_N07_a_flood_leaves_no_connection_behind() -> None:
    async with open_door(connections=5, linger_time=0.05) as door:
        flood = [await door.client() for _ in range(60)]
        assert len(door.server.server_state.connections) <= 5
        for client in flood:
            client.close()
        await door.empty()
        assert (await (await door.client()).ask(GET % b"a")).status == 200


@on_uvloop
async def test_an_answer_that_comes_before_the_body_is_not_lost() -> None:
    async with open_door(linger_time=2) as door:
        client = await door.client()
        client.writer.write(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        for _ in range(100):
            client.writer.write(b"z" * 20_000)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")


@on_uvloop
async def test_a_refused_client_that_talks_on_is_cut_off() -> None:
    async with open_door(linger_time=0.05) as door:
        client = await door.client()
        await client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(ConnectionError):
            await _talk(client)
        await door.empty()


@on_uvloop
async def test_a_refused_client_that_talks_on_is_not_listened_to_for_long() -> None:
    async with open_door(linger_time=60) as door:
        client = await door.client()
        await client.send(b"POST /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        talk = asyncio.create_task(_talk(client))
        await until(lambda: door.edge.leaving)
        [connection] = door.edge.leaving
        assert isinstance(connection, BoundedProtocol)
        await until(lambda: not connection.transport.is_reading())
        talk.cancel()
        connection.cut()


@on_uvloop
async def test_an_answer_that_did_not_wait_for_the_body_leaves_the_connection_usable() -> None:
    async with open_door() as door:
        client = await door.client()
        head = b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
        assert (await client.ask(head)).body == b"/quick 0"
        await client.send(b"hello")
        assert (await client.ask(GET % b"a")).body == b"/a 0"
    async with open_door(keep_alive=0.05) as door:
        client = await door.client()
        assert (await client.ask(head)).body == b"/quick 0"
        await client.send(b"hello")
        assert await client.end() == b""


async def _talk(client: Client) -> None:
    while True:
        await client.send(b"ffff\r\n" + b"z" * 65535 + b"\r\n")


@on_uvloop
async def test_a_client_that_stops_sending_still_gets_its_answer() -> None:
    async with open_door() as door:
        client = await door.client()
        await client.send(GET % b"held")
        await door.held.wait()
        client.writer.write_eof()
        await asyncio.sleep(0)
        door.hold.set()
        answer = await client.answer()
        assert (answer.body, answer.headers["connection"]) == (b"/held 0", "close")
        assert await client.end() == b""


@on_uvloop
async def test_more_requests_at_once_than_one_head_has_room_for_are_all_answered() -> None:
    async with open_door() as door:
        client = await door.client()
        await client.send(GET % b"ab" * 1000)
        assert {(await client.answer()).body for _ in range(1000)} == {b"/ab 0"}


@on_uvloop
async def test_whose_answer_comes_after_a_refusal_is_told_nothing_and_no_fault_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_door() as door:
        client = await door.client()
        await client.send(GET % b"held" + GET % b"b")
        await door.held.wait()
        refused(await client.ask(b"nonsense\r\n\r\n"), 400, "malformed_request")
        door.hold.set()
        await until(lambda: not door.server.server_state.tasks)
        assert door.edge.leaving  # it listens on, or a reset could overtake the refusal
        assert await client.end() == b""
        await door.empty()
    assert caplog.messages == []
    assert door.seen == ["/held"]


@pytest.mark.parametrize("end", [b"", b"nonsense\r\n\r\n"], ids=["hung up", "refused"])
@on_uvloop
async def test_a_connection_with_requests_that_never_had_a_turn_leaves_nothing(end: bytes) -> None:
    async with open_door(sweep=60) as door:  # a sweep remembers the last one it looked at
        gc.collect()
        gc.disable()
        try:
            client = await door.client()
            await client.send(GET % b"held" + GET % b"b" * 2)
            await door.held.wait()
            gone = weakref.ref(next(iter(door.server.server_state.connections)))
            if end:
                await client.ask(end)
            client.close()
            door.hold.set()
            await until(lambda: not door.server.server_state.tasks)
            await door.empty()
            await until(lambda: gone() is None)
        finally:
            gc.enable()


@on_uvloop
async def test_a_refusal_speaks_the_profile_of_apps_in_the_field() -> None:
    async with open_door("rageframe") as door:
        answer = await (await door.client()).ask(b"nonsense\r\n\r\n")
        envelope = answer.envelope
        assert list(envelope) == ["code", "message", "data", "timestamp", "req_id"]
        assert envelope["data"] == {
            "name": "Bad Request",
            "message": "请求格式错误",
            "code": 0,
            "status": 400,
            "reason": "malformed_request",
        }
        assert envelope["timestamp"] == 1_700_000_000
        assert envelope["req_id"] == answer.headers["x-request-id"]


@on_uvloop
async def test_every_refusal_writes_one_line_in_the_access_log() -> None:
    async with open_door() as door:
        answer = await (await door.client()).ask(
            b"GET /" + b"a" * 3000 + b"?secret=1 HTTP/1.1\r\n\r\n"
        )
        [line] = door.lines()
        assert line["request_id"] == answer.headers["x-request-id"]
        assert (line["status"], line["code"], line["reason"]) == (414, 414, "url_too_long")
        assert line["ip"] == "127.0.0.1"
        assert "secret" not in line["path"]


def _begun(door: Door) -> list[object]:
    """The connections on which a request has begun."""
    return [each for each in door.server.server_state.connections if getattr(each, "_stage", 0)]


async def stop(door: Door) -> None:
    """Tell the server to stop, and wait until nobody new is let in."""
    door.server.should_exit = True
    await until(lambda: door.edge.draining)


@on_uvloop
async def test_F15_a_request_in_flight_is_answered_and_new_connections_are_refused() -> None:
    async with open_door() as door:
        busy, idle = await door.client(), await door.client()
        assert (await idle.ask(GET % b"a")).status == 200
        await busy.send(GET % b"held")
        await door.held.wait()
        await stop(door)
        with pytest.raises(ConnectionError):
            await door.client()
        assert await idle.end() == b""
        door.hold.set()
        answer = await busy.answer()
        assert (answer.body, answer.headers["connection"]) == (b"/held 0", "close")
        assert await busy.end() == b""
        await door.task


@on_uvloop
async def test_F15_an_idle_connection_may_bring_a_last_request() -> None:
    async with open_door(drain_time=5) as door:
        idle, late = await door.client(), await door.client()
        assert (await idle.ask(GET % b"a")).status == 200
        await late.send(HEAD)
        await until(lambda: len(_begun(door)) == 1)
        await stop(door)
        answer = await idle.ask(GET % b"b")
        assert (answer.body, answer.headers["connection"]) == (b"/b 0", "close")
        answer = await late.ask(b"\r\n")
        assert (answer.body, answer.headers["connection"]) == (b"/a 0", "close")
        await door.task


@on_uvloop
async def test_F15_who_was_let_in_by_the_kernel_is_answered() -> None:
    async with open_door(handshake_time=0) as door:
        # The loop stands still meanwhile: all of this waits in the backlog, and the server's
        # next turn begins with its farewell.
        waiting = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(5)]
        for client in waiting:
            client.sendall(GET % b"a")
        door.server.should_exit = True
        time.sleep(0.2)  # noqa: ASYNC251
        await door.task
        for client in waiting:
            with client:
                assert client.recv(65536).endswith(b"/a 0")
