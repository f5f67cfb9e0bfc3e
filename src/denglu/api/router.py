"""From path and method to an endpoint: exact matches only, never a redirect.

The table holds every mount with and without a trailing slash, so a path trick (`//v1`,
`/v1/./site`, `;a=b`, another case) meets no endpoint at all. What may vary is the end: a number
below a path that was given with `/{id}`, the secret key below that of a gateway.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from denglu.api.binding import Layer, Reading, bind, called, watched
from denglu.api.envelope import Answer
from denglu.api.exchange import Exchange
from denglu.api.forward_auth import for_proxies, is_of_a_proxy
from denglu.api.handlers import Site
from denglu.api.plain import Endpoint, plainly, refused
from denglu.api.proxy_watch import ProxyWatch
from denglu.api.receipts import PATH, PROVIDERS
from denglu.api.refusals import WireRefusal
from denglu.api.routes import (
    BACK_ENDS,
    HEALTH,
    HOOKS,
    MERCHANT_API,
    PROXIES,
    ROUTES,
    WATCHERS,
    Gives,
    Guard,
    Route,
)
from denglu.domain.errors import Reason, Refusal

Methods = dict[str, Endpoint]

_BY_NUMBER = "/{id}"
_ANY_OTHER = "*"
# Every one of these fits into 63 bits, and there is one way to write it.
_NUMBER = re.compile("[1-9][0-9]{0,17}")


def _never(word: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Table:
    """Every path that is answered, with its methods; `numbered`: those that a number follows;
    `locked`: those that a key follows, which `opens` knows.
    """

    exact: dict[str, Methods] = field(default_factory=dict)
    numbered: dict[str, Methods] = field(default_factory=dict)
    locked: dict[str, Methods] = field(default_factory=dict)
    opens: Callable[[str], bool] = _never

    def find(self, path: str) -> tuple[Methods | None, int | None]:
        """The methods of a path, and the number at its end where it has one."""
        if methods := self.exact.get(path):
            return methods, None
        before, _, last = path.removesuffix("/").rpartition("/")
        if (methods := self.numbered.get(before)) and _NUMBER.fullmatch(last):
            return methods, int(last)
        if (methods := self.locked.get(before)) and self.opens(last):
            return methods, None
        return None, None


def build_table(
    site: Site,
    reading: Reading,
    mounts: Iterable[str],
    before: Layer | None = None,
    watch: ProxyWatch | None = None,
    routes: Iterable[Route] = (),
) -> Table:
    """Every path that is answered, with its methods. `before` stands before each that is
    for people; `watch` sees the calls that limits guard. `routes` are those of plugins.
    """
    table = Table() if site.hooks is None else Table(opens=site.hooks.opens)
    more = tuple(routes)
    for route in (*ROUTES, *(route for route in more if not route.for_machines)):
        endpoint = bind(route, site, reading)
        if watch is not None and route.limited:
            endpoint = watched(endpoint, watch)
        if before is not None:
            endpoint = before(endpoint)
        if site.metrics is not None:
            endpoint = called(endpoint, route.operation)
        for mount in ("", *mounts):
            add(table, route.method, mount.rstrip("/") + route.path, endpoint)
    people = set(table.exact)
    for route in HEALTH:
        add(table, route.method, route.path, bind(route, site, reading))
    _add_machines(table, site, reading, [route for route in more if route.for_machines])
    for path in table.exact.keys() - people:
        _refuse_plainly(table.exact[path])
    for methods in table.locked.values():
        _refuse_plainly(methods)
    return table


def _add_machines(table: Table, site: Site, reading: Reading, more: Sequence[Route]) -> None:
    """What is there for other programs: for proxies, and for those with a key of their own."""
    for route in (*PROXIES, *(route for route in more if route.gives is Gives.identity)):
        endpoint = for_proxies(bind(route, site, reading))
        add(table, route.method, route.path, called(endpoint, route.operation))
    back_ends = (*BACK_ENDS, *(route for route in more if route.guard is Guard.back_end))
    for guard, routes in ((site.back_ends, back_ends), (site.metrics, WATCHERS)):
        if guard is not None:
            for route in routes:
                endpoint = guard.guarding(bind(route, site, reading))
                add(table, route.method, route.path, called(endpoint, route.operation))
    for route in HOOKS if site.hooks is not None else ():
        for gateway in PROVIDERS:
            endpoint = called(plainly(_for_gateway(route, site, gateway)), route.operation)
            table.locked[f"{PATH}/{gateway}"] = {route.method: endpoint}


def _for_gateway(route: Route, site: Site, gateway: str) -> Endpoint:
    async def endpoint(exchange: Exchange) -> Answer:
        return await route.handler(site, exchange, gateway)

    return endpoint


def _refuse_plainly(methods: Methods) -> None:
    """Programs are told with a real status, too, that a method is not there."""
    methods[_ANY_OTHER] = plainly(_wrong_method(methods))


def _wrong_method(methods: Methods) -> Endpoint:
    allow = ", ".join(sorted(methods))

    async def endpoint(exchange: Exchange) -> Answer:
        raise WireRefusal(Reason.method_not_allowed, allow=allow)

    return endpoint


def add(table: Table, method: str, path: str, endpoint: Endpoint) -> None:
    """Put an endpoint under its path, with and without a trailing slash; HEAD goes with GET."""
    if path.endswith(_BY_NUMBER):
        table.numbered.setdefault(path.removesuffix(_BY_NUMBER), {})[method] = endpoint
        return
    for spelling in {path, path.rstrip("/") + "/"}:
        methods = table.exact.setdefault(spelling, {})
        methods[method] = endpoint
        if method == "GET":
            methods["HEAD"] = endpoint


def routed(table: Table, mounts: Iterable[str]) -> Endpoint:
    """The endpoint of all endpoints: finds the one that a request means."""
    merchant: tuple[str, ...] = ()
    if not any(path.startswith(MERCHANT_API) for path in table.exact):
        merchant = tuple(mount.rstrip("/") + MERCHANT_API for mount in ("", *mounts))

    async def route(exchange: Exchange) -> Answer:
        methods, exchange.number = table.find(exchange.path)
        if methods is None:
            if is_of_a_proxy(exchange.path):
                return refused(Refusal(Reason.not_found))
            wants_merchant = exchange.path.startswith(merchant)
            raise WireRefusal(
                Reason.merchant_plugin_missing if wants_merchant else Reason.not_found
            )
        endpoint = methods.get(exchange.method) or methods.get(_ANY_OTHER)
        return await (endpoint or _wrong_method(methods))(exchange)

    return route
