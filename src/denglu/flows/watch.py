"""Watching the whole site: alerts for the operator, and stricter rules while it is attacked.

Every process gathers what it sees and adds it to one row of the database, at most once a
second; that row also tells it what the others saw. Nobody waits for that, and nobody is refused
because it failed: then a process knows only what it saw itself.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Refusal
from denglu.domain.watch import Alarms, Alert, Ledger, Sight
from denglu.flows.ports import Clock, Secrets, Store, Transaction

_log = logging.getLogger(__name__)
# Tries per code while codes are being guessed all over the site.
_FEWER_TRIES = 2
# What an alert is about stands in its note, as far as there is room.
_ABOUT = 5
_TOLD = {
    Alert.login_failures: "many wrong passwords on the whole site: logins ask for a captcha "
    "where one is configured",
    Alert.code_guessing: "codes are being guessed on the whole site: two tries for each code",
    Alert.sms_budget_half: "half of an SMS budget is spent",
    Alert.sms_budget_spent: "an SMS budget is spent: no codes are sent until it has room",
    Alert.sms_pumping: "many messages and few codes that come back: more of them need a captcha "
    "where one is configured, and wait where none is",
}


class Watch:
    """See the module's docstring. ``pause``: seconds between two writes of this process."""

    def __init__(
        self, store: Store, clock: Clock, secrets: Secrets, alarms: Alarms, *, pause: float = 1.0
    ) -> None:
        self._store = store
        self._clock = clock
        self._key = secrets.key("watch")
        self._alarms = alarms
        self._pause = pause
        self._known = Ledger()
        self._new: Counter[tuple[int, str]] = Counter()
        self._noted: dict[Alert, set[str]] = {}
        self._task: asyncio.Task[None] | None = None

    def saw(self, *sights: Sight) -> None:
        """Count what just happened."""
        slot = self._alarms.slot(self._clock.now())
        self._new.update((slot, sight.value) for sight in sights)
        self._soon()

    def note(self, *alerts: Alert, about: str = "") -> None:
        """Raise an alert that somebody else has cause for; ``about``: whom or what, in short."""
        for alert in alerts:
            known = self._noted.setdefault(alert, set())
            if about and len(known) < _ABOUT:
                known.add(about)
            self._soon()

    def suspects_logins(self) -> bool:
        """Whether every login shall show that there is a person behind it."""
        self._soon()
        return self._alarms.logins(*self._seen())

    def code_tries(self, allowed: int) -> int:
        """How many tries a code bears now, of those that are allowed in quiet times."""
        self._soon()
        return min(allowed, _FEWER_TRIES) if self._alarms.codes(*self._seen()) else allowed

    async def tell(self) -> None:
        """Exchange what was seen with the database, now."""
        new, self._new = self._new, Counter()
        noted, self._noted = self._noted, {}
        try:
            self._known, raised = await self._store.write(lambda tx: self._exchange(tx, new, noted))
        except Refusal:  # it is busy: next time
            self._new.update(new)
            for alert, known in noted.items():
                self._noted.setdefault(alert, set()).update(known)
            return
        for alert in raised:
            about = _about(noted, alert)
            told = f"{_TOLD[alert]} ({about})" if about else _TOLD[alert]
            _log.warning("alert: %s", told, extra={"alert": alert.value, "about": about})

    async def close(self) -> None:
        """Stop telling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _seen(self) -> tuple[Ledger, int]:
        now = self._clock.now()
        return self._alarms.added(self._known, self._new, now), now

    def _soon(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._keep_telling())

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            await self.tell()
            if not self._new and not self._noted:
                return

    async def _exchange(
        self, tx: Transaction, new: Counter[tuple[int, str]], noted: Mapping[Alert, set[str]]
    ) -> tuple[Ledger, list[Alert]]:
        now, alarms = self._clock.now(), self._alarms
        find = tx.tallies.load if new or noted else tx.tallies.recall
        stored = await find([self._key])
        ledger = alarms.added(Ledger.load(stored.get(self._key)), new, now)
        about = {alert: _about(noted, alert) for alert in noted}
        due = alarms.due(ledger, about, now)
        if new or due:
            ledger = alarms.told(ledger, due, about, now)
            await tx.tallies.save({self._key: (ledger.dump(), now + alarms.memory)})
        for alert in due:
            note = f"{alert.value} {about.get(alert, '')}".strip()
            await tx.trail.write(AuditEvent(Event.alert, now, note=note))
        return ledger, due


def _about(noted: Mapping[Alert, set[str]], alert: Alert) -> str:
    return " ".join(sorted(noted.get(alert, ()))[:_ABOUT])
