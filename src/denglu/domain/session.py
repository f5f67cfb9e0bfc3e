"""Sessions: how long tokens live, what a refresh may do, why a session ended.

A session has generations. Generation 1 is its login; every rotation makes the next one.
Each generation is a pair of an access and a refresh token.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from ipaddress import IPv6Address, IPv6Network, ip_address

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Member, MemberType, Namespace, Status


class Kind(IntEnum):
    """The two kinds of token."""

    access = 1
    refresh = 2


class EndReason(StrEnum):
    """Why a session ended: a closed list."""

    logged_out = "logged_out"
    replaced = "replaced"
    reused = "reused"
    password_changed = "password_changed"
    disabled = "disabled"
    revoked = "revoked"
    expired = "expired"


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """Lives in seconds, as in ``defaults.md``. ``window`` 0 is strict single use."""

    access_ttl: int = 7200
    refresh_idle: int = 30 * 86400
    refresh_absolute: int = 90 * 86400
    window: int = 10
    grace: int = 10


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end of a request, as far as it is known.

    ``member_type``: as whom people log in there, a member or a merchant's user. ``merchant_id``:
    whose member, 0 for the site's; of merchants' users always 0, their names are one list.
    """

    ip: str
    device: str = ""
    merchant_id: int = 0
    member_type: int = MemberType.member

    @property
    def namespace(self) -> Namespace:
        """Where the names are looked up that are given."""
        return Namespace(self.merchant_id, self.member_type)

    @property
    def network(self) -> str:
        """What limits by address are counted under: an IPv4 address, or an IPv6 /64."""
        try:
            address = ip_address(self.ip)
        except ValueError:
            return self.ip
        if isinstance(address, IPv6Address):
            mapped = address.ipv4_mapped
            return str(mapped or IPv6Network((int(address) >> 64 << 64, 64)))
        return str(address)


@dataclass(frozen=True, slots=True)
class Lives:
    """Until when the pair of a generation is good, in Unix seconds."""

    access: int
    refresh: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session, as stored. No token can be made from it without the server's key."""

    id: int
    merchant_id: int
    member_id: int
    member_type: int
    group: str
    generation: int
    nonce: bytes = field(repr=False)
    access_expires_at: int
    refresh_expires_at: int
    absolute_expires_at: int
    created_at: int
    rotated_at: int
    device: str
    ip: str
    ended_at: int | None
    end_reason: str | None
    ended_by: str


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A known token. For a refresh token also: when it was rotated, and when its child pair
    was first used (None: not yet). ``parent_unmarked``: this generation's first use has not
    been recorded with its parent.
    """

    kind: Kind
    generation: int
    rotated_at: int | None
    child_used_at: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a token led to."""

    token: TokenRecord
    session: Session
    member: Member
    parent_unmarked: bool = False


class RefreshStep(StrEnum):
    """What a good refresh request leads to."""

    rotate = "rotate"
    repeat = "repeat"
    reuse = "reuse"


def first_lives(policy: SessionPolicy, now: int) -> tuple[Lives, int]:
    """The lives of generation 1, and the session's absolute end."""
    absolute = now + policy.refresh_absolute
    return next_lives(policy, absolute, now), absolute


def next_lives(policy: SessionPolicy, absolute: int, now: int) -> Lives:
    """The lives of a pair made now: never past the session's absolute end."""
    return Lives(
        access=min(now + policy.access_ttl, absolute),
        refresh=min(now + policy.refresh_idle, absolute),
    )


def check_access(found: Found | None, policy: SessionPolicy, now: int) -> Found:
    """Return what a good access token led to; raise the Refusal that says why it is none."""
    if found is None or found.token.kind is not Kind.access:
        raise Refusal(Reason.token_invalid)
    check_alive(found)
    session = found.session
    behind = session.generation - found.token.generation
    in_flight = behind == 1 and now < session.rotated_at + policy.grace
    if behind and not in_flight:
        raise Refusal(Reason.token_expired)
    if now >= session.access_expires_at:
        raise Refusal(Reason.token_expired)
    return found


def check_alive(found: Found) -> None:
    """Raise why the session is over, if it is."""
    session = found.session
    if session.ended_at is not None:
        _refuse_ended(session, found.token.kind)
    if found.member.status != Status.enabled:
        raise Refusal(Reason.session_ended, details={"end_reason": EndReason.disabled.value})


def _refuse_ended(session: Session, kind: Kind) -> None:
    reason = session.end_reason or EndReason.revoked
    if reason == EndReason.expired:
        # Says the same before and after the sweep that wrote it down.
        raise Refusal(Reason.refresh_expired if kind is Kind.refresh else Reason.token_expired)
    details: dict[str, str | int] = {"end_reason": reason, "ended_at": session.ended_at or 0}
    if reason == EndReason.replaced:
        raise Refusal(Reason.session_replaced, details=details | {"device": session.ended_by})
    raise Refusal(Reason.session_ended, details=details)


def judge_refresh(found: Found, policy: SessionPolicy, now: int) -> RefreshStep:
    """Decide what a known refresh token of a live session leads to.

    The newest token rotates. An older one repeats the current pair until ``window`` seconds
    after the later of its rotation and the first use of its child pair: the client may have
    lost the answer. After that somebody holds a token that was used up: reuse.
    Raises ``refresh_expired`` when the session's refresh life is over.
    """
    if now >= found.session.refresh_expires_at:
        raise Refusal(Reason.refresh_expired)
    token = found.token
    if token.generation == found.session.generation:
        return RefreshStep.rotate
    if token.child_used_at is None:
        return RefreshStep.repeat if policy.window else RefreshStep.reuse
    last = max(token.rotated_at or 0, token.child_used_at)
    return RefreshStep.repeat if now < last + policy.window else RefreshStep.reuse
