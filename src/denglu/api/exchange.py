"""One request: who is calling, from where, with which token. Nothing is judged here."""

import os
from collections.abc import Iterator
from functools import cached_property
from urllib.parse import parse_qsl

from denglu.api.address import Proxies, parse_address
from denglu.api.device import device_kind
from denglu.api.messages import prefers_english
from denglu.asgi import Receive, Scope
from denglu.domain.member import MemberType
from denglu.domain.session import Caller, Found

_FORWARDED = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip"})
_NO_TOKENS = frozenset({"", "undefined", "null"})


def request_ids() -> Iterator[str]:
    """128 random bits each. The kernel is asked for many at once; let no two processes share it."""
    while True:
        block = os.urandom(16 * 256).hex()
        for start in range(0, len(block), 32):
            yield block[start : start + 32]


class Exchange:
    """A request as it came, with its id. `headers` has lower-case names, as ASGI gives them."""

    # No __slots__: cached_property needs the dict, and a dict costs nothing measurable here.

    def __init__(
        self, scope: Scope, receive: Receive, proxies: Proxies, request_id: str = ""
    ) -> None:
        self.receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = request_id or next(request_ids())
        self.body_read = False
        # As whom people log in at its path, and whose member it is about.
        self.realm: int = MemberType.member
        self.merchant_id = 0
        # At the end of the path, where the route has one.
        self.number: int | None = None
        # What counts it under a name.
        self.operation = "other"
        # For the access log: what became known while the request was answered.
        self.group = ""
        self.mobile: str | None = None
        self.member_id: int | None = None
        self._ip: str | None = None
        self._scope = scope
        self._proxies = proxies

    def header(self, name: bytes) -> str:
        """A header's text; empty when it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def ip(self) -> str:
        """The client's address: the peer, or what trusted proxies say of it."""
        # By hand: until Python 3.12 a cached_property takes a lock each first time, 1 µs.
        if self._ip is None:
            peer = self._scope.get("client")
            self._ip = self._proxies.client_of(peer[0] if peer else "", self._scope["headers"])
        return self._ip

    @property
    def unbelieved_proxy(self) -> str | None:
        """The peer's address, where it says that it forwards for others and is not believed."""
        peer = self._scope.get("client")
        if peer is None or _FORWARDED.isdisjoint(self.headers):
            return None
        return self.ip if self.ip == str(parse_address(peer[0])) else None

    @cached_property
    def english(self) -> bool:
        """Whether the client asked for English sentences."""
        return prefers_english(self.header(b"accept-language"))

    def is_of(self, found: Found) -> None:
        """Whose request it is, as the token says."""
        self.member_id, self.group = found.member.id, found.session.group
        if self.realm == MemberType.member:
            self.merchant_id = found.member.merchant_id

    @property
    def caller(self) -> Caller:
        """The caller, as flows want to know it."""
        return Caller(self.ip, device_kind(self.header), self.merchant_id, self.realm)

    def token(self, *, query_allowed: bool) -> str | None:
        """The token presented: `X-Api-Key`, else `Authorization: Bearer`, else the query.

        Clients that lost theirs send nothing, `undefined` or `null`: that is no token.
        """
        token = self.headers.get(b"x-api-key", b"").decode("latin-1")
        if token not in _NO_TOKENS:
            return token
        scheme, _, token = self.header(b"authorization").partition(" ")
        token = token.strip()
        if scheme.lower() == "bearer" and token not in _NO_TOKENS:
            return token
        return self._query_token() if query_allowed else None

    def _query_token(self) -> str | None:
        query: bytes = self._scope["query_string"]
        for name, value in parse_qsl(query[:2048].decode("latin-1"), errors="replace"):
            if name == "access-token" and value not in _NO_TOKENS:
                return value
        return None
