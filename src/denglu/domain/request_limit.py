"""The general limit of requests by address, without I/O: cheap, approximate, in memory.

Two fixed windows stand for one that slides: what the window before counted weighs as much as
of it still lies inside. So an even stream is held to its rate, and the worst rhythm gets twice
as much through. That is good enough here and nowhere else: what guards money or accounts is in
``limits``, and is counted in the database.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from denglu.domain.limits import Rate
from denglu.domain.session import Caller

_MOST_ADDRESSES = 50_000


@dataclass(frozen=True, slots=True)
class News:
    """So many requests of an address in a window that other processes do not know of yet.

    ``life``: seconds for which ``window`` may matter to anybody.
    """

    window: str
    life: int
    address: str
    count: int


class RequestLimit:
    """Rates that hold together for each address, IPv6 by /64.

    ``shared`` also gathers what other processes want to know: see ``take`` and ``learn``.
    """

    def __init__(
        self, rates: Iterable[Rate], *, shared: bool = False, capacity: int = _MOST_ADDRESSES
    ) -> None:
        self._windows = [_Sliding(rate, shared, capacity) for rate in rates]

    def claim(self, ip: str, now: int) -> int:
        """Count a request and return 0; or count nothing and return the seconds to wait."""
        address = ip if ":" not in ip else _network(ip)
        wait = 0
        for window in self._windows:
            wait = max(wait, window.wait(address, now))
        if not wait:
            for window in self._windows:
                window.count(address)
        return wait

    def take(self, most: int) -> list[News]:
        """News since the last time, for each rate of the ``most`` busiest addresses at most."""
        return [news for window in self._windows for news in window.take(most)]

    def learn(self, news: News, total: int) -> None:
        """All processes together have counted ``total``, that ``news`` included."""
        for window in self._windows:
            window.learn(news, total)


@lru_cache(maxsize=4096)
def _network(ip: str) -> str:
    return Caller(ip).network


class _Counts:
    """Requests by address: this process's, those of others as far as is known, and news."""

    __slots__ = ("mine", "others", "unsaid")

    def __init__(self) -> None:
        self.mine: dict[str, int] = {}
        self.others: dict[str, int] = {}
        self.unsaid: dict[str, int] = {}

    def of(self, address: str) -> int:
        return self.mine.get(address, 0) + self.others.get(address, 0)


class _Sliding:
    def __init__(self, rate: Rate, shared: bool, capacity: int) -> None:
        self._rate = rate
        self._shared = shared
        self._capacity = capacity
        self._slot = -1
        self._inside = _Counts()
        self._before = _Counts()

    def wait(self, address: str, now: int) -> int:
        """Seconds until there is room for one more."""
        most, length = self._rate.count, self._rate.window
        slot, passed = divmod(now, length)
        if slot != self._slot:
            self._turn(slot)
        count, before = self._inside.of(address), self._before.of(address)
        if (count + 1) * length + before * (length - passed) <= most * length:
            return 0
        if count < most:  # in this window, when the one before weighs less
            return length + -(-(count + 1 - most) * length // before) - passed
        # In the next one, when this one weighs less.
        return length - passed + length + -(-(1 - most) * length // count)

    def count(self, address: str) -> None:
        """One more. Once too many addresses are known, further ones are let through."""
        mine = self._inside.mine
        known = mine.get(address)
        if known is None and len(mine) >= self._capacity:
            return
        mine[address] = (known or 0) + 1
        if self._shared:
            unsaid = self._inside.unsaid
            unsaid[address] = unsaid.get(address, 0) + 1

    def take(self, most: int) -> Iterator[News]:
        unsaid = self._inside.unsaid
        busiest = heapq.nlargest(most, unsaid, key=unsaid.__getitem__)
        for address in busiest:
            yield News(self._name, 2 * self._rate.window, address, unsaid.pop(address))

    def learn(self, news: News, total: int) -> None:
        if news.window == self._name:
            now = self._inside
            said = now.mine.get(news.address, 0) - now.unsaid.get(news.address, 0)
            now.others[news.address] = max(0, total - said)

    @property
    def _name(self) -> str:
        return f"{self._rate}:{self._slot}"

    def _turn(self, slot: int) -> None:
        """The next window; after a pause or a jump of the clock there is none before it."""
        self._before = self._inside if slot == self._slot + 1 else _Counts()
        self._inside = _Counts()
        self._slot = slot
