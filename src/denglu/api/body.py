"""Reads a request's body: JSON, a form or multipart become one flat dict of fields.

Owns the limits on size, time, keys and nesting. Only the body is read, never the query, and
what a field must hold is judged elsewhere (`forms`).
"""

import math
import re
from json import JSONDecoder
from typing import Any, Final
from urllib.parse import parse_qsl

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from denglu.api.deadline import Deadline
from denglu.api.exchange import Exchange
from denglu.api.refusals import ClientGone, WireRefusal
from denglu.domain.errors import Reason

MOST_KEYS = 64
DEEPEST = 4
_LONGEST_INTEGER = 20
_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

Fields = dict[str, object]


class FilePart:
    """Stands for an uploaded file where text belongs."""


FILE: Final = FilePart()


async def read_fields(exchange: Exchange, limit: int, seconds: float) -> Fields:
    """The body's fields; an empty body has none.

    Raises malformed_body, unsupported_media_type or body_too_large; ClientGone when the
    client hung up.
    """
    encoding = exchange.headers.get(b"content-encoding")
    if encoding and encoding.strip().lower() != b"identity":
        raise WireRefusal(Reason.unsupported_media_type, close=True)
    body = await read_body(exchange, limit, seconds)
    if not body:
        return {}
    try:
        return _parse(exchange.headers.get(b"content-type", b""), body)
    except (ValueError, MultipartError):
        raise WireRefusal(Reason.malformed_body) from None


async def read_body(exchange: Exchange, limit: int, seconds: float) -> bytes:
    """The whole body. What is too long is not read to its end."""
    length = exchange.headers.get(b"content-length")
    if length is not None and not (length.isdigit() and len(length) < 16 and int(length) <= limit):
        raise WireRefusal(Reason.body_too_large, close=True)
    try:
        with Deadline(seconds):
            body, more = await _chunk(exchange)
            while more and len(body) <= limit:
                chunk, more = await _chunk(exchange)
                body += chunk
    except TimeoutError:
        raise WireRefusal(Reason.malformed_body, close=True) from None
    if len(body) > limit:
        raise WireRefusal(Reason.body_too_large, close=True)
    exchange.body_read = True
    return body


async def _chunk(exchange: Exchange) -> tuple[bytes, bool]:
    message = await exchange.receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


def _parse(content_type: bytes, body: bytes) -> Fields:
    media = content_type.partition(b";")[0].strip().lower()
    if not media:
        # A client that names no type: what looks like an object is JSON, the rest a form.
        looks_like_json = body.lstrip()[:1] in (b"{", b"[")
        media = b"application/json" if looks_like_json else b"application/x-www-form-urlencoded"
    if media == b"application/json":
        return _parse_json(body)
    if media == b"application/x-www-form-urlencoded":
        return _parse_form(body)
    if media == b"multipart/form-data":
        return _parse_multipart(content_type.decode("latin-1"), body)
    raise WireRefusal(Reason.unsupported_media_type)


def read_json(body: bytes) -> object:
    """Any JSON value that is not nested too deep. Raises ValueError."""
    if _too_deep(body):
        raise ValueError("nested too deep")
    return _JSON.decode(body.decode("utf-8"))


def _parse_json(body: bytes) -> Fields:
    value = read_json(body)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _too_deep(body: bytes) -> bool:
    """Whether arrays and objects are nested deeper than 4: asked before anything recurses."""
    if body.count(b"{") + body.count(b"[") <= DEEPEST:
        return False
    depth = 0
    for sign in _JSON_STRING.sub(b"", body):
        if sign in b"{[":
            depth += 1
            if depth > DEEPEST:
                return True
        elif sign in b"}]":
            depth -= 1
    return False


def _object(pairs: list[tuple[str, Any]]) -> Fields:
    value = dict(pairs)
    if len(value) != len(pairs) or len(value) > MOST_KEYS:
        raise ValueError("duplicate keys, or too many")
    return value


def _integer(text: str) -> int | float:
    # Python refuses to convert thousands of digits; no field has more than 20.
    return int(text) if len(text) <= _LONGEST_INTEGER else math.inf


# NaN and Infinity become floats: where text belongs they are a wrong type like any number.
_JSON: Final = JSONDecoder(object_pairs_hook=_object, parse_int=_integer)


def _parse_form(body: bytes) -> Fields:
    pairs = parse_qsl(
        body.decode("utf-8"),
        keep_blank_values=True,
        errors="strict",
        max_num_fields=MOST_KEYS,
    )
    return _object(list(pairs))


def _parse_multipart(content_type: str, body: bytes) -> Fields:
    _, options = parse_options_header(content_type)
    pairs: list[tuple[str, object]] = []
    segment: MultipartSegment | None = None
    text = b""
    # Four headers a part: three are known, one is spare.
    with PushMultipartParser(
        options.get("boundary", ""), max_segment_count=MOST_KEYS, max_header_count=4
    ) as parser:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                segment, text = event, b""
            elif event:
                text += event
            elif segment is not None:
                pairs.append((segment.name or "", _part(segment, text)))
    return _object(pairs)


def _part(segment: MultipartSegment, text: bytes) -> object:
    return FILE if segment.filename is not None else text.decode("utf-8")
