"""From a route to its endpoint: who is let through, what is read, and the layers around it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from denglu.api.body import read_fields
from denglu.api.checks import Rules, read_form
from denglu.api.envelope import Answer
from denglu.api.exchange import Exchange
from denglu.api.forms import Form, form_of
from denglu.api.handlers import Site
from denglu.api.merchant_header import merchant_of, no_merchant
from denglu.api.options import Clock
from denglu.api.plain import Endpoint
from denglu.api.proxy_watch import ProxyWatch
from denglu.api.refusals import WireRefusal
from denglu.api.routes import Guard, Route
from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Member, MemberType
from denglu.domain.request_limit import RequestLimit
from denglu.domain.session import Found

Layer = Callable[[Endpoint], Endpoint]


@dataclass(frozen=True, slots=True)
class Reading:
    """How bodies are read: size in bytes, time in seconds, and the rules of the forms."""

    limit: int
    seconds: float
    rules: Rules


def bind(route: Route, site: Site, reading: Reading) -> Endpoint:
    """The endpoint of a route: its realm, its guard, its reading, then its handler."""
    endpoint = _guarded(route, site, reading)
    return endpoint if route.realm is MemberType.member else _within(route.realm, endpoint)


def _within(realm: MemberType, inner: Endpoint) -> Endpoint:
    async def layer(exchange: Exchange) -> Answer:
        exchange.realm = realm
        return await inner(exchange)

    return layer


def _guarded(route: Route, site: Site, reading: Reading) -> Endpoint:
    handler, in_query = route.handler, site.wire.query_token
    whose = merchant_of if site.merchants and route.names_merchant else no_merchant

    async def public(exchange: Exchange) -> Answer:
        return await handler(site, exchange, None)

    async def with_form(exchange: Exchange) -> Answer:
        read = await given(exchange, None)
        exchange.merchant_id = await whose(exchange, site.flows)
        return await handler(site, exchange, read)

    async def given(exchange: Exchange, member: Member | None) -> Form:
        fields = await read_fields(exchange, reading.limit, reading.seconds)
        read = read_form(form, fields, reading.rules, member)
        note(exchange, read)
        return read

    async def with_token(exchange: Exchange) -> Answer:
        return await handler(site, exchange, _token(exchange, in_query))

    async def with_member(exchange: Exchange) -> Answer:
        return await handler(site, exchange, await caller_of(exchange))

    async def with_member_and_form(exchange: Exchange) -> Answer:
        found = await caller_of(exchange)
        return await handler(site, exchange, (found, await given(exchange, found.member)))

    async def caller_of(exchange: Exchange) -> Found:
        found = await site.flows.authenticate(_token(exchange, in_query), exchange.realm)
        exchange.is_of(found)
        return found

    if route.form is not None:
        form: type[Form] = form_of(route.form, loose=site.wire.loose_forms)
        note = _noting(form)
        return with_member_and_form if route.guard is Guard.member else with_form
    if route.guard is Guard.member:
        return with_member
    return with_token if route.guard is Guard.token else public


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


def admitting(requests: RequestLimit, now: Clock) -> Layer:
    """A layer that counts a request, and lets it through while its address has not had enough."""

    def wrap(inner: Endpoint) -> Endpoint:
        async def layer(exchange: Exchange) -> Answer:
            if seconds := requests.claim(exchange.ip, now()):
                raise Refusal(Reason.too_many_attempts, retry_after=seconds)
            return await inner(exchange)

        return layer

    return wrap


def called(inner: Endpoint, operation: str) -> Endpoint:
    """The endpoint; its calls are counted under a name."""

    async def layer(exchange: Exchange) -> Answer:
        exchange.operation = operation
        return await inner(exchange)

    return layer


def watched(inner: Endpoint, watch: ProxyWatch) -> Endpoint:
    """The endpoint; whoever asks there is seen."""

    async def layer(exchange: Exchange) -> Answer:
        watch.saw(exchange)
        return await inner(exchange)

    return layer
