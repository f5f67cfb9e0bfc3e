"""From path and method to an endpoint: exact matches only, never a redirect.

The table is a plain dict that holds every mount with and without a trailing slash, so a path
trick (`//v1`, `/v1/./site`, `;a=b`, another case) meets no endpoint at all.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from denglu.api.body import read_fields
from denglu.api.checks import Rules, read_form
from denglu.api.envelope import Answer
from denglu.api.exchange import Exchange
from denglu.api.forms import Form, form_of
from denglu.api.handlers import Site
from denglu.api.options import Clock
from denglu.api.refusals import WireRefusal
from denglu.api.routes import HEALTH, MERCHANT_API, ROUTES, Guard, Route
from denglu.domain.errors import Reason, Refusal
from denglu.domain.request_limit import RequestLimit

Endpoint = Callable[[Exchange], Awaitable[Answer]]
Layer = Callable[[Endpoint], Endpoint]
Table = dict[str, dict[str, Endpoint]]


@dataclass(frozen=True, slots=True)
class Reading:
    """How bodies are read: size in bytes, time in seconds, and the rules of the forms."""

    limit: int
    seconds: float
    rules: Rules


def build_table(
    site: Site, reading: Reading, mounts: Iterable[str], before: Layer | None = None
) -> Table:
    """Every path that is answered, with its methods. `before` stands before each but HEALTH."""
    table: Table = {}
    for route in ROUTES:
        endpoint = bind(route, site, reading)
        if before is not None:
            endpoint = before(endpoint)
        for mount in ("", *mounts):
            add(table, route.method, mount.rstrip("/") + route.path, endpoint)
    for route in HEALTH:
        add(table, route.method, route.path, bind(route, site, reading))
    return table


def add(table: Table, method: str, path: str, endpoint: Endpoint) -> None:
    """Put an endpoint under its path, with and without a trailing slash; HEAD goes with GET."""
    for spelling in {path, path.rstrip("/") + "/"}:
        methods = table.setdefault(spelling, {})
        methods[method] = endpoint
        if method == "GET":
            methods["HEAD"] = endpoint


def bind(route: Route, site: Site, reading: Reading) -> Endpoint:
    """The endpoint of a route: its guard, then its reading, then its handler."""
    handler, in_query = route.handler, site.wire.query_token

    async def public(exchange: Exchange) -> Answer:
        return await handler(site, exchange, None)

    async def with_form(exchange: Exchange) -> Answer:
        fields = await read_fields(exchange, reading.limit, reading.seconds)
        given = read_form(form, fields, reading.rules)
        note(exchange, given)
        return await handler(site, exchange, given)

    async def with_token(exchange: Exchange) -> Answer:
        return await handler(site, exchange, _token(exchange, in_query))

    async def with_member(exchange: Exchange) -> Answer:
        found = await site.flows.authenticate(_token(exchange, in_query))
        exchange.member_id, exchange.group = found.member.id, found.session.group
        return await handler(site, exchange, found)

    if route.guard is Guard.member:
        return with_member
    if route.guard is Guard.token:
        return with_token
    if route.form is None:
        return public
    form: type[Form] = form_of(route.form, loose=site.wire.loose_forms)
    note = _noting(form)
    return with_form


def admitting(requests: RequestLimit, now: Clock) -> Layer:
    """A layer that counts a request, and lets it through while its address has not had enough."""

    def wrap(inner: Endpoint) -> Endpoint:
        async def layer(exchange: Exchange) -> Answer:
            if seconds := requests.claim(exchange.ip, now()):
                raise Refusal(Reason.too_many_attempts, retry_after=seconds)
            return await inner(exchange)

        return layer

    return wrap


def _noting(form: type[Form]) -> Callable[[Exchange, Form], None]:
    """Keeps what the access log shows of a form; which fields there are is asked only once."""
    has_mobile, has_group = "mobile" in form.model_fields, "group" in form.model_fields

    def note(exchange: Exchange, given: Any) -> None:
        if has_mobile:
            exchange.mobile = given.mobile
        if has_group and given.group is not None:
            exchange.group = given.group.name

    return note


def _token(exchange: Exchange, in_query: bool) -> str:
    token = exchange.token(query_allowed=in_query)
    if token is None:
        raise WireRefusal(Reason.token_missing)
    return token


def routed(table: Mapping[str, Mapping[str, Endpoint]], mounts: Iterable[str]) -> Endpoint:
    """The endpoint of all endpoints: finds the one that a request means."""
    merchant = tuple(mount.rstrip("/") + MERCHANT_API for mount in ("", *mounts))

    async def route(exchange: Exchange) -> Answer:
        methods = table.get(exchange.path)
        if methods is None:
            wants_merchant = exchange.path.startswith(merchant)
            raise WireRefusal(
                Reason.merchant_plugin_missing if wants_merchant else Reason.not_found
            )
        endpoint = methods.get(exchange.method)
        if endpoint is None:
            raise WireRefusal(Reason.method_not_allowed, allow=", ".join(sorted(methods)))
        return await endpoint(exchange)

    return route
