"""The store on a database of its own: every transaction is a real one, and may have to wait.

Whatever goes wrong between here and the database ends as ``busy``, within ``deadline``
seconds. A transaction that a rival's lock undid is run again from its beginning.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Found
from denglu.flows.ports import T, Transaction, Work
from denglu.store.connection import Duplicate
from denglu.store.network.breaker import Breaker
from denglu.store.network.cache import TokenCache
from denglu.store.network.feed import Feed
from denglu.store.network.link import Conflict, Crowded, Driver, Link, TooSlow, Unreachable
from denglu.store.network.watched import Reading, Writing
from denglu.store.repositories import SqlTransaction

_log = logging.getLogger(__name__)
_TRIES = 5
_RESTART_PAUSE = 0.01


class NetworkStore:
    """Fulfils ``flows.ports.Store`` through a driver. To be made on the loop that uses it.

    ``deadline``: seconds that any call takes at the most. ``cache_age``: how far behind other
    processes a token look-up may be, in seconds.
    """

    def __init__(self, driver: Driver, feed: Feed, *, deadline: float, cache_age: float) -> None:
        self._driver = driver
        self._feed = feed
        self._deadline = deadline
        self._breaker = Breaker(driver.probe)
        self._tokens = TokenCache(self._look_up, age=cache_age)
        self._closed = False
        feed.start(self._tokens.drop)

    async def write(self, work: Work[T]) -> T:
        return await self._in_time(lambda: self._repeated(work))

    async def read(self, work: Work[T]) -> T:
        return await self._in_time(lambda: self._reading(work))

    async def find_token(self, digest: bytes) -> Found | None:
        """From the cache while it is fresh enough: see ``network.cache``."""
        if self._closed:
            raise Refusal(Reason.busy, retry_after=1)
        return await self._tokens.find(digest)

    async def has_legacy_hashes(self) -> bool:
        async def look(link: Reading) -> bool:
            return await link.one("member_legacy", {}) is not None

        return await self._in_time(lambda: self._looking(look))

    async def ready(self) -> bool:
        """Whether reads and writes are answered."""
        if self._breaker.is_down:
            return False
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

    async def _in_time(self, deed: Callable[[], Awaitable[T]]) -> T:
        """Every way to fail becomes ``busy``."""
        if self._closed:
            raise Refusal(Reason.busy, retry_after=1)
        await self._breaker.pass_through()
        try:
            async with asyncio.timeout(self._deadline):
                return await deed()
        except (Unreachable, TimeoutError) as trouble:
            self._breaker.trip(str(trouble) or f"no answer within {self._deadline} s")
        except (Crowded, Conflict, TooSlow) as trouble:
            _log.warning("a transaction was given up: %s", trouble)
        raise Refusal(Reason.busy, retry_after=1)

    async def _repeated(self, work: Work[T]) -> T:
        """Once more after a rival's lock, or where a connection of the pool had gone stale."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._transaction(work)
            except _Stale as stale:
                if not tries_left:
                    raise Unreachable(str(stale)) from None
            except (Conflict, Duplicate) as conflict:
                if not tries_left:
                    raise Conflict(str(conflict)) from None
            await asyncio.sleep(_RESTART_PAUSE)
        raise AssertionError("unreachable")

    async def _transaction(self, work: Work[T]) -> T:
        async with self._linked() as link:
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
        async with self._linked() as link:
            return await look(Reading(link))

    async def _look_up(self, digest: bytes) -> Found | None:
        async def find(tx: Transaction) -> Found | None:
            return await tx.sessions.find(digest)

        return await self.read(find)

    @contextlib.asynccontextmanager
    async def _linked(self) -> AsyncIterator[Link]:
        """A link; it is cut off when whoever had it was stopped, or lost the database."""
        async with self._driver.link() as link:
            try:
                yield link
            except BaseException as error:
                if not isinstance(error, Exception) or isinstance(error, Unreachable | _Stale):
                    link.discard()
                raise


class _Stale(Exception):
    """A link was of no use before anything was done with it."""


async def _nothing(tx: object) -> None:
    """The shortest transaction."""
