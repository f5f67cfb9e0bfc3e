"""Messages as they are written down: a row each, from ``sending`` to the provider's receipt."""

from typing import Any

from sqlalchemy import ClauseElement, Update, bindparam, insert, select, update

from denglu.domain.sms_message import MessageResult, Outcome, Receipt
from denglu.flows.ports import NewMessage
from denglu.store.connection import Connection
from denglu.store.schema import sms_message

_NEW = ("merchant_id", "number_key", "mobile_masked", "template", "outcome", "created_at")
_FINISHED = (
    "gateway", "provider_id", "error", "cost", "parts", "outcome", "latency_ms", "finished_at",
)  # fmt: skip
_id: Any = bindparam("p_id")
_LONGEST = 64


def _set(*columns: str) -> Update:
    values: dict[str, Any] = {name: bindparam(f"p_{name}") for name in columns}
    return update(sms_message).values(values).where(sms_message.c.id == _id)


MESSAGES: dict[str, ClauseElement] = {
    "message_add": insert(sms_message).values({name: bindparam(name) for name in _NEW}),
    "message_finish": _set(*_FINISHED),
    # A gateway of one's own may give one name twice: then the newest is meant. Not in the order of
    # an index: one might be walked from its end, past everybody's messages, in search of the name.
    "message_named": select(sms_message.c.id)
    .where(
        sms_message.c.provider_id == bindparam("p_provider_id"),
        sms_message.c.gateway == bindparam("p_gateway"),
    )
    .order_by((sms_message.c.id + 0).desc())
    .limit(1),
    # What arrived has arrived: reports come twice, and late.
    "message_receive": _set("outcome", "error", "received_at").where(
        sms_message.c.outcome != Outcome.delivered.value
    ),
}


class SqlMessages:
    """Fulfils ``flows.ports.Messages``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, new: NewMessage) -> int:
        return await self._db.insert(
            "message_add",
            {
                "merchant_id": new.merchant_id,
                "number_key": new.number_key,
                "mobile_masked": new.masked,
                "template": new.template[:32],
                "outcome": Outcome.sending.value,
                "created_at": new.now,
            },
        )

    async def finish(self, message_id: int, result: MessageResult) -> None:
        await self._db.run(
            "message_finish",
            {
                "p_id": message_id,
                "p_gateway": result.gateway[:20],
                "p_provider_id": _word(result.provider_id) or None,
                "p_error": _word(result.error),
                "p_cost": result.cost,
                "p_parts": result.parts,
                "p_outcome": result.outcome.value,
                "p_latency_ms": result.latency_ms,
                "p_finished_at": result.at,
            },
        )

    async def receive(self, receipt: Receipt, now: int) -> bool:
        # Found first and then changed by its id alone: an index's entry is never locked before the
        # row.
        named = {"p_gateway": receipt.gateway, "p_provider_id": _word(receipt.provider_id)}
        row = await self._db.one("message_named", named)
        if row is None:
            return False
        outcome = Outcome.delivered if receipt.delivered else Outcome.undelivered
        received = {"p_outcome": outcome.value, "p_error": _word(receipt.error)}
        await self._db.run("message_receive", {"p_id": row[0], "p_received_at": now, **received})
        return True


def _word(text: str) -> str:
    """What a provider says, as every database can keep it: it may be of any length, and hold
    NULs and halves of characters.
    """
    return text[:_LONGEST].replace("\0", "").encode(errors="replace").decode()
