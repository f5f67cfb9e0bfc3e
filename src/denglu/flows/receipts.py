"""What providers say later of messages that they took.

A receipt may come before the message's row has its name at the provider: whoever sent it has not
committed yet. So a receipt of an unknown message is looked at again, for two seconds in all. The
provider waits meanwhile, and one that does not wait sends it again.
"""

import asyncio
from collections.abc import Sequence

from denglu.domain.sms_message import Outcome, Receipt
from denglu.flows.ports import Clock, Meter, Store

_PAUSES = (0.5, 1.5)
# Somebody else's messages, sent from the same account, keep no more connections waiting.
_MOST_WAITING = 32
STRAY = "stray"


class TakeReceipts:
    """Writes receipts down. ``pauses``: seconds before those of unknown messages are tried
    again.
    """

    def __init__(
        self, store: Store, clock: Clock, meter: Meter, pauses: Sequence[float] = _PAUSES
    ) -> None:
        self._store = store
        self._clock = clock
        self._meter = meter
        self._pauses = pauses
        self._waiting = 0

    async def __call__(self, receipts: Sequence[Receipt]) -> int:
        """Returns how many are of messages that nobody knows. Raises ``busy``: all of them may be
        sent again.
        """
        stray = await self._write(receipts)
        if stray and self._waiting < _MOST_WAITING:
            self._waiting += 1
            try:
                stray = await self._look_again(stray)
            finally:
                self._waiting -= 1
        for receipt in stray:
            self._meter.receipt(receipt.gateway, STRAY)
        return len(stray)

    async def _look_again(self, stray: list[Receipt]) -> list[Receipt]:
        for pause in self._pauses:
            await asyncio.sleep(pause)
            stray = await self._write(stray)
            if not stray:
                break
        return stray

    async def _write(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Those of unknown messages. Each in a transaction of its own: no two rows are locked."""
        stray = []
        for receipt in receipts:
            now = self._clock.now()
            known = await self._store.write(
                lambda tx, receipt=receipt, now=now: tx.messages.receive(receipt, now)  # type: ignore[misc]
            )
            if known:
                outcome = Outcome.delivered if receipt.delivered else Outcome.undelivered
                self._meter.receipt(receipt.gateway, outcome)
            else:
                stray.append(receipt)
        return stray
