"""The one way of every message: booked, sent, closed.

1. ``book``, in the transaction of the caller's deed: its cost is charged to the budgets, and its
row stands there as ``sending``.  2. ``deliver``, after that commit: the gateways are asked, and
no transaction is open meanwhile.  3. One more transaction closes the row and settles the cost.

A message that surely was not sent gives its cost back; of one that may be under way it is kept.
Who asked may go away: steps 2 and 3 are a task of their own. If the process dies between the
commits, the row stays ``sending`` and the money charged.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from denglu.domain.errors import Refusal
from denglu.domain.member import Namespace
from denglu.domain.mobile import mask_mobile
from denglu.domain.sms_message import MessageResult, Outcome, SmsMessage, Trouble
from denglu.domain.spend import parts_of
from denglu.flows.budget import Budget, Charge, Crossing
from denglu.flows.ports import Clock, NewMessage, SmsNotSent, SmsSender, Store, Transaction
from denglu.flows.watch import Watch

_log = logging.getLogger(__name__)

Closing = Callable[[Transaction, MessageResult], Awaitable[None]]
"""What the caller does in the transaction that closes the row, before anything else there."""


@dataclass(frozen=True, slots=True)
class Booked:
    """A message whose row is there. ``charge`` None: it costs nothing and is not sent.

    ``crossings``: what it did to budgets and rates.
    """

    message: SmsMessage
    charge: Charge | None = None
    crossings: Sequence[Crossing] = ()


class Sending:
    """See the module's docstring. ``dry_run``: everything is done but asking the gateways."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        sender: SmsSender,
        budget: Budget,
        watch: Watch,
        *,
        dry_run: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sender = sender
        self._budget = budget
        self._watch = watch
        self._dry_run = dry_run
        self._under_way: set[asyncio.Task[MessageResult]] = set()

    async def book(
        self,
        tx: Transaction,
        message: SmsMessage,
        *,
        namespace: Namespace,
        number_key: bytes,
        free: bool = False,
    ) -> Booked:
        """Charge the message and write it down; ``free`` for one that is not to be sent.

        To be called after the code, if there is one, is stored (see ``limiting``: the order of
        locks). Raises ``sms_budget``.
        """
        now, masked = message.sent_at, namespace.marked(mask_mobile(message.mobile))
        booked = Booked(message)
        if not free:
            parts = parts_of(message.text)
            booked = Booked(
                message, *await self._budget.charge(tx, namespace.merchant_id, now, parts)
            )
        new = NewMessage(namespace.merchant_id, number_key, masked, message.template, now)
        return replace(booked, message=replace(message, number=await tx.messages.add(new)))

    async def deliver(self, booked: Booked, closing: Closing | None = None) -> MessageResult:
        """Send what was booked, after that commit, and close it. Raises SmsNotSent."""
        for crossing in booked.crossings:
            self._watch.note(crossing.alert, about=crossing.about)
        task = asyncio.create_task(self._to_its_end(booked, closing))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for what is under way, as long as the gateways may take, and let go of them."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._sender.close()

    async def _to_its_end(self, booked: Booked, closing: Closing | None) -> MessageResult:
        loop = asyncio.get_running_loop()
        begun, lost = loop.time(), None
        try:
            result = await self._send(booked)
        except SmsNotSent as error:
            lost, result = error, self._result_of(booked, error)
        result = replace(result, latency_ms=round((loop.time() - begun) * 1000))

        try:
            await self._store.write(lambda tx: self._close(tx, booked, result, closing))
        except Refusal as refusal:
            # The answer is about the message, and that is as it is.
            _log.warning("message %d was not closed: %s", booked.message.number, refusal)
        if lost is not None:
            raise lost
        return result

    async def _send(self, booked: Booked) -> MessageResult:
        if booked.charge is None:
            return MessageResult(Outcome.test_number, self._clock.now())
        if self._dry_run:
            cost, parts = booked.charge.cost, booked.charge.parts
            return MessageResult(Outcome.dry_run, self._clock.now(), cost=cost, parts=parts)
        sent = await self._sender.send(booked.message)
        return MessageResult(
            Outcome.sent,
            self._clock.now(),
            gateway=sent.gateway,
            provider_id=sent.accepted.id,
            cost=self._budget.cost(sent.gateway, sent.accepted.parts),
            parts=sent.accepted.parts,
        )

    def _result_of(self, booked: Booked, lost: SmsNotSent) -> MessageResult:
        """What is written down of a message that no gateway took: what the last one said."""
        asked = [each for each in lost.failures if each.trouble is not Trouble.unasked]
        last = next(reversed(asked or lost.failures), None)
        return MessageResult(
            Outcome.failed if lost.surely else Outcome.unknown,
            self._clock.now(),
            gateway=last.gateway if last else "",
            error=last.cause if last else "",
            cost=0 if lost.surely or booked.charge is None else booked.charge.cost,
        )

    async def _close(
        self, tx: Transaction, booked: Booked, result: MessageResult, closing: Closing | None
    ) -> None:
        if closing is not None:
            await closing(tx, result)
        if booked.charge is not None:
            cost = None if result.outcome is Outcome.failed else result.cost
            await self._budget.settle(tx, booked.charge, cost)
        await tx.messages.finish(booked.message.number, result)
