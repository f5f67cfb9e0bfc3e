"""Members who asked for deletion, and what is wiped of one who is gone.

Every row that is wiped is found first and then changed by its key: nobody waits for more than
the rows of one member.
"""

from typing import Any

from sqlalchemy import ClauseElement, bindparam, case, delete, insert, or_, select, update

from denglu.domain.audit import Event
from denglu.domain.deletion import Cancellation
from denglu.domain.member import Member
from denglu.domain.mobile import mask_mobile
from denglu.domain.session import EndReason
from denglu.store.connection import Connection
from denglu.store.schema import (
    audit,
    cancellation,
    import_mark,
    member,
    member_auth,
    session,
    sms_code,
    sms_message,
)

_member_id: Any = bindparam("p_member_id")
_key: Any = bindparam("p_key")
# All that a note may hold of a person is a masked number.
_names_a_number = audit.c.note.like("%*%")


def _mark_wipe(kind: str) -> ClauseElement:
    """Of a row that an import brought. From its digest a number might be guessed again."""
    its_mark = import_mark.c.kind == kind, import_mark.c.source_id == _key
    return update(import_mark).values(digest=bytes(32), secret_digest=None).where(*its_mark)


DELETIONS: dict[str, ClauseElement] = {
    "bindings_of": select(member_auth.c.id)
    .where(member_auth.c.member_id == _member_id)
    .order_by(member_auth.c.id),
    "binding_drop": delete(member_auth).where(member_auth.c.id == _key),
    "binding_mark_wipe": _mark_wipe("auth"),
    "member_mark_wipe": _mark_wipe("member"),
    "member_hold": select(member.c.status).where(member.c.id == _member_id).with_for_update(),
    "cancellation_of": select(cancellation.c.requested_at, cancellation.c.due_at).where(
        cancellation.c.member_id == _member_id
    ),
    "cancellations_due": select(cancellation.c.member_id)
    .where(cancellation.c.due_at <= bindparam("p_now"))
    .order_by(cancellation.c.due_at, cancellation.c.member_id)
    .limit(bindparam("p_limit")),
    "cancellation_add": insert(cancellation).values(
        {name: bindparam(name) for name in ("member_id", "requested_at", "due_at")}
    ),
    "cancellation_drop": delete(cancellation).where(cancellation.c.member_id == _member_id),
    "codes_masked": select(sms_code.c.id).where(
        sms_code.c.merchant_id == bindparam("p_merchant_id"),
        sms_code.c.mobile_masked == bindparam("p_masked"),
    ),
    "code_wipe": update(sms_code).values(mobile_masked="", ip="").where(sms_code.c.id == _key),
    "messages_masked": select(sms_message.c.id).where(
        sms_message.c.merchant_id == bindparam("p_merchant_id"),
        sms_message.c.mobile_masked == bindparam("p_masked"),
    ),
    "message_wipe": update(sms_message)
    .values(mobile_masked="", number_key=None)
    .where(sms_message.c.id == _key),
    "sessions_all": select(session.c.id)
    .where(session.c.member_id == _member_id)
    .order_by(session.c.id),
    "session_wipe": update(session)
    .values(device="", ip="", ended_by="")
    .where(session.c.id == _key),
    "audit_about": select(audit.c.id)
    .where(
        audit.c.member_id == _member_id,
        or_(audit.c.ip != "", _names_a_number),
    )
    .order_by(audit.c.id)
    .limit(bindparam("p_limit")),
    "audit_numbers": select(audit.c.note).where(
        audit.c.member_id == _member_id, audit.c.event == Event.mobile_changed.value
    ),
    "audit_wipe": update(audit)
    .values(ip="", note=case((_names_a_number, ""), else_=audit.c.note))
    .where(audit.c.id == _key),
}


async def forget_elsewhere(db: Connection, member_id: int) -> None:
    """Forget a member's accounts elsewhere, and how the rows looked that an import brought."""
    bindings = await db.all("bindings_of", {"p_member_id": member_id})
    for statement in ("binding_drop", "binding_mark_wipe"):
        for (key,) in bindings:
            await db.run(statement, {"p_key": key})
    await db.run("member_mark_wipe", {"p_key": member_id})


class SqlDeletions:
    """Fulfils ``flows.ports.Deletions``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def hold(self, member_id: int) -> int | None:
        row = await self._db.one("member_hold", {"p_member_id": member_id})
        return int(row[0]) if row else None

    async def of(self, member_id: int) -> Cancellation | None:
        row = await self._db.one("cancellation_of", {"p_member_id": member_id})
        return Cancellation(*row) if row else None

    async def put(self, member_id: int, asked: Cancellation | None) -> None:
        await self._db.run("cancellation_drop", {"p_member_id": member_id})
        if asked is not None:
            values = {"requested_at": asked.requested_at, "due_at": asked.due_at}
            await self._db.run("cancellation_add", {"member_id": member_id, **values})

    async def due(self, now: int, limit: int) -> list[int]:
        found = await self._db.all("cancellations_due", {"p_now": now, "p_limit": limit})
        return [row[0] for row in found]

    async def wipe_codes(self, member: Member) -> None:
        changes = await self._db.all("audit_numbers", {"p_member_id": member.id})
        earlier = {number for (note,) in changes for number in note.split()}
        whose = member.namespace
        numbers = {whose.marked(masked) for masked in earlier | {mask_mobile(member.mobile)}}
        for finder, wiper in (("codes_masked", "code_wipe"), ("messages_masked", "message_wipe")):
            keys: set[int] = set()
            for masked in numbers:
                number = {"p_merchant_id": whose.merchant_id, "p_masked": masked}
                keys.update(key for (key,) in await self._db.all(finder, number))
            for key in sorted(keys):
                await self._db.run(wiper, {"p_key": key})

    async def wipe_sessions(self, member_id: int, now: int) -> None:
        ended = {"p_reason": EndReason.disabled.value, "p_by": "", "p_now": now}
        for (key,) in await self._db.all("sessions_all", {"p_member_id": member_id}):
            await self._db.run("session_end", ended | {"p_session_id": key})
            await self._db.run("session_wipe", {"p_key": key})

    async def wipe_trail(self, member_id: int, limit: int) -> int:
        about = {"p_member_id": member_id, "p_limit": limit}
        found = await self._db.all("audit_about", about)
        for (key,) in found:
            await self._db.run("audit_wipe", {"p_key": key})
        return len(found)
