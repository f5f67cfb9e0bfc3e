"""The pool of connections: who gets which, and which are never lent again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from denglu.domain.errors import Reason, Refusal
from denglu.store.network import pool as module
from denglu.store.network.link import Crowded, Unreachable
from denglu.store.network.pool import Pool


class Connection:
    def __init__(self) -> None:
        self.good = True
        self.end = ""

    def is_good(self) -> bool:
        return self.good and not self.end

    def discard(self) -> None:
        self.end = self.end or "cut"

    async def leave(self) -> None:
        self.end = "left"


class Server:
    """Makes connections; hangs or refuses as the test wants it."""

    def __init__(self) -> None:
        self.made: list[Connection] = []
        self.refuses = False
        self.go = asyncio.Event()
        self.go.set()

    async def connect(self) -> Connection:
        await self.go.wait()
        if self.refuses:
            raise Unreachable("refused")
        self.made.append(Connection())
        return self.made[-1]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest_asyncio.fixture
async def pool(server: Server) -> AsyncIterator[Pool[Connection]]:
    made: Pool[Connection] = Pool(server.connect, size=2, wait=0.02)
    yield made
    await made.close()
    assert all(connection.end for connection in server.made)


async def used(pool: Pool[Connection]) -> Connection:
    async with pool.lend() as connection:
        return connection


async def test_the_connection_used_last_is_lent_first(pool: Pool[Connection]) -> None:
    async with pool.lend() as first:
        second = await used(pool)
    assert await used(pool) is first
    async with pool.lend(), pool.lend() as other:
        assert other is second


async def test_who_finds_no_room_is_told_so_and_takes_none_away(pool: Pool[Connection]) -> None:
    async with pool.lend(), pool.lend():
        with pytest.raises(Crowded):
            await used(pool)
    async with pool.lend(), pool.lend():
        pass


async def test_a_server_that_refuses_takes_no_room_away(
    pool: Pool[Connection], server: Server
) -> None:
    server.refuses = True
    for _ in range(3):
        with pytest.raises(Unreachable):
            await used(pool)
    server.refuses = False
    async with pool.lend(), pool.lend():
        pass


@pytest.mark.parametrize(
    "why", [asyncio.CancelledError(), Unreachable("gone"), KeyboardInterrupt()]
)
async def test_a_connection_in_an_unknown_state_is_never_lent_again(
    pool: Pool[Connection], why: BaseException
) -> None:
    with pytest.raises(type(why)):
        async with pool.lend() as connection:
            raise why
    assert connection.end == "cut"
    assert await used(pool) is not connection


async def test_a_connection_outlives_an_ordinary_refusal(pool: Pool[Connection]) -> None:
    with pytest.raises(Refusal):
        async with pool.lend() as connection:
            raise Refusal(Reason.bad_code)
    assert await used(pool) is connection


async def test_a_connection_that_comes_back_bad_is_cut_off(pool: Pool[Connection]) -> None:
    async with pool.lend() as connection:
        connection.good = False  # in a transaction, for one
    assert connection.end == "cut"
    assert await used(pool) is not connection


async def test_a_connection_that_went_bad_at_rest_is_not_lent(pool: Pool[Connection]) -> None:
    connection = await used(pool)
    connection.good = False
    assert await used(pool) is not connection
    assert connection.end == "cut"


async def test_a_connection_that_nobody_needed_for_long_is_let_go(
    pool: Pool[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    async with pool.lend() as busy:
        spare = await used(pool)
        now += 299
    now += 1
    assert await used(pool) is busy
    assert spare.end == "cut"


async def test_what_is_renewed_is_lent_no_more(pool: Pool[Connection]) -> None:
    async with pool.lend() as busy:
        idle = await used(pool)
        pool.renew()
        assert (idle.end, busy.end) == ("cut", "")
    assert await used(pool) is busy


async def test_who_leaves_while_connecting_takes_no_room_away(
    pool: Pool[Connection], server: Server
) -> None:
    server.go.clear()
    callers = [asyncio.ensure_future(used(pool)) for _ in range(2)]
    await asyncio.sleep(0)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    server.go.set()
    async with pool.lend(), pool.lend():
        pass


async def test_closing_says_goodbye_and_waits_for_those_at_work(
    pool: Pool[Connection], server: Server
) -> None:
    async with pool.lend() as busy:
        idle = await used(pool)
        closing = asyncio.ensure_future(pool.close())
        for _ in range(5):
            await asyncio.sleep(0)
        assert (idle.end, busy.end, closing.done()) == ("left", "", False)
    await closing
    assert busy.end == "cut"
    with pytest.raises(Unreachable):
        await used(pool)


async def test_who_is_still_connecting_when_it_closes_gets_none(
    pool: Pool[Connection], server: Server
) -> None:
    server.go.clear()
    caller = asyncio.ensure_future(used(pool))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(pool.close())
    await asyncio.sleep(0)
    server.go.set()
    await closing
    with pytest.raises(Unreachable):
        await caller


async def test_closing_does_not_wait_for_ever(
    pool: Pool[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLOSING_SECONDS", 0.01)
    async with pool.lend() as busy:
        await pool.close()
        assert busy.end == "cut"
