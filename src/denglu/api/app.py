"""The ASGI application of the API: its layers, from the outside in, and the sending."""

import logging
from collections.abc import Callable, Container, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from time import perf_counter
from typing import Protocol

from denglu.api.address import Proxies
from denglu.api.binding import Reading, admitting
from denglu.api.checks import Rules
from denglu.api.cors import Origins, cross_origin
from denglu.api.docs import add_docs
from denglu.api.envelope import Answer, Envelope, RawHeaders
from denglu.api.exchange import Exchange, request_ids
from denglu.api.handlers import Site
from denglu.api.introspect import BackEnds
from denglu.api.member_view import MemberView
from denglu.api.metrics import Render, guarded_metrics
from denglu.api.options import Clock, Flows, Options, Ready
from denglu.api.plain import Endpoint
from denglu.api.proxy_watch import ProxyWatch
from denglu.api.receipts import Hooks
from denglu.api.refusals import ClientGone, WireRefusal
from denglu.api.router import build_table, routed
from denglu.api.routes import Route
from denglu.api.wire import PROFILES
from denglu.asgi import WHOLE, Receive, Scope, Send, Whole
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Groups
from denglu.domain.request_limit import RequestLimit

_log = logging.getLogger(__name__)

Lifespan = Callable[[], AbstractAsyncContextManager[None]]


class AccessLog(Protocol):
    """Writes one line for a request."""

    def __call__(self, exchange: Exchange, answer: Answer | None, seconds: float) -> None:
        """`answer` is None when the client hung up before there was one."""
        ...


def build_api(
    flows: Flows,
    options: Options,
    *,
    groups: Groups,
    common_passwords: Container[str],
    ready: Ready,
    now: Clock,
    access_log: AccessLog,
    requests: RequestLimit | None = None,
    metrics: Render | None = None,
    bound_to_loopback: bool = False,
    lifespan: Lifespan | None = None,
    routes: Sequence[Route] = (),
) -> "Application":
    """The API as one ASGI application.

    `common_passwords` are in plain form (lower case). `now` gives Unix seconds, `ready` says
    whether the store answers. `requests` limits calls by address; `metrics` are shown to whoever
    has their key. `lifespan` is entered when the server starts and left when it stops. `routes`
    are those of plugins.
    """
    wire = PROFILES[options.wire]
    envelope = Envelope(
        wire,
        real_status=options.http_status == "real",
        now=now,
        minimum=options.password_min_length,
    )
    labels = {group.name: group.label for group in groups}
    watch = ProxyWatch(now)
    site = Site(
        flows,
        ready,
        envelope,
        MemberView(wire),
        wire,
        labels,
        back_ends=_back_ends(options, now),
        hooks=(
            Hooks(options.sms_receipt_key, options.sms_http_key, now)
            if options.sms_receipt_key
            else None
        ),
        metrics=(
            guarded_metrics(metrics, options.metrics_key, now)
            if metrics is not None and options.metrics_key is not None
            else None
        ),
        warnings=lambda: watch.warnings,
        merchants="merchant" in options.plugins,
    )
    rules = Rules(
        groups=groups,
        code_length=options.sms_code_length,
        password_minimum=options.password_min_length,
        site_words=options.password_site_words,
        common_passwords=common_passwords,
        loose=wire.loose_forms,
    )
    reading = Reading(options.body_limit, options.body_timeout, rules)
    origins = Origins(options.cors_origins, loopback=bound_to_loopback)
    # From the inside out: the endpoint, refusals as envelopes, other origins, the sending.
    admits = None if requests is None else admitting(requests, now)
    table = build_table(site, reading, options.mounts, admits, watch, routes)
    if options.docs_enabled:
        add_docs(table, lambda: _document(site, reading, options, routes))
    endpoint = routed(table, options.mounts)
    endpoint = refusing(endpoint, envelope)
    endpoint = cross_origin(endpoint, origins, lambda: envelope.ok(wire.empty))
    return Application(
        endpoint, Proxies(options.trusted_proxies), options.body_limit, access_log, lifespan
    )


def _back_ends(options: Options, now: Clock) -> BackEnds | None:
    if not options.introspection_keys:
        return None
    return BackEnds(options.introspection_keys, now, grace=options.access_grace)


def _document(site: Site, reading: Reading, options: Options, routes: Sequence[Route]) -> bytes:
    # Imported when the page is first asked for: it would double the time that a start takes.
    from denglu.api.openapi import Document

    real = options.http_status == "real"
    return Document(site, reading.rules, options.mounts, real=real, routes=routes).render()


def refusing(inner: Endpoint, envelope: Envelope) -> Endpoint:
    """Every refusal becomes an envelope; every fault too, and its cause goes to the log only."""

    async def layer(exchange: Exchange) -> Answer:
        try:
            return await inner(exchange)
        except Refusal as refusal:
            return envelope.refuse(exchange, refusal)
        except ClientGone:
            raise
        except Exception:
            _log.exception("a request failed", extra={"request_id": exchange.request_id})
            return envelope.refuse(exchange, WireRefusal(Reason.internal))

    return layer


class Application:
    """Speaks ASGI: one exchange in, one answer out, one line in the access log."""

    def __init__(
        self,
        endpoint: Endpoint,
        proxies: Proxies,
        body_limit: int,
        access_log: AccessLog,
        lifespan: Lifespan | None,
    ) -> None:
        self._endpoint = endpoint
        self._proxies = proxies
        self._ids = request_ids()
        self._body_limit = body_limit
        self._access_log = access_log
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._not_http(scope, receive, send)
            return
        begun = perf_counter()
        whole: Whole | None = scope.pop(WHOLE, None)
        exchange = Exchange(scope, receive, self._proxies, next(self._ids))
        try:
            answer = await self._endpoint(exchange)
        except ClientGone:
            self._access_log(exchange, None, perf_counter() - begun)
            return
        close = answer.close or self._leaves_much_unread(exchange)
        if whole is None or not _told_at_once(whole, exchange, answer, close):
            await _send(exchange, answer, close, send)
        self._access_log(exchange, answer, perf_counter() - begun)

    def _leaves_much_unread(self, exchange: Exchange) -> bool:
        """Whether the connection is no good any more: its next bytes are an unread body."""
        if exchange.body_read:
            return False
        if b"transfer-encoding" in exchange.headers:
            return True
        length = exchange.headers.get(b"content-length")
        return length is not None and (len(length) > 15 or int(length) > self._body_limit)

    async def _not_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        if self._lifespan is None:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        else:
            async with self._lifespan():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        await send({"type": "lifespan.shutdown.complete"})


def _told_at_once(whole: Whole, exchange: Exchange, answer: Answer, close: bool) -> bool:
    lines = b"%bcontent-length: %d\r\nx-request-id: %b\r\n" % (
        _lines(tuple(answer.headers)),  # a plugin may give a list
        len(answer.body),
        exchange.request_id.encode(),
    )
    return whole(answer.status, lines, b"" if exchange.method == "HEAD" else answer.body, close)


@lru_cache(maxsize=1024)  # most answers have the same headers
def _lines(headers: RawHeaders) -> bytes:
    lines = [b"%b: %b" % header for header in headers]
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise ValueError("a header would end its line")
    return b"".join(line + b"\r\n" for line in lines)


async def _send(exchange: Exchange, answer: Answer, close: bool, send: Send) -> None:
    headers = [
        *answer.headers,
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-request-id", exchange.request_id.encode()),
    ]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if exchange.method == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})
