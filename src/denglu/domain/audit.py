"""The closed list of audit events. Each is written in the same transaction as its deed."""

from dataclasses import dataclass
from enum import StrEnum


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
    logout = "logout"
    session_replaced = "session_replaced"
    session_revoked = "session_revoked"
    refresh_reuse = "refresh_reuse"
    sms_code_sent = "sms_code_sent"
    sms_code_failed = "sms_code_failed"
    sms_code_compared = "sms_code_compared"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the trail. ``note`` is short, and never a secret or a whole number."""

    event: Event
    at: int
    merchant_id: int = 0
    member_id: int | None = None
    session_id: int | None = None
    group: str = ""
    ip: str = ""
    note: str = ""
