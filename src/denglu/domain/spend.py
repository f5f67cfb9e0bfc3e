"""What may be spent on messages in an hour, a day or a month, and when those begin.

Money is in whole ten-thousandths. Days and months begin at midnight of one fixed offset from UTC.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

_HOUR, _DAY = 3600, 86400
# Characters of a message, and of each part of one that is longer.
_WHOLE, _PART = 70, 67


class Kind(StrEnum):
    """The periods of a budget."""

    hour = "hour"
    day = "day"
    month = "month"

    def span(self, now: int, offset: int) -> tuple[int, int]:
        """Beginning and end of the one that ``now`` is in; ``offset``: hours that local time is
        ahead of UTC. All in Unix seconds.
        """
        ahead = offset * _HOUR
        local = now + ahead
        if self is Kind.month:
            first = datetime.fromtimestamp(local, UTC).replace(
                day=1, hour=0, minute=0, second=0, microsecond=0
            )
            year, month = first.year + first.month // 12, first.month % 12 + 1
            following = first.replace(year=year, month=month)
            return int(first.timestamp()) - ahead, int(following.timestamp()) - ahead
        length = _HOUR if self is Kind.hour else _DAY
        starts_at = local // length * length - ahead
        return starts_at, starts_at + length


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that one kind of period bears; None: as much as there is.

    ``cost`` in ten-thousandths.
    """

    messages: int | None = None
    cost: int | None = None

    def holds(self, messages: int, cost: int) -> bool:
        """Whether so much, in all, is within it."""
        return (self.messages is None or messages <= self.messages) and (
            self.cost is None or cost <= self.cost
        )

    def half(self, messages: int, cost: int) -> bool:
        """Whether so much, in all, is half of it or more."""
        return (self.messages is not None and 2 * messages >= self.messages) or (
            self.cost is not None and 2 * cost >= self.cost
        )


def parts_of(text: str) -> int:
    """As how many messages a text is billed: up to 70 characters are one, longer ones are split
    into parts of 67. A character outside of the basic plane, such as most emoji, is two.
    """
    length = len(text.encode("utf-16-le", errors="replace")) // 2
    return 1 if length <= _WHOLE else -(-length // _PART)
