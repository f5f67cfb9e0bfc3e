"""Limits as the defaults put them: so many in so long. The model's own; nothing of denglu."""

from collections.abc import Sequence
from dataclasses import dataclass, field

MINUTE, HOUR, DAY = 60, 3600, 86400

Rates = Sequence[tuple[int, int]]
"""At most COUNT in any SECONDS, all of them at once."""


@dataclass
class Budget:
    """What has been counted against some rates."""

    rates: Rates
    times: list[int] = field(default_factory=list)

    def wait(self, now: int) -> int:
        """Seconds until one more is allowed; 0: it is allowed now."""
        longest = 0
        for count, seconds in self.rates:
            inside = sorted(at for at in self.times if at + seconds > now)
            if len(inside) >= count:
                longest = max(longest, inside[-count] + seconds - now)
        return longest

    def count(self, now: int) -> list[int]:
        """One more; returns when it falls out of each window."""
        self.times.append(now)
        return [now + seconds for _, seconds in self.rates]


@dataclass
class Lock:
    """So many failures in so long close it: for ``closings[0]`` seconds after the last one, the
    next time for ``closings[1]``, … It is opened by a success of its own account only.
    """

    failures: int
    seconds: int
    closings: Sequence[int]
    times: list[int] = field(default_factory=list)
    closed_until: int = 0
    closed_so_far: int = 0
    last: int = 0

    def wait(self, now: int) -> int:
        """Seconds until one more is allowed; 0: it is allowed now."""
        return max(0, self.closed_until - now)

    def is_sure(self, now: int) -> bool:
        """Nobody promises how long it is remembered how often it was closed."""
        return self.closed_so_far == 0 or now < self.last + self.seconds + 2 * max(self.closings)

    def fail(self, now: int) -> list[int]:
        """One more failure; returns the times at which something about it changes."""
        self.times = [at for at in self.times if at + self.seconds > now] + [now]
        self.last = now
        ends = [now + self.seconds, now + self.seconds + 2 * max(self.closings)]
        if len(self.times) >= self.failures:
            which = min(self.closed_so_far, len(self.closings) - 1)
            self.closed_until = now + self.closings[which]
            self.closed_so_far += 1
            self.times = []
            ends.append(self.closed_until)
        return ends

    def clear(self) -> None:
        """A success, or a new password: nothing is held against the account any more."""
        self.times, self.closed_until, self.closed_so_far = [], 0, 0
