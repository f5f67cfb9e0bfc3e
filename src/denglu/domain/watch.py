"""What happens on the whole site, counted in short slots, and when it is suspicious.

It guards nothing exactly: a slot counts until its end has left the window.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from denglu.domain.limits import Rate

_SLOTS_PER_WINDOW = 60
# A kind of alert is not raised again before so many seconds are over.
_QUIET = 300
# Clocks of one deployment may differ by so many seconds; what lies further ahead is forgotten.
_TOLERANCE = 60

Counts = Mapping[tuple[int, str], int]
"""How often something was seen in a slot: ``(end of the slot, what) -> count``."""


class Sight(StrEnum):
    """What is counted."""

    login_failed = "login_failed"
    code_compared = "code_compared"
    code_wrong = "code_wrong"


class Alert(StrEnum):
    """What an operator is told of, as the audit trail names it."""

    login_failures = "login_failures"
    code_guessing = "code_guessing"
    sms_budget_half = "sms_budget_half"
    sms_budget_spent = "sms_budget_spent"
    sms_pumping = "sms_pumping"


_OF_BUDGETS = (Alert.sms_budget_half, Alert.sms_budget_spent)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was seen lately, and when each alert was raised last (Unix seconds)."""

    counts: Counts = field(default_factory=dict)
    alerts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, text: str | None) -> "Ledger":
        """Read what ``dump`` wrote; None is an empty ledger."""
        if not text:
            return cls()
        read = json.loads(text)
        return cls({(end, what): n for end, what, n in read["seen"]}, read["alerts"])

    def dump(self) -> str:
        """The ledger as a short text for the store."""
        seen = [[end, what, n] for (end, what), n in self.counts.items()]
        return json.dumps({"seen": seen, "alerts": self.alerts}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Alarms:
    """Above what the site is suspicious. ``login_failures``: more wrong passwords than that.
    ``code_tries``: that many codes compared, and more than half of them wrong."""

    login_failures: tuple[Rate, ...]
    code_tries: tuple[Rate, ...]

    @property
    def memory(self) -> int:
        """Seconds after which a ledger may be forgotten."""
        return max(self._window, _QUIET) + self._grain + _TOLERANCE

    @property
    def _window(self) -> int:
        return max(rate.window for rate in (*self.login_failures, *self.code_tries))

    @property
    def _grain(self) -> int:
        return -(-self._window // _SLOTS_PER_WINDOW)

    def slot(self, now: int) -> int:
        """The end of the slot that ``now`` is in."""
        return (now // self._grain + 1) * self._grain - 1

    def added(self, ledger: Ledger, more: Counts, now: int) -> Ledger:
        """The ledger with ``more``, and without what is over."""
        merged = dict(ledger.counts)
        for key, count in more.items():
            merged[key] = merged.get(key, 0) + count
        oldest, latest = now - self._window, self.slot(now) + _TOLERANCE
        kept = {key: n for key, n in merged.items() if oldest < key[0] <= latest}
        return Ledger(kept, ledger.alerts)

    def logins(self, ledger: Ledger, now: int) -> bool:
        """Whether passwords are being tried all over the site."""
        return any(
            _seen(ledger, Sight.login_failed, now - rate.window) > rate.count
            for rate in self.login_failures
        )

    def codes(self, ledger: Ledger, now: int) -> bool:
        """Whether codes are being guessed all over the site."""
        return any(self._guessed(ledger, rate, now) for rate in self.code_tries)

    def due(self, ledger: Ledger, noted: Mapping[Alert, str], now: int) -> list[Alert]:
        """What is to be raised now: what is suspicious or was ``noted`` (with what it is about),
        and not yet told.
        """
        wanted = noted.keys() | set(self._raised(ledger, now))
        # Another machine, whose clock is a little ahead, may have told it.
        quiet = range(-_TOLERANCE, _QUIET)
        return [
            alert
            for alert in Alert
            if alert in wanted
            and now - ledger.alerts.get(_told_as(alert, noted), -_QUIET) not in quiet
        ]

    def told(
        self, ledger: Ledger, due: Iterable[Alert], noted: Mapping[Alert, str], now: int
    ) -> Ledger:
        """The ledger once these are raised."""
        kept = {name: at for name, at in ledger.alerts.items() if now - at < _QUIET}
        return Ledger(ledger.counts, {**kept, **{_told_as(alert, noted): now for alert in due}})

    def _raised(self, ledger: Ledger, now: int) -> Iterator[Alert]:
        if self.logins(ledger, now):
            yield Alert.login_failures
        if self.codes(ledger, now):
            yield Alert.code_guessing

    def _guessed(self, ledger: Ledger, rate: Rate, now: int) -> bool:
        compared = _seen(ledger, Sight.code_compared, now - rate.window)
        wrong = _seen(ledger, Sight.code_wrong, now - rate.window)
        return compared >= rate.count and 2 * wrong > compared


def _told_as(alert: Alert, noted: Mapping[Alert, str]) -> str:
    """Each budget has its own half and its own end; all else is one thing, whatever it is about."""
    return f"{alert} {noted.get(alert, '')}".strip() if alert in _OF_BUDGETS else alert.value


def _seen(ledger: Ledger, what: Sight, since: int) -> int:
    return sum(n for (end, seen), n in ledger.counts.items() if seen == what and end > since)
