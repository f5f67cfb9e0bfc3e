"""Answers to machines: real statuses, no envelope, a refusal as `{"error": reason}`."""

import logging
from collections.abc import Awaitable, Callable

from denglu.api.envelope import Answer, code_of, plain_answer
from denglu.api.exchange import Exchange
from denglu.api.refusals import ClientGone, WireRefusal
from denglu.domain.errors import Reason, Refusal

_log = logging.getLogger(__name__)

Endpoint = Callable[[Exchange], Awaitable[Answer]]


def refused(refusal: Refusal) -> Answer:
    """How a refusal is told."""
    answer = plain_answer(code_of(refusal.reason), {"error": refusal.reason.value})
    if refusal.retry_after is not None:
        answer.headers += ((b"retry-after", b"%d" % refusal.retry_after),)
    if isinstance(refusal, WireRefusal) and refusal.allow:
        answer.headers += ((b"allow", refusal.allow.encode()),)
    answer.reason = refusal.reason.value
    answer.close = isinstance(refusal, WireRefusal) and refusal.close
    return answer


def plainly(inner: Endpoint, told: Callable[[Refusal], Answer] = refused) -> Endpoint:
    """The endpoint, whose refusals and faults are told so."""

    async def layer(exchange: Exchange) -> Answer:
        try:
            return await inner(exchange)
        except Refusal as refusal:
            return told(refusal)
        except ClientGone:
            raise
        except Exception:
            _log.exception("a request failed", extra={"request_id": exchange.request_id})
            return told(Refusal(Reason.internal))

    return layer
