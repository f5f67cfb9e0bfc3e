"""Forgetting what is over: small batches, so that nobody waits behind them."""

import contextlib
from dataclasses import dataclass

from denglu.domain.errors import Refusal
from denglu.flows.erasing import Erase
from denglu.flows.ports import Clock, Store

_BATCH = 200
# What was spent in a period is kept so long after it: a year, and one looks back from the next.
_SPENT = 400 * 86400
# Each is a handful of transactions.
_MEMBERS = 20


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is over is kept, in seconds."""

    codes: int
    sessions: int
    audit: int
    messages: int


class Retain:
    """One call is one round; ``False`` when there was nothing left to do."""

    def __init__(self, store: Store, clock: Clock, retention: Retention) -> None:
        self._store = store
        self._clock = clock
        self._keep = retention
        self._erase = Erase(store, clock)

    async def __call__(self) -> bool:
        """A batch of every kind, each in a transaction of its own. Raises ``busy``."""
        now = self._clock.now()
        keep = self._keep
        done: list[int] = [
            await self._store.write(lambda tx: tx.upkeep.expire_sessions(now, _BATCH)),
            await self._store.write(
                lambda tx: tx.upkeep.drop_sessions(now - keep.sessions, _BATCH)
            ),
            await self._store.write(lambda tx: tx.upkeep.drop_codes(now - keep.codes, _BATCH)),
            await self._store.write(lambda tx: tx.upkeep.drop_tallies(now, _BATCH)),
            await self._store.write(lambda tx: tx.upkeep.drop_audit(now - keep.audit, _BATCH)),
        ]
        # Last: on a database that waits for its migration there is no such thing yet.
        with contextlib.suppress(Refusal):
            done.append(await self._erase.due(_MEMBERS))
            done += [
                await self._store.write(
                    lambda tx: tx.upkeep.drop_messages(now - keep.messages, _BATCH)
                ),
                await self._store.write(lambda tx: tx.upkeep.drop_spending(now - _SPENT, _BATCH)),
            ]
        return any(done)
