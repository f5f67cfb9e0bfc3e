"""Who may read answers in a browser on another origin. Never with credentials.

Tokens travel in headers, no cookie is used: an origin that is not allowed can't do more than
any program on the net. `null` is nobody's origin and never allowed.
"""

import re
from collections.abc import Callable, Iterable

from denglu.api.envelope import Answer, RawHeaders
from denglu.api.exchange import Exchange
from denglu.api.forward_auth import is_of_a_proxy
from denglu.api.plain import Endpoint

_LOOPBACK = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.ASCII)
_HEADER_NAMES = re.compile(rb"[A-Za-z0-9\-_, ]{1,1024}")
_USUAL_HEADERS = (
    b"content-type, x-api-key, authorization, accept-language, device-name, width, height, os, "
    b"os-version, merchant-id"
)
_METHODS = b"GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
_EXPOSED = (b"access-control-expose-headers", b"x-request-id, retry-after")
_VARY = (b"vary", b"Origin")


class Origins:
    """Which origins are allowed: exact ones, any (`*`), and loopback ones on request."""

    def __init__(self, allowed: Iterable[str], *, loopback: bool) -> None:
        allowed = frozenset(allowed)
        self.any = "*" in allowed
        self._exact = {origin.encode() for origin in allowed - {"*"}}
        self._loopback = loopback
        self.nobody = not allowed and not loopback

    def headers_for(self, origin: bytes | None) -> RawHeaders | None:
        """The headers that let this origin read an answer; None when it may not."""
        if self.any:
            return ((b"access-control-allow-origin", b"*"), _EXPOSED)
        if origin is None or not self._allows(origin):
            return None
        return ((b"access-control-allow-origin", origin), _EXPOSED, _VARY)

    def _allows(self, origin: bytes) -> bool:
        if origin in self._exact:
            return True
        return self._loopback and _LOOPBACK.fullmatch(origin.decode("latin-1")) is not None


def cross_origin(
    inner: Endpoint, origins: Origins, preflight_answer: Callable[[], Answer]
) -> Endpoint:
    """Puts the headers on every answer, also on refusals, and answers preflights itself."""
    if origins.nobody:
        return inner
    refused: RawHeaders = () if origins.any else (_VARY,)

    async def layer(exchange: Exchange) -> Answer:
        allowed = origins.headers_for(exchange.headers.get(b"origin"))
        if exchange.method == "OPTIONS" and allowed and _is_preflight(exchange, origins):
            answer = preflight_answer()
            answer.headers += _preflight_headers(exchange)
        else:
            answer = await inner(exchange)
        answer.headers += allowed or refused
        return answer

    return layer


def _is_preflight(exchange: Exchange, origins: Origins) -> bool:
    if is_of_a_proxy(exchange.path):
        return False  # some proxies ask with the method that they are asked with
    # Where everybody is allowed, a bare OPTIONS is answered alike: clients probe with it.
    return origins.any or b"access-control-request-method" in exchange.headers


def _preflight_headers(exchange: Exchange) -> RawHeaders:
    asked = exchange.headers.get(b"access-control-request-headers", b"")
    return (
        (b"access-control-allow-methods", _METHODS),
        (
            b"access-control-allow-headers",
            asked if _HEADER_NAMES.fullmatch(asked) else _USUAL_HEADERS,
        ),
        (b"access-control-max-age", b"86400"),
    )
