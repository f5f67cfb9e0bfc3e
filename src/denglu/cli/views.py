"""Members and sessions as commands show them. The keys of the JSON are stable."""

from denglu.cli.output import when
from denglu.domain.member import Member, MemberType, Status
from denglu.domain.mobile import canonical_mobile, mask_mobile
from denglu.domain.session import Session

Json = dict[str, object]


def member_json(member: Member, *, reveal: bool = False) -> Json:
    """A member for programs. Times are Unix seconds; mobiles are masked unless revealed."""
    return {
        "id": member.id,
        "username": member.username if reveal else masked_name(member.username),
        "mobile": member.mobile if reveal else masked_name(member.mobile),
        "email": member.email,
        "nickname": member.nickname,
        "status": status_name(member),
        "password": password_kind(member.password_hash),
        "source": member.source,
        "visit_count": member.visit_count,
        "last_time": member.last_time,
        "last_ip": member.last_ip,
        "created_at": member.created_at,
        "updated_at": member.updated_at,
        "type": MemberType(member.type).name,
        "merchant_id": member.merchant_id,
    }


def session_json(session: Session) -> Json:
    """A live session for programs. Times are Unix seconds; nothing a token could be made of."""
    return {
        "id": session.id,
        "group": session.group,
        "device": session.device,
        "ip": session.ip,
        "created_at": session.created_at,
        "refreshed_at": session.rotated_at,
        "access_expires_at": session.access_expires_at,
        "refresh_expires_at": session.refresh_expires_at,
        "absolute_expires_at": session.absolute_expires_at,
    }


def member_pairs(member: Member, *, reveal: bool) -> list[tuple[str, str]]:
    """A member for people."""
    shown = member_json(member, reveal=reveal)
    times = ("last_time", "created_at", "updated_at")
    return [
        (name.replace("_", " "), when(_whole(value)) if name in times else str(value))
        for name, value in shown.items()
    ]


MEMBER_HEAD = ("ID", "USERNAME", "MOBILE", "NICKNAME", "STATUS", "MERCHANT", "LAST SEEN")
SESSION_HEAD = ("ID", "GROUP", "DEVICE", "ADDRESS", "SINCE", "LAST REFRESH", "ENDS BY")


def member_row(member: Member) -> list[str]:
    """A member as a line of a table."""
    return [
        str(member.id),
        masked_name(member.username),
        masked_name(member.mobile),
        member.nickname,
        status_name(member),
        _merchant(member),
        when(member.last_time),
    ]


def _merchant(member: Member) -> str:
    """Whose member; nothing for the site's."""
    if member.type == MemberType.merchant_user:
        return f"{member.merchant_id} (user)"
    return str(member.merchant_id or "")


def session_row(session: Session) -> list[str]:
    """A session as a line of a table."""
    return [
        str(session.id),
        session.group,
        session.device,
        session.ip,
        when(session.created_at),
        when(session.rotated_at),
        when(session.refresh_expires_at),
    ]


def name_of(member: Member) -> str:
    """How a member is called in a sentence: ``member 7 (ming)``."""
    name = masked_name(member.username or member.mobile) or member.nickname
    return f"member {member.id} ({name})" if name else f"member {member.id}"


def masked_name(name: str) -> str:
    """A name; a mobile masked, also where it stands for a username."""
    mobile = canonical_mobile(name)
    return mask_mobile(mobile) if mobile else name


def status_name(member: Member) -> str:
    """``enabled``, ``disabled`` or ``deleted``."""
    return Status(member.status).name


def password_kind(stored: str | None) -> str:
    """What kind of hash a member has, never the hash."""
    if stored is None:
        return "none"
    return "argon2id" if stored.startswith("$argon2id$") else "imported"


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
