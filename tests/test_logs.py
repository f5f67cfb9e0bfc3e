"""Logs: one record is one line, and no secret is in any of them."""

import asyncio
import base64
import io
import json
import logging
import secrets
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from denglu.logs import AccessLog, configure_logging, redact
from denglu.logs.records import JsonFormatter

TOKEN = secrets.token_urlsafe(32)
NAMES = ("", "uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access", "py.warnings")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where configured logs go; everything is as it was afterwards."""
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(o.handlers[:], o.level, o.propagate, o.disabled) for o in loggers]
    hook = threading.excepthook
    stream = io.StringIO()
    configure_logging("debug", stream)
    yield stream
    logging.captureWarnings(False)
    threading.excepthook = hook
    for logger, (handlers, level, propagate, disabled) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.level, logger.propagate, logger.disabled = level, propagate, disabled


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    text = stream.getvalue()
    assert text == "" or text.endswith("\n")
    assert len(text.splitlines()) == text.count("\n")
    return [json.loads(line) for line in text.splitlines()]


def record(stream: io.StringIO) -> dict[str, Any]:
    (found,) = records(stream)
    return found


log = logging.getLogger("denglu.test")


def test_a_record_is_one_object_with_time_level_and_fields(stream: io.StringIO) -> None:
    log.info("登录 %s", "ok", extra={"member_id": 5, "groups": ("pc", "h5"), "share": 0.5})
    found = record(stream)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "info",
        "logger": "denglu.test",
        "message": "登录 ok",
        "member_id": 5,
        "groups": ["pc", "h5"],
        "share": 0.5,
    }
    assert "登录" in stream.getvalue()


def test_L01_fields_named_like_secrets_are_hidden(stream: io.StringIO) -> None:
    names = (
        "password",
        "Password_Repetition",
        "code",
        "sms_code",
        "access_token",
        "refresh-token",
        "secret_key",
        "Authorization",
        "X-Api-Key",
        "Cookie",
    )
    log.info("in", extra={"deep": [dict.fromkeys(names, "canary"), {"status": 422}]})
    assert "canary" not in stream.getvalue()
    assert record(stream)["deep"] == [dict.fromkeys(names, "[hidden]"), {"status": 422}]


@pytest.mark.parametrize(
    "text",
    [
        "password=canary",
        "password: canary",
        '{"password":"can\\"ary canary"}',
        "{'password_repetition': 'can ary canary'}",
        "refresh_token=canary&group=pc",
        "Authorization: Bearer canary",
        "X-Api-Key: canary",
        "secret = canary",
        "DENGLU_SECRET_KEY=canary",
        "[type=string_type, input_value={'a': 'canary'}, input_type=dict]",
        "[SQL: SELECT ?]\n[parameters: ('canary', [1])]\n(Background)",
    ],
)
def test_L01_secrets_in_running_text_are_hidden(text: str) -> None:
    assert "canary" not in redact(f"before {text}")
    assert redact(f"before {text}").startswith("before ")


@pytest.mark.parametrize(
    "text",
    ["code=123456", "code: 1234", '"code": "12345678"', "'sms_code': 123456", "code 123456"],
)
def test_L01_codes_in_running_text_are_hidden(text: str) -> None:
    assert "123" not in redact(text)


@pytest.mark.parametrize(
    "text", ["status code: 404", "exit code 1", "the code is wrong", "decoded"]
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redact(text) == text


@given(st.text(), st.binary(min_size=32, max_size=64), st.text())
def test_L01_no_token_survives_wherever_it_stands(before: str, raw: bytes, after: str) -> None:
    token = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert token not in redact(f"{before}{token}{after}")


@given(
    st.text().filter(lambda t: not t[-1:].isdigit()),
    st.sampled_from(["", "+86", "86", "0086", "+86 ", "86-", "%2B86", "%20"]),
    st.integers(13_000_000_000, 19_999_999_999),
    st.sampled_from(["", " ", "-"]),
    st.text().filter(lambda t: not t[:1].isdigit()),
)
def test_L01_no_mobile_survives_wherever_it_stands(
    before: str, prefix: str, number: int, gap: str, after: str
) -> None:
    digits = str(number)
    written = gap.join((digits[:3], digits[3:7], digits[7:]))
    found = redact(f"{before}{prefix}{written}{after}")
    assert written not in found
    assert digits not in found


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("13800001234", "138****1234"),
        ("+8613800001234", "+86138****1234"),
        ("to=13800001234,", "to=138****1234,"),
        ("１３８００００１２３４", "１３８****１２３４"),
        ("1763000000", "1763000000"),
        ("1763000000123", "1763000000123"),
        ("12800001234", "12800001234"),
    ],
)
def test_a_mobile_is_masked_and_other_numbers_are_not(text: str, masked: str) -> None:
    assert redact(text) == masked


def test_L01_a_mobile_given_as_a_number_is_masked(stream: io.StringIO) -> None:
    log.info(13800001234, extra={"who": 13800001234, "odd": float("nan"), "ids": {13800001234: 1}})
    assert "13800001234" not in stream.getvalue()
    assert record(stream)["odd"] == "nan"


def test_a_request_id_is_never_mistaken_for_a_mobile(stream: io.StringIO) -> None:
    request_id = "a13800001234b" + "c" * 19
    log.info("x", extra={"request_id": request_id})
    assert record(stream)["request_id"] == request_id


@given(st.text(st.characters()), st.text(st.characters()))
def test_I13_whatever_a_client_sends_a_record_is_one_line(message: str, field: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.handle(
        logging.makeLogRecord({"msg": message, "field": field, "name": "x", "levelname": "INFO"})
    )
    text = stream.getvalue()
    assert len(text.splitlines()) == 1
    assert set(json.loads(text)) == {"time", "level", "logger", "message", "field"}
    assert text.encode()
    assert all(char.isprintable() or char.isspace() for char in text if ord(char) < 0xA0)


def test_I13_a_client_cannot_forge_a_record(stream: io.StringIO) -> None:
    log.info("nickname %s", 'x"}\n{"level":"info","message":"forged"}\r\x1b[2J\u2028')
    assert record(stream)["message"].startswith("nickname x")


def test_an_error_is_told_with_its_causes_on_one_line(stream: io.StringIO) -> None:
    def inner() -> None:
        raise KeyError(f"token {TOKEN}")

    try:
        try:
            inner()
        except KeyError as cause:
            raise RuntimeError("password=canary\nfor 13800001234") from cause
    except RuntimeError:
        log.exception("it broke")
    told = record(stream)["error"]
    assert told.startswith("RuntimeError: password=[hidden]\nfor 138****1234 [tests/test_logs.py:")
    assert " <- KeyError: " in told
    assert " inner]" in told
    assert TOKEN not in told


def test_an_error_without_a_word_of_its_own_or_with_many_inside_is_told(
    stream: io.StringIO,
) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    log.error("x", exc_info=ExceptionGroup("several", [Mute(), ValueError("one")]))
    told = record(stream)["error"]
    assert "ExceptionGroup: several" in told
    assert "Mute: (cannot be shown)" in told
    assert "ValueError: one" in told


def test_L01_a_validation_error_does_not_echo_what_was_sent(stream: io.StringIO) -> None:
    class Form(BaseModel):
        password: int

    with pytest.raises(ValidationError) as caught:
        Form.model_validate({"password": "canary'word"})
    log.error("x", exc_info=caught.value)
    assert "canary" not in stream.getvalue()


def test_arguments_that_do_not_fit_are_left_out() -> None:
    broken = logging.makeLogRecord({"msg": "only %s %s", "args": ("canary",)})
    told = json.loads(JsonFormatter().format(broken))["message"]
    assert told == "only %s %s (its arguments do not fit)"


def test_a_closed_stream_does_not_break_who_logs(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    stream.close()
    log.info("canary")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "piece",
    ["x", "token", "code", "x=", "token='", 'token="', "[parameters: ", "138", "input_value="],
)
def test_L01_hostile_text_of_any_length_is_cut_and_hides_what_is_cut_through(piece: str) -> None:
    text = (piece * 64_000)[:63_980] + TOKEN + "password=canary"
    found = redact(text)
    assert TOKEN[:20] not in found
    assert "canary" not in found


def test_a_very_deep_or_long_field_is_cut(stream: io.StringIO) -> None:
    deep: list[Any] = []
    deep.append(deep)
    log.info("ab " * 100_000, extra={"deep": deep})
    assert len(stream.getvalue()) < 20_000


def test_uvicorn_logs_through_us_and_writes_no_access_line(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("started", extra={"color_message": "\x1b[1mstarted"})
    logging.getLogger("uvicorn.access").info("GET /?access-token=canary")
    found = record(stream)
    assert (found["logger"], found["message"]) == ("uvicorn.error", "started")
    assert "color_message" not in found


def test_warnings_and_threads_that_end_log_through_us(stream: io.StringIO) -> None:
    def end() -> None:
        raise RuntimeError("password=canary")

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    ended, warned = records(stream)
    assert ended["level"] == "critical"
    assert "canary" not in stream.getvalue()
    assert "old" in warned["message"]


def test_the_level_is_kept(stream: io.StringIO) -> None:
    configure_logging("warning", stream)
    log.info("quiet")
    log.warning("loud")
    assert record(stream)["message"] == "loud"


FIELDS: dict[str, Any] = {
    "request_id": "0123456789abcdef0123456789abcdef",
    "ip": "127.0.0.1",
    "method": "POST",
    "path": "/v1/site/login",
    "status": 200,
    "code": 422,
    "reason": "bad_credentials",
    "group": "iOS",
    "member_id": 7,
    "mobile": "13800001234",
    "duration_ms": 12.345,
}


def access_log(at: float = 1_763_000_000.0625) -> tuple[AccessLog, io.StringIO]:
    stream = io.StringIO()
    return AccessLog(stream, delay=0, clock=lambda: at), stream


async def test_a_request_is_one_line_with_the_envelopes_code() -> None:
    log, stream = access_log()
    log.write(**FIELDS)
    log.close()
    assert record(stream) == {
        "time": "2025-11-13T02:13:20.062Z",
        "level": "info",
        "logger": "denglu.access",
        **FIELDS,
        "mobile": "138****1234",
        "duration_ms": 12.3,
    }


async def test_a_request_without_caller_or_answer_is_told_as_such() -> None:
    log, stream = access_log()
    log.write(
        request_id="x", ip="::1", method="GET", path="/", status=None, code=None, duration_ms=0.04
    )
    log.close()
    found = record(stream)
    nothing = {name for name, value in found.items() if value is None}
    assert nothing == {"status", "code", "reason", "group", "member_id", "mobile"}


async def test_lines_are_written_together_a_moment_later() -> None:
    log, stream = access_log()
    log.write(**FIELDS)
    log.write(**FIELDS | {"path": "/v1/site/logout"})
    assert stream.getvalue() == ""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [found["path"] for found in records(stream)] == ["/v1/site/login", "/v1/site/logout"]
    log.write(**FIELDS)
    log.close()
    log.close()
    assert len(records(stream)) == 3


async def test_a_burst_does_not_pile_up_in_memory() -> None:
    log, stream = access_log()
    for _ in range(10_000):
        log.write(**FIELDS)
    assert stream.getvalue().count("\n") >= 5_000
    log.close()
    assert stream.getvalue().count("\n") == 10_000


async def test_lines_of_several_processes_are_not_torn_in_a_pipe() -> None:
    pieces: list[str] = []

    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    log = AccessLog(Pipe(), delay=0)
    for path in ("/short", "/" + "登录" * 500, "/" + "a" * 2000, "/" + "登" * 2000) * 20:
        log.write(**FIELDS | {"path": path})
    log.close()
    assert "".join(pieces).count("\n") == 80
    for piece in pieces:
        assert piece.endswith("\n")
        assert len(piece.encode()) <= 4096 or piece.count("\n") == 1


async def test_new_values_without_end_fill_no_memory() -> None:
    log, stream = access_log()
    for number in range(10_000):
        log.write(**FIELDS | {"path": f"/{number}", "ip": f"::{number:x}"})
    log.close()
    assert [found["path"] for found in records(stream)] == [f"/{n}" for n in range(10_000)]
    assert len(log._quoted) <= 2048


async def test_a_stream_that_is_gone_does_not_break_the_request() -> None:
    log, stream = access_log()
    stream.close()
    log.write(**FIELDS)
    log.close()


async def test_T07_the_access_log_holds_no_query() -> None:
    log, stream = access_log()
    log.write(**FIELDS | {"path": "/v1/member/member/index?access-token=canary"})
    log.close()
    assert record(stream)["path"] == "/v1/member/member/index"


async def test_L01_no_secret_passes_the_access_log() -> None:
    log, stream = access_log()
    for name in ("path", "ip", "method", "reason", "group", "request_id", "mobile"):
        log.write(**FIELDS | {name: f"/{TOKEN}/13800001234"})
        log.write(**FIELDS | {name: "13800001234"})
    log.close()
    assert TOKEN not in stream.getvalue()
    assert "13800001234" not in stream.getvalue()
    assert len(records(stream)) == 14


async def test_a_number_that_is_no_mainland_mobile_is_masked_as_well() -> None:
    log, stream = access_log()
    log.write(**FIELDS | {"mobile": "12345678901"})
    log.write(**FIELDS | {"mobile": '"\n\\4567"\n\\"'})
    log.close()
    assert [found["mobile"] for found in records(stream)] == ["123****8901", '"\n\\****"\n\\"']


@given(
    st.dictionaries(
        st.sampled_from(["path", "ip", "method", "group", "request_id", "mobile"]),
        st.text(st.characters()),
    )
)
def test_I13_log_lines_equal_requests(hostile: dict[str, str]) -> None:
    async def run() -> str:
        log, stream = access_log()
        log.write(**FIELDS | hostile)
        log.write(**FIELDS | hostile)
        log.close()
        return stream.getvalue()

    text = asyncio.run(run())
    assert len(text.splitlines()) == 2
    assert text.encode()
    for line in text.splitlines():
        assert list(json.loads(line)) == ["time", "level", "logger", *FIELDS]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/hooks/sms/aliyun/KEY", "/hooks/sms/aliyun/***"),
        ("/hooks/sms/aliyun-pnvs/KEY/", "/hooks/sms/aliyun-pnvs/***"),
        ("/hooks/sms/KEY", "/hooks/sms/***"),
        ("/hooks/KEY", "/hooks/***"),
        ("/hooks/sms/", "/hooks/***"),
        ("/Hooks//sms//http//KEY/x", "/Hooks//sms//http//***"),
        ("/api/hooks/sms/http/KEY", "/api/hooks/sms/http/***"),
        ("POST /hooks/sms/http/KEY HTTP/1.1", "POST /hooks/sms/http/*** HTTP/1.1"),
        ("/v1/site/login", "/v1/site/login"),
    ],
)
def test_L01_the_key_in_a_path_is_hidden(path: str, shown: str) -> None:
    assert redact(path.replace("KEY", "receipt.canary_1~2")) == shown


@pytest.mark.parametrize(
    "stray",
    ["/hooks/sms/aliyun/ KEY", "/hooks/sms/aliyun/x\nKEY", "/hooks/sms/'KEY", "/hooks/ KEY"],
)
async def test_L01_a_key_that_was_pasted_badly_is_in_no_access_log(stray: str) -> None:
    log, stream = access_log()
    log.write(**FIELDS | {"path": stray.replace("KEY", "receipt.canary_1~2")})
    log.close()
    assert "canary" not in stream.getvalue()
    assert '"path":"/hooks/' in stream.getvalue()
