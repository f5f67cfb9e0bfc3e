"""The API page and the document it shows. Everything it needs is served here: no other host."""

import asyncio
from collections.abc import Callable
from functools import cache
from importlib import resources

from denglu.api.envelope import SAFETY_HEADERS, Answer, RawHeaders
from denglu.api.exchange import Exchange
from denglu.api.router import Table, add

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS: RawHeaders = (
    *SAFETY_HEADERS,
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"no-referrer"),
)
_FILES = {
    "/docs": ("docs.html", b"text/html; charset=utf-8"),
    "/docs/docs.css": ("docs.css", b"text/css; charset=utf-8"),
    "/docs/docs.js": ("docs.js", b"text/javascript; charset=utf-8"),
}


def add_docs(table: Table, render: Callable[[], bytes]) -> None:
    """Put the page and `/openapi.json` into the table; `render` is asked once, when needed."""
    document = cache(render)

    async def openapi(exchange: Exchange) -> Answer:
        # Made once, in a tenth of a second or two: not on the loop, where others wait.
        text = await asyncio.to_thread(document)
        return _answer(text, b"application/json; charset=UTF-8")

    add(table, "GET", "/openapi.json", openapi)
    for path, (name, media) in _FILES.items():
        body = resources.files("denglu.api").joinpath("assets", name).read_bytes()
        _add_file(table, path, body, media)


def _add_file(table: Table, path: str, body: bytes, media: bytes) -> None:
    async def page(exchange: Exchange) -> Answer:
        return _answer(body, media)

    add(table, "GET", path, page)


def _answer(body: bytes, media: bytes) -> Answer:
    return Answer(200, body, ((b"content-type", media), *_PAGE_HEADERS))
