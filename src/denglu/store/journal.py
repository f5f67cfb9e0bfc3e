"""The audit trail as operators read it: by page, each found by an index."""

from typing import Any

from sqlalchemy import BindParameter, ClauseElement, Select, bindparam, func, or_, select

from denglu.domain.audit import Entry, Span
from denglu.store.compiled import Params
from denglu.store.connection import Connection
from denglu.store.schema import audit

# In the order of Entry's fields.
_COLUMNS = (
    "id", "event", "at", "merchant_id", "member_id", "session_id", "client_group", "ip", "note",
)  # fmt: skip


def _entries() -> Select[Any]:
    return select(*(audit.c[name] for name in _COLUMNS))


def _in_span() -> Select[Any]:
    before: BindParameter[int] = bindparam("p_before")
    return _entries().where(
        audit.c.at >= bindparam("p_since"),
        audit.c.at <= before,
        # Not by the index of ids: that knows nothing of the span.
        or_(audit.c.at < before, audit.c.id + 0 < bindparam("p_before_id")),
    )


JOURNAL: dict[str, ClauseElement] = {
    "audit_page": _in_span()
    .order_by(audit.c.at.desc(), audit.c.id.desc())
    .limit(bindparam("p_limit")),
    # No index has this order: one might be walked from its end, past everybody's lines, in search
    # of a member's.
    "audit_page_of": _in_span()
    .where(audit.c.member_id == bindparam("p_member_id"))
    .order_by((audit.c.at + 0).desc(), audit.c.id.desc())
    .limit(bindparam("p_limit")),
    "audit_after": _entries()
    .where(audit.c.id > bindparam("p_after"))
    .order_by(audit.c.id)
    .limit(bindparam("p_limit")),
    "audit_newest": select(func.max(audit.c.id)),
}


class SqlJournal:
    """Fulfils ``flows.ports.Journal``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def page(self, span: Span, limit: int) -> list[Entry]:
        return await self._ask("audit_page", _of(span, limit))

    async def page_of(self, member_id: int, span: Span, limit: int) -> list[Entry]:
        return await self._ask("audit_page_of", {**_of(span, limit), "p_member_id": member_id})

    async def after(self, entry_id: int, limit: int) -> list[Entry]:
        return await self._ask("audit_after", {"p_after": entry_id, "p_limit": limit})

    async def newest(self) -> int:
        row = await self._db.one("audit_newest", {})
        return int(row[0]) if row and row[0] else 0

    async def _ask(self, name: str, params: Params) -> list[Entry]:
        return [Entry(*row) for row in await self._db.all(name, params)]


def _of(span: Span, limit: int) -> dict[str, int]:
    return {
        "p_since": span.since,
        "p_before": span.before,
        "p_before_id": span.before_id,
        "p_limit": limit,
    }
