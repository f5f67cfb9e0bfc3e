"""Limits without I/O: a tally of tries, and what one more try may do to it.

A tally counts exactly: a try is inside a window until it is ``window`` seconds old. Only
tallies of more than ``_EXACT`` tries round times to a grain, and always to the later end,
so that rounding makes a limit stricter by at most the grain and never looser.

A try that is claimed with a ``mark`` is *pending* until somebody who judged it settles or
releases it by that mark. It counts like any other: the mark only tells who is refused whether
to wait for a moment may help.

A try that is *proven* later stays in its tally and speaks for the others: a rate counts the
unproven, and has room as long as they are not more than half of all.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

_EXACT = 256
_GRAINS_PER_WINDOW = 720
_TOLERANCE = 60
# A try is judged within seconds, or whoever counted it is gone. Clocks may differ besides.
_JUDGED_WITHIN = 10 + _TOLERANCE
_PENDING = "?"
_PROVEN = "+"
# A tally whose tries can be proven holds both kinds, in at most so many slots each.
_PROVABLE_SLOTS = 120
# More lockouts than this nobody can configure: what a dumped number holds above is the streak.
_LEVELS = 100
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,4})([smhd])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` in any ``window`` seconds; readable as ``5/15m``."""

    count: int
    window: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read ``5/15m`` (units s, m, h, d). Raises ValueError with what is allowed."""
        match = _RATE.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no rate: write count/time, such as 5/15m or 10/24h")
        return cls(int(match[1]), int(match[2]) * _UNITS[match[3]])

    def __str__(self) -> str:
        for unit, seconds in (("h", 3600), ("m", 60)):
            if self.window % seconds == 0:
                return f"{self.count}/{self.window // seconds}{unit}"
        return f"{self.count}/{self.window}s"


@dataclass(frozen=True, slots=True)
class Limit:
    """Rates that hold together for one scope.

    ``lockouts``: once full, the scope stays closed for so many seconds after the last try,
    the first time the first entry, and so on (the last one repeats). ``distinct``: tries
    with a tag seen inside the window are free, so that the rates count different tags.
    ``streak``: after so many tries in a row, however far apart, the scope is closed until
    somebody forgets them; 0 for no such end. ``provable``: its tries may be proven.
    """

    scope: str
    rates: tuple[Rate, ...]
    lockouts: tuple[int, ...] = ()
    distinct: bool = False
    streak: int = 0
    provable: bool = False

    @property
    def window(self) -> int:
        """The longest window, in seconds: how far back a tally remembers."""
        return max(rate.window for rate in self.rates)

    @property
    def memory(self) -> int:
        """Seconds after the last try until the tally may be forgotten, but for a streak."""
        return self.window + 2 * max(self.lockouts, default=0)

    @property
    def _grain(self) -> int:
        if self.provable:
            return max(1, self.window // _PROVABLE_SLOTS)
        if max(rate.count for rate in self.rates) <= _EXACT:
            return 1
        return max(1, self.window // _GRAINS_PER_WINDOW)


@dataclass(frozen=True, slots=True)
class Tally:
    """The tries remembered for one key: ``(time, count, tag)``, in the order they were counted.

    ``tag``: what a ``distinct`` limit counts, a try's name, ``?`` and the mark of a pending try,
    or ``+`` for proven ones. ``level``: how often the scope was closed. ``streak``: tries in a row.
    """

    tries: tuple[tuple[int, int, str], ...] = ()
    level: int = 0
    streak: int = 0

    @classmethod
    def load(cls, text: str | None) -> "Tally":
        """Read what ``dump`` wrote; None is an empty tally."""
        if not text:
            return cls()
        number, tries = json.loads(text)
        streak, level = divmod(number, _LEVELS)
        return cls(tuple((at, count, tag) for at, count, tag in tries), level, streak)

    def dump(self) -> str:
        """The tally as a short text for the store."""
        # One number for both: the release before reads it as a high level, and hands it on.
        number = self.streak * _LEVELS + self.level
        return json.dumps([number, self.tries], separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Wait:
    """The try may not happen for so many seconds (at least 1); None: waiting does not help.

    ``pending``: there would be room if tries that are still being judged turned out right.
    """

    seconds: int | None
    pending: bool = False


def claim(limit: Limit, tally: Tally, now: int, tag: str = "", mark: str = "") -> Tally | Wait:
    """Count one more try at ``now``, or say how long to wait. A refused try counts nothing.

    ``mark``: the try is pending under this name, for limits that are not ``distinct``.
    """
    # A clock that was set back must not keep a scope closed: what lies further ahead than the
    # clocks of a deployment may differ is not counted.
    latest = now + limit._grain + _TOLERANCE
    known = replace(tally, tries=tuple(entry for entry in tally.tries if entry[0] < latest))
    tag = _PENDING + mark if mark else tag
    verdict = _claim(limit, known, now, tag)
    if isinstance(verdict, Tally):
        return verdict
    judged = _without_pending(known, now)
    pending = judged != known and isinstance(_claim(limit, judged, now, tag), Tally)
    return Wait(verdict.seconds, pending)


def count(limit: Limit, tally: Tally, now: int) -> Tally:
    """Count one more try at ``now`` of a ``provable`` limit, full or not."""
    tries = [entry for entry in tally.tries if entry[0] > now - limit.window]
    return replace(tally, tries=_added(tries, now, limit._grain, ""))


def prove(limit: Limit, tally: Tally, at: int) -> Tally:
    """One try that was counted at ``at`` is proven; nothing where none is left."""
    slot = _slot(at, limit._grain)
    taken = release(limit, tally, at)
    if taken is tally:
        return tally
    return replace(taken, tries=_merged((*taken.tries, (slot, 1, _PROVEN))))


def settle(limit: Limit, tally: Tally, at: int, mark: str) -> Tally:
    """The try that was claimed at ``at`` under ``mark`` was judged, and was a failure."""
    pending = (_slot(at, limit._grain), _PENDING + mark)
    tries = [(time, n, "" if (time, tag) == pending else tag) for time, n, tag in tally.tries]
    return replace(tally, tries=_merged(tries))


def release(limit: Limit, tally: Tally, at: int, mark: str = "", tag: str = "") -> Tally:
    """Take back one try that was counted at ``at`` (it was no failure after all).

    With a ``mark`` or a ``tag`` that very try, and nothing where it is not there any more. A try
    that was proven stays.
    """
    slot, name = _slot(at, limit._grain), _PENDING + mark if mark else tag
    for index, (time, n, seen) in enumerate(tally.tries):
        if time == slot and name in ("", seen) and seen != _PROVEN:
            rest = () if n == 1 else ((time, n - 1, seen),)
            tries = tally.tries[:index] + rest + tally.tries[index + 1 :]
            return Tally(tries, tally.level, max(0, tally.streak - 1))
    return tally


def reaches(limit: Limit, tally: Tally, now: int, share: float) -> bool:
    """Whether the try that was just counted at ``now`` brought a rate to this share of it."""
    return any(
        sum(n for at, n, _ in tally.tries if at > now - rate.window)
        == math.ceil(rate.count * share)
        for rate in limit.rates
    )


def _without_pending(tally: Tally, now: int) -> Tally:
    judged = tuple(entry for entry in tally.tries if not _is_pending(entry, now))
    taken = sum(n for _, n, _ in tally.tries) - sum(n for _, n, _ in judged)
    return Tally(judged, tally.level, max(0, tally.streak - taken))


def _is_pending(entry: tuple[int, int, str], now: int) -> bool:
    return entry[2].startswith(_PENDING) and now - entry[0] < _JUDGED_WITHIN


def _claim(limit: Limit, tally: Tally, now: int, tag: str) -> Tally | Wait:
    if limit.streak and tally.streak >= limit.streak:
        return Wait(None)
    if limit.lockouts:
        verdict = _unlock(limit, tally, now)
        if isinstance(verdict, Wait):
            return verdict
        tally = verdict
    tries = [entry for entry in tally.tries if entry[0] > now - limit.window]
    if limit.distinct and any(seen == tag for _, _, seen in tries):
        return replace(tally, tries=tuple(tries))
    if not limit.lockouts and (seconds := _wait(limit, tries, now)):
        return Wait(seconds)
    streak = tally.streak + 1 if limit.streak else 0
    return Tally(_added(tries, now, limit._grain, tag), tally.level, streak)


def _unlock(limit: Limit, tally: Tally, now: int) -> Tally | Wait:
    """For limits with lockouts: closed from the try that filled a rate, then a fresh start."""
    if not tally.tries:
        return tally
    last = max(at for at, _, _ in tally.tries)  # clocks may differ: not always the newest
    full = any(
        sum(n for at, n, _ in tally.tries if at > last - rate.window) >= rate.count
        for rate in limit.rates
    )
    if not full:
        return tally
    closed = limit.lockouts[min(tally.level, len(limit.lockouts) - 1)]
    if now < last + closed:
        return Wait(last + closed - now)
    return Tally((), min(tally.level + 1, len(limit.lockouts)), tally.streak)


def _wait(limit: Limit, tries: list[tuple[int, int, str]], now: int) -> int:
    """Seconds until every rate has room for one more; 0 when all have it now."""
    longest = 0
    for rate in limit.rates:
        inside = [entry for entry in tries if entry[0] > now - rate.window]
        counted = sorted((at, n) for at, n, tag in inside if tag != _PROVEN)
        unproven = sum(n for _, n in counted) + 1
        # Strict as well: what speaks for others ends with the beginning of its grain.
        oldest = now - rate.window + limit._grain
        if sum(n for at, n, tag in inside if tag == _PROVEN and at >= oldest) >= unproven:
            continue
        over = unproven - rate.count
        for at, n in counted:
            if over <= 0:
                break
            over -= n
            longest = max(longest, at + rate.window - now)
    return longest


def _merged(tries: Iterable[tuple[int, int, str]]) -> tuple[tuple[int, int, str], ...]:
    counts: dict[tuple[int, str], int] = {}
    for time, n, tag in tries:
        counts[time, tag] = counts.get((time, tag), 0) + n
    return tuple((time, n, tag) for (time, tag), n in counts.items())


def _added(
    tries: list[tuple[int, int, str]], now: int, grain: int, tag: str
) -> tuple[tuple[int, int, str], ...]:
    slot = _slot(now, grain)
    if tries and tries[-1][0] == slot and tries[-1][2] == tag:
        return (*tries[:-1], (slot, tries[-1][1] + 1, tag))
    return (*tries, (slot, 1, tag))


def _slot(at: int, grain: int) -> int:
    return (at // grain + 1) * grain - 1
