"""`GET /forward-auth`: a proxy asks, before it passes a request on, whose token it carries.

For nginx `auth_request`, Traefik `forwardAuth` and their like, which judge by the status: 200
with the member in headers, or 401. Outside every mount, with real statuses and no envelope. It
needs no key, since it says no more than its token's owner may know. The question is the token
check itself, and counts as the token's use.
"""

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from denglu.api.envelope import SAFETY_HEADERS, Answer, RawHeaders, challenge
from denglu.api.exchange import Exchange
from denglu.api.plain import Endpoint, plainly, refused
from denglu.domain.errors import Refusal
from denglu.domain.session import Found

if TYPE_CHECKING:
    from denglu.api.handlers import Site


async def forward_auth(site: "Site", exchange: Exchange, found: Found) -> Answer:
    """Whose token it is, for the back end behind the proxy."""
    return Answer(200, b"", identity(found))


def identity(found: Found) -> RawHeaders:
    """Headers that tell a back end who is calling."""
    member = found.member
    return (
        (b"x-member-id", b"%d" % member.id),
        (b"x-member-group", _in_a_header(found.session.group)),
        (b"x-member-level", b"%d" % member.current_level),
        (b"x-member-merchant-id", b"%d" % member.merchant_id),
        *SAFETY_HEADERS,
    )


def is_of_a_proxy(path: str) -> bool:
    """Whether a proxy asks, be it at a path that is not there: it judges by the status, and 200
    would be a yes. Some put the path that they are asked for behind ours, and people mistype.
    """
    return "forwardauth" in "".join(filter(str.isalpha, path.lower()))


@lru_cache(maxsize=64)
def _in_a_header(group: str) -> bytes:
    """Names of groups may hold anything that a setting or an import brought."""
    return quote(group).encode()


def for_proxies(inner: Endpoint) -> Endpoint:
    """The endpoint, whose refusals are told with the headers that a proxy passes on."""
    return plainly(inner, _refused)


def _refused(refusal: Refusal) -> Answer:
    answer = refused(refusal)
    if answer.status == 401:
        answer.headers += (challenge(refusal.reason),)
    return answer
