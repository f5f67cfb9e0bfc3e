"""Messages as operators read them: by page, each found by an index."""

from typing import Any

from sqlalchemy import (
    BindParameter,
    ClauseElement,
    Select,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
)

from denglu.domain.audit import Span
from denglu.domain.message_book import TAKEN, CodeUse, MessageEntry
from denglu.store.compiled import Params, Row
from denglu.store.connection import Connection
from denglu.store.schema import sms_code, sms_message

# In the order of MessageEntry's fields.
_COLUMNS = (
    "id", "created_at", "merchant_id", "mobile_masked", "template", "gateway", "outcome",
    "provider_id", "error", "cost", "parts", "latency_ms", "finished_at", "received_at",
)  # fmt: skip
_PROVIDER_ID = _COLUMNS.index("provider_id")


def _in_span() -> Select[Any]:
    before: BindParameter[int] = bindparam("p_before")
    c = sms_message.c
    return select(*(c[name] for name in _COLUMNS)).where(
        c.created_at >= bindparam("p_since"),
        c.created_at <= before,
        # Not by the index of ids: that knows nothing of the span.
        or_(c.created_at < before, c.id + 0 < bindparam("p_before_id")),
    )


MESSAGE_BOOK: dict[str, ClauseElement] = {
    "message_page": _in_span()
    .order_by(sms_message.c.created_at.desc(), sms_message.c.id.desc())
    .limit(bindparam("p_limit")),
    # Numbers look alike, masked: the key tells them apart. No index has this order, lest one be
    # walked from its end, past everybody's messages.
    "message_page_of": _in_span()
    .where(
        sms_message.c.mobile_masked == bindparam("p_masked"),
        sms_message.c.number_key == bindparam("p_number_key"),
    )
    .order_by((sms_message.c.created_at + 0).desc(), sms_message.c.id.desc())
    .limit(bindparam("p_limit")),
    # A code and its message were written down together, in one transaction.
    "code_uses": select(
        sms_message.c.gateway,
        sms_message.c.template,
        func.count(),
        func.count(sms_code.c.used_at),
    )
    .join_from(
        sms_message,
        sms_code,
        and_(
            sms_code.c.number_key == sms_message.c.number_key,
            sms_code.c.code_usage == sms_message.c.template,
            sms_code.c.created_at == sms_message.c.created_at,
        ),
    )
    .where(
        sms_message.c.created_at >= bindparam("p_since"),
        sms_message.c.created_at < bindparam("p_until"),
        sms_message.c.outcome.in_([literal(outcome.value) for outcome in TAKEN]),
    )
    .group_by(sms_message.c.gateway, sms_message.c.template),
}


class SqlMessageBook:
    """Fulfils ``flows.ports.MessageBook``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def page(self, span: Span, limit: int) -> list[MessageEntry]:
        return await self._ask("message_page", _of(span, limit))

    async def page_of(
        self, masked: str, number_key: bytes, span: Span, limit: int
    ) -> list[MessageEntry]:
        number = {"p_masked": masked, "p_number_key": number_key}
        return await self._ask("message_page_of", {**_of(span, limit), **number})

    async def codes(self, since: int, until: int) -> list[CodeUse]:
        rows = await self._db.all("code_uses", {"p_since": since, "p_until": until})
        return [CodeUse(*row) for row in rows]

    async def _ask(self, name: str, params: Params) -> list[MessageEntry]:
        return [_entry(row) for row in await self._db.all(name, params)]


def _entry(row: Row) -> MessageEntry:
    values = list(row)
    values[_PROVIDER_ID] = values[_PROVIDER_ID] or ""
    return MessageEntry(*values)


def _of(span: Span, limit: int) -> Params:
    return {
        "p_since": span.since,
        "p_before": span.before,
        "p_before_id": span.before_id,
        "p_limit": limit,
    }
