"""The store on a database of its own: every transaction is a real one, and may have to wait.

Whatever goes wrong between here and the database ends as ``busy``, within ``deadline``
seconds. What is surely undone, or never began, is run again from its beginning; what may have
been done is not.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Found
from denglu.flows.ports import T, Transaction, Work
from denglu.store.connection import Duplicate
from denglu.store.network.breaker import Breaker
from denglu.store.network.cache import TokenCache
from denglu.store.network.feed import Feed
from denglu.store.network.link import (
    Conflict,
    Crowded,
    Driver,
    NoTable,
    TooSlow,
    Unreachable,
)
from denglu.store.network.watched import Reading, Writing
from denglu.store.repositories import SqlTransaction

_log = logging.getLogger(__name__)
_LONGEST_PAUSE = 0.05


class NetworkStore:
    """Fulfils ``flows.ports.Store`` through a driver. To be made on the loop that uses it.

    ``deadline``: seconds that any call takes at the most. ``cache_age``: how far behind other
    processes a token look-up may be, in seconds. ``reads``: names of plugins'
    statements that only read.
    """

    def __init__(
        self,
        driver: Driver,
        feed: Feed,
        *,
        deadline: float,
        cache_age: float,
        reads: Collection[str] = (),
    ) -> None:
        self._driver = driver
        self._feed = feed
        self._deadline = deadline
        self._reads = reads
        self._breaker = Breaker(driver.probe)
        self._tokens = TokenCache(self._look_up, age=cache_age)
        self._closed = False
        feed.start(self._tokens.drop)

    async def write(self, work: Work[T]) -> T:
        return await self._in_time(lambda: self._transaction(work))

    async def read(self, work: Work[T]) -> T:
        return await self._in_time(lambda: self._reading(work))

    async def find_token(self, digest: bytes) -> Found | None:
        """From the cache while it is fresh enough: see ``network.cache``."""
        if self._closed:
            raise Refusal(Reason.busy, retry_after=1)
        return await self._tokens.find(digest)

    async def has_legacy_hashes(self) -> bool:
        return await self._in_time(lambda: self._looking(_legacy))

    async def imported_until(self) -> int:
        return await self._in_time(lambda: self._looking(_imported_until))

    async def ready(self) -> bool:
        """Whether reads and writes are answered."""
        try:
            await self.write(_nothing)
        except Refusal:
            return False
        return True

    async def close(self) -> None:
        """Let go of the database."""
        if not self._closed:
            self._closed = True
            await self._feed.close()
            await self._breaker.close()
            await self._driver.close()
            await self._tokens.close()

    async def _in_time(self, deed: Callable[[], Awaitable[T]]) -> T:
        """Every way to fail becomes ``busy``."""
        if self._closed:
            raise Refusal(Reason.busy, retry_after=1)
        try:
            async with asyncio.timeout(self._deadline):
                await self._breaker.pass_through()
                return await self._repeated(deed)
        except (Unreachable, TimeoutError) as trouble:
            self._driver.renew()
            self._breaker.suspect(str(trouble) or f"no answer within {self._deadline} s")
        except (Crowded, Conflict, TooSlow) as trouble:
            _log.warning("a transaction was given up: %s", trouble)
        raise Refusal(Reason.busy, retry_after=1)

    async def _repeated(self, deed: Callable[[], Awaitable[T]]) -> T:
        """Again after a rival's lock or key, as long as there is time; and where a link of the
        pool had broken before anything was done with it.
        """
        time = asyncio.get_running_loop().time
        latest, pause = time() + self._deadline / 2, 0.001
        while True:
            try:
                return await deed()
            except _Stale:
                if time() > latest:
                    raise
            except (Conflict, Duplicate) as rival:
                if time() > latest:
                    raise Conflict(str(rival)) from None
            await asyncio.sleep(pause * secrets.randbelow(100) / 100)  # not all at once again
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _transaction(self, work: Work[T]) -> T:
        async with self._driver.link() as link:
            try:
                await link.begin()
            except Unreachable as error:
                raise _Stale(str(error)) from None
            writing = Writing(link)
            try:
                answer = await work(SqlTransaction(writing))
            except Exception as error:
                if not isinstance(error, Unreachable):
                    await link.rollback()
                raise
            try:
                await link.commit()
            finally:  # it may be durable even where nobody could say so
                self._tokens.drop(writing.touched)
        self._feed.announce(writing.revoked)
        return answer

    async def _reading(self, work: Work[T]) -> T:
        return await self._looking(lambda reading: work(SqlTransaction(reading)))

    async def _looking(self, look: Callable[[Reading], Awaitable[T]]) -> T:
        async with self._driver.link() as link:
            try:
                return await look(Reading(link, self._reads))
            except Unreachable as error:  # what only reads may always be done again
                raise _Stale(str(error)) from None

    async def _look_up(self, digest: bytes) -> Found | None:
        async def find(tx: Transaction) -> Found | None:
            return await tx.sessions.find(digest)

        return await self.read(find)


class _Stale(Unreachable):
    """A link broke before anything was done with it that may not be done twice."""


async def _nothing(tx: object) -> None:
    """The shortest transaction."""


async def _legacy(link: Reading) -> bool:
    return await link.one("member_legacy", {}) is not None


async def _imported_until(link: Reading) -> int:
    try:
        found = await link.one("tokens_imported", {})
    except NoTable:  # before its migration nothing was imported, and such a token is garbage
        return 0
    return found[0] if found else 0
