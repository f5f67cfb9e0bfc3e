"""`POST /introspect` (RFC 7662): a back-end asks what an access token is good for.

Outside every mount, with real statuses and no envelope, for whoever has one of the secrets of
DENGLU_INTROSPECTION_KEYS. The question counts as the token's use, as the member's request at the
back-end is one.
"""

import base64
import contextlib
import hashlib
import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING

from denglu.api.envelope import Answer, plain_answer
from denglu.api.exchange import Exchange
from denglu.api.forms import VerifyForm
from denglu.api.jsontext import Json, to_json
from denglu.api.options import Clock, NamedSecret
from denglu.api.plain import Endpoint, plainly, refused
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Rate
from denglu.domain.request_limit import RequestLimit
from denglu.domain.session import Found

if TYPE_CHECKING:
    from denglu.api.handlers import Site

# Nobody guesses 32 characters: this is against noise, so a good secret is never kept waiting.
_WRONG = Rate(30, 300)
_CHALLENGE = b'Basic realm="denglu", Bearer realm="denglu"'
# Why a token is not good. From outside they all look alike.
_NOT_GOOD = frozenset(
    {
        Reason.token_invalid,
        Reason.token_expired,
        Reason.session_replaced,
        Reason.session_ended,
        Reason.too_long,
    }
)


class BackEnds:
    """Those who may ask. `grace`: seconds for which a replaced access token is still good."""

    def __init__(self, keys: Iterable[NamedSecret], now: Clock, *, grace: int) -> None:
        self._keys = [(key.name, _digest(key.secret.get_secret_value())) for key in keys]
        self._now = now
        self._wrong = RequestLimit([_WRONG])
        self.grace = grace

    def guarding(self, inner: Endpoint) -> Endpoint:
        """The endpoint for back-ends alone, whose refusals are told as OAuth's are."""

        endpoint = plainly(inner, _refused)

        async def guarded(exchange: Exchange) -> Answer:
            if not self.knows(exchange.header(b"authorization")):
                return self._stranger(exchange)
            return await endpoint(exchange)

        return guarded

    def knows(self, authorization: str) -> bool:
        """Whether it is the secret of a back-end: as Bearer, or as Basic with its name."""
        name, secret = _credential(authorization)
        given = _digest(secret)
        # All of them are compared, so that the time says nothing of any.
        fits = [
            hmac.compare_digest(known, given) and name in (None, owner)
            for owner, known in self._keys
        ]
        return any(fits)

    def _stranger(self, exchange: Exchange) -> Answer:
        if seconds := self._wrong.claim(exchange.ip, self._now()):
            return _refused(Refusal(Reason.too_many_attempts, retry_after=seconds))
        answer = plain_answer(401, {"error": "invalid_client"})
        answer.headers += ((b"www-authenticate", _CHALLENGE),)
        answer.reason = "invalid_client"
        return answer


def _credential(authorization: str) -> tuple[str | None, str]:
    """Name and secret; without a name where only a secret is given. Both empty for garbage."""
    scheme, _, rest = authorization.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return None, rest
    name = secret = ""
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            name, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    return name, secret


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _refused(refusal: Refusal) -> Answer:
    if refusal.reason in _NOT_GOOD:
        return plain_answer(200, {"active": False})
    answer = refused(refusal)
    if answer.status in (400, 422):
        answer.status = answer.code = 400
        answer.body = to_json({"error": "invalid_request"})
    return answer


async def introspect(site: "Site", exchange: Exchange, form: VerifyForm) -> Answer:
    """What the token is good for."""
    assert site.back_ends is not None
    found = await site.flows.authenticate(form.token, exchange.realm)
    exchange.is_of(found)
    return plain_answer(200, described(found, site.back_ends.grace))


def described(found: Found, grace: int) -> dict[str, Json]:
    """What a back-end needs to know, and no more."""
    session, member = found.session, found.member
    said: dict[str, Json] = {
        "active": True,
        "token_type": "Bearer",
        "sub": str(member.id),
        "client_group": session.group,
        "member_level": member.current_level,
        "merchant_id": member.merchant_id,
    }
    if member.username:
        said["username"] = member.username
    if found.token.generation == session.generation:
        return said | {"iat": session.rotated_at, "exp": session.access_expires_at}
    # Replaced a moment ago; when it was made is not known any more.
    return said | {"exp": min(session.rotated_at + grace, session.access_expires_at)}
