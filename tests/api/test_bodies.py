"""How bodies arrive: three encodings, their limits, and what is no body at all."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from denglu.api.deadline import Deadline
from tests.api.asgi import call
from tests.api.bodies import LOGIN, SMS, good_bodies
from tests.api.conftest import Serve

PATH, LIMIT = "/v1/site/login", 16384
JSON = (b"content-type", b"application/json")
CHUNKED = (b"transfer-encoding", b"chunked")
GIVEN = {"username": "小登", "password": "a&b=c d+密", "group": "pc"}


async def given(server: Any, **request: Any) -> dict[str, Any]:
    answer = (await server("POST", PATH, **request)).json()
    assert answer["code"] == 200, answer
    name, values = server.flows.calls.pop()
    assert name == "login"
    return {key: getattr(value, "name", value) for key, value in values.items() if key in GIVEN}


@pytest.mark.parametrize(
    "media",
    [
        "application/json",
        "application/json; charset=UTF-8",
        "application/json;charset=gbk",
        "Application/JSON ; x=y",
    ],
)
async def test_json_with_any_charset_parameter(serve: Serve, media: str) -> None:
    text = json.dumps(GIVEN, ensure_ascii=False).encode()
    assert await given(serve(), content=text, headers={"Content-Type": media}) == GIVEN


async def test_forms_as_browsers_and_careless_clients_send_them(serve: Serve) -> None:
    server = serve()
    assert await given(server, data=GIVEN) == GIVEN
    raw = "username=小登&password=a%26b%3Dc d%2B密&group=pc&empty="
    media = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    assert await given(server, content=raw.encode(), headers=media) == GIVEN


async def test_multipart_of_a_client_library(serve: Serve, wire: str) -> None:
    parts = {name: (None, value) for name, value in GIVEN.items()}
    assert await given(serve(wire), files=parts) == GIVEN


def multipart(*parts: str, end: str = "--b--\r\n") -> dict[str, Any]:
    text = "".join(f"--b\r\n{part}\r\n" for part in parts) + end
    return {
        "content": text.encode(),
        "headers": {"Content-Type": "multipart/form-data; boundary=b"},
    }


def part(name: str, value: str, further: str = "") -> str:
    return f'Content-Disposition: form-data; name="{name}"{further}\r\n\r\n{value}'


async def test_multipart_parts_with_and_without_headers_of_their_own(serve: Serve) -> None:
    typed = "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit"
    request = multipart(
        part("username", GIVEN["username"], typed),
        part("password", GIVEN["password"]),
        part("group", "pc", "\r\nContent-Length: 2"),
        part("picture", "\x89PNG", '; filename="a.png"'),
    )
    assert await given(serve(), **request) == GIVEN


async def test_a_file_is_no_text(serve: Serve) -> None:
    request = multipart(
        part("username", "demo", '; filename="a.txt"'), part("password", "p"), part("group", "pc")
    )
    answer = (await serve()("POST", PATH, **request)).json()
    assert answer["data"]["fields"] == {"username": "invalid_type"}


@pytest.mark.parametrize(
    "request_",
    [
        multipart(part("username", "demo"), end=""),
        multipart("Content-Disposition: attachment\r\n\r\nx"),
        multipart("no header here"),
        multipart(part("username", "demo"), end="--b--\r\n")
        | {"headers": {"Content-Type": "multipart/form-data"}},
        multipart(*(part(f"f{n}", "x") for n in range(65))),
        multipart(part("username", "demo", "\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4")),
        multipart() | {"content": b"--b\r\n\xff\xfe: x\r\n\r\n--b--\r\n"},
    ],
)
async def test_broken_multipart_is_malformed(serve: Serve, request_: dict[str, Any]) -> None:
    answer = (await serve()("POST", PATH, **request_)).json()
    assert (answer["code"], answer["data"]["reason"]) == (400, "malformed_body")


async def test_multipart_text_that_is_not_utf8_is_malformed(serve: Serve) -> None:
    request = multipart(part("username", "X"))
    request["content"] = request["content"].replace(b"X", b"\xff")
    assert (await serve()("POST", PATH, **request)).json()["code"] == 400


async def test_an_empty_body_has_no_fields(serve: Serve, wire: str) -> None:
    for media in ("application/json", "multipart/form-data", "text/plain", ""):
        headers = {"Content-Type": media} if media else {}
        answer = (await serve(wire)("POST", PATH, headers=headers)).json()
        assert (answer["code"], answer["message"]) == (422, "登录帐号不能为空。")


async def test_without_a_content_type_the_body_speaks_for_itself(serve: Serve) -> None:
    server = serve()
    for text in (json.dumps(LOGIN), "  " + json.dumps(LOGIN), httpx.QueryParams(LOGIN)):
        sent = await call(server.app, "POST", PATH, [str(text).encode()])
        assert json.loads(sent.body)["code"] == 200


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "text/json", "x", "image/png"])
async def test_other_types_of_body_are_refused(serve: Serve, wire: str, media: str) -> None:
    server = serve(wire)
    response = await server("POST", PATH, content="{}", headers={"Content-Type": media})
    assert response.json()["code"] == 415
    assert response.json()["message"] == "不支持的请求格式"


async def test_I09_a_compressed_body_is_not_unpacked(serve: Serve) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = await serve()("POST", PATH, content=bomb, headers=headers)
    assert response.json()["code"] == 415
    plain = {"Content-Type": "application/json", "Content-Encoding": "identity"}
    response = await serve()("POST", PATH, content=json.dumps(LOGIN), headers=plain)
    assert response.json()["code"] == 200


async def test_I09_the_limit_is_exact(serve: Serve) -> None:
    server = serve()
    text = json.dumps(LOGIN)
    fits, too_large = text.ljust(LIMIT), text.ljust(LIMIT + 1)
    assert (await server.post_text(PATH, fits))["code"] == 200
    answer = await server.post_text(PATH, too_large)
    assert (answer["code"], answer["message"]) == (413, "请求内容过大")
    for wanted, body in ((200, fits), (413, too_large)):
        chunks = [body[start : start + 5000].encode() for start in range(0, len(body), 5000)]
        sent = await call(server.app, "POST", PATH, chunks, headers=[JSON, CHUNKED])
        assert json.loads(sent.body)["code"] == wanted


async def test_I09_a_long_body_is_refused_unread(serve: Serve) -> None:
    for length in (b"16385", b"10000000", b"9" * 30, b"-1", b"x", b""):
        headers = [JSON, (b"content-length", length)]
        sent = await call(serve().app, "POST", PATH, [b"x"], headers=headers)
        assert json.loads(sent.body)["code"] == 413
        assert sent.received == 0
        assert sent.headers["connection"] == "close"


async def test_I09_an_endless_body_is_read_no_further_than_the_limit(serve: Serve) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1024

    sent = await call(serve().app, "POST", PATH, endless(), headers=[JSON, CHUNKED])
    assert json.loads(sent.body)["code"] == 413
    assert sent.received == LIMIT // 1024 + 1
    assert sent.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/site/logout"), ("GET", "/v1/member/member/index"), ("POST", "/nowhere")],
)
async def test_an_unread_body_ends_the_connection(serve: Serve, method: str, path: str) -> None:
    app = serve().app
    for headers in ([CHUNKED], [(b"content-length", b"16385")]):
        sent = await call(app, method, path, headers=headers)
        assert sent.headers["connection"] == "close"
        assert sent.received == 0
    sent = await call(app, method, path, headers=[(b"content-length", b"2")])
    assert "connection" not in sent.headers


async def test_a_slow_body_is_given_up_after_its_deadline(serve: Serve) -> None:
    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    server = serve(body_timeout=0.01)
    slow = call(server.app, "POST", PATH, headers=[JSON], receive=never)
    sent = await asyncio.wait_for(slow, 5)
    assert json.loads(sent.body)["data"]["reason"] == "malformed_body"
    assert sent.headers["connection"] == "close"
    assert server.flows.calls == []


async def test_a_deadline_leaves_other_cancellations_alone() -> None:
    reached = asyncio.Event()

    async def work() -> None:
        with Deadline(60):
            reached.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_deadline_that_was_kept_does_nothing_later() -> None:
    with Deadline(0.005):
        pass
    await asyncio.sleep(0.02)


async def test_a_client_that_hangs_up_gets_no_answer(serve: Serve) -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    server = serve()
    sent = await call(server.app, "POST", PATH, headers=[JSON], receive=gone)
    assert (sent.status, sent.body, server.flows.calls) == (0, b"", [])
    (line,) = server.lines
    assert line.answer is None


async def test_a_body_has_at_most_64_keys(serve: Serve) -> None:
    server = serve()
    for extra, code in ((61, 200), (62, 400)):
        body = LOGIN | {f"k{n}": "x" for n in range(extra)}
        assert (await server.post(PATH, body))["code"] == code
        assert (await server("POST", PATH, data=body)).json()["code"] == code


async def test_every_endpoint_reads_every_encoding(serve: Serve, wire: str) -> None:
    server = serve(wire)
    for path, body in good_bodies(wire).items():
        calls = []
        for request in (
            {"json": body},
            {"data": body},
            {"files": {name: (None, str(value)) for name, value in body.items()}},
        ):
            response = await server("POST", path, **request)
            assert response.json()["code"] == 200
            calls.append(server.flows.calls.pop())
        assert calls[0] == calls[1] == calls[2]


async def test_logout_takes_any_body_and_none(serve: Serve, wire: str) -> None:
    server = serve(wire)
    for content in (b"", b"{}", b"nonsense", b"[" * 1000):
        response = await server(
            "POST", "/v1/site/logout", content=content, headers={"X-Api-Key": "A" * 43}
        )
        assert response.json()["code"] == 200


async def test_what_comes_in_parts_is_one_body(serve: Serve) -> None:
    chunks = [bytes([byte]) for byte in json.dumps(SMS).encode()]
    sent = await call(serve().app, "POST", "/v1/site/sms-code", chunks, headers=[JSON, CHUNKED])
    assert json.loads(sent.body)["code"] == 200
