"""How late it has been, kept in the database: no restart turns it back.

A running process never lets its clock go back. What is kept here holds a new one to the same,
so that no code and no token is good again because the machine was restarted with a clock that
had been set back. Whoever serves writes it down now and then.
"""

import logging
from typing import Protocol

from denglu.flows.ports import Clock, Store, Transaction

_log = logging.getLogger(__name__)
# A row among the tallies, under a key that is nobody's digest.
_MARK = b"how late it has been".ljust(32, b"\0")
# Clocks of machines differ by as much, and a mark is as old.
_TOLERANCE = 60
# What is further ahead was written by a wrong clock, rather than is read by one: a machine whose
# clock was hours ahead when it started (its hardware keeps local time) must not stay there.
_BELIEVED = 3 * 3600


class HeldClock(Clock, Protocol):
    """A clock that can be told that it is later than the machine says."""

    def run_on_from(self, at: int) -> None:
        """Tell no time before this one (Unix seconds) from now on."""
        ...


class KeepTime:
    """``mark`` when a process begins to serve, and now and then while it does: all processes that
    use one database then tell about the same time, which limits and codes rely on.

    ``resumed``: whether the mark was read. The database may be up later than the process.
    """

    def __init__(self, store: Store, clock: HeldClock) -> None:
        self._store = store
        self._clock = clock
        self.resumed = False

    async def mark(self) -> None:
        """Write down how late it is, and run on from who is ahead. Raises ``busy``."""
        behind, before = await self._store.write(self._kept)
        if _TOLERANCE < behind <= _BELIEVED:
            self._clock.run_on_from(before)
        elif behind > _BELIEVED:
            _log.warning(
                "the database was in use %d hours after what this machine's clock says, which is "
                "believed: look at the clocks of all machines that use it",
                behind // 3600,
            )
        self.resumed = True

    async def _kept(self, tx: Transaction) -> tuple[int, int]:
        """How far behind the mark the clock is, and the mark as it was found."""
        now = self._clock.now()
        text = (await tx.tallies.load([_MARK])).get(_MARK, "")
        before = int(text) if text.isdecimal() else 0
        behind = before - now
        latest = before if 0 < behind <= _BELIEVED else now
        await tx.tallies.save({_MARK: (str(latest), latest + 86400)})
        return behind, before
