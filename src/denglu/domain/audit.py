"""The closed list of audit events. Each is written in the same transaction as its deed."""

from dataclasses import dataclass, field
from enum import StrEnum

from denglu.domain.member import MemberType


class Event(StrEnum):
    """What the audit trail can say happened."""

    login = "login"
    login_failed = "login_failed"
    too_many_attempts = "too_many_attempts"
    mobile_login = "mobile_login"
    member_registered = "member_registered"
    member_added = "member_added"
    member_disabled = "member_disabled"
    member_enabled = "member_enabled"
    member_deleted = "member_deleted"
    password_reset = "password_reset"
    password_rehashed = "password_rehashed"
    password_changed = "password_changed"
    mobile_changed = "mobile_changed"
    cancel_requested = "cancel_requested"
    cancel_withdrawn = "cancel_withdrawn"
    logout = "logout"
    session_replaced = "session_replaced"
    session_revoked = "session_revoked"
    refresh_reuse = "refresh_reuse"
    sms_code_sent = "sms_code_sent"
    sms_code_failed = "sms_code_failed"
    sms_code_compared = "sms_code_compared"
    merchant_added = "merchant_added"
    merchant_disabled = "merchant_disabled"
    merchant_enabled = "merchant_enabled"
    alert = "alert"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the trail. ``note`` is short, and never a secret or a whole number.

    ``mobile``: the whole number, of an event that is about one; its member (of ``member_type``) is
    written down, not the number.
    """

    event: Event
    at: int
    merchant_id: int = 0
    member_id: int | None = None
    session_id: int | None = None
    group: str = ""
    ip: str = ""
    note: str = ""
    mobile: str = field(default="", repr=False)
    member_type: int = MemberType.member


@dataclass(frozen=True, slots=True)
class Entry:
    """A line as it stands in the trail. ``event`` is text: a later version may have written one
    that this one does not know.
    """

    id: int
    event: str
    at: int
    merchant_id: int
    member_id: int | None
    session_id: int | None
    group: str
    ip: str
    note: str


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the trail, in the order of time and id: from ``since`` (Unix seconds) on, up to
    and without the place ``(before, before_id)``.
    """

    since: int
    before: int
    before_id: int = 0
