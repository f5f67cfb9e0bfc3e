"""Upkeep beside transactions that are under way: it takes nothing from them, and never waits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from denglu.domain.session import EndReason, Lives
from denglu.flows.ports import Store, Transaction, Work
from tests.store.grounds import Ground
from tests.store.making import (
    NOW,
    access,
    add_member,
    found,
    live,
    new_code,
    new_session,
    open_session,
)

LATER = NOW + 100
KEY = b"k" * 32


@pytest.fixture(params=["postgresql", "mysql"])
def ground(request: pytest.FixtureRequest, ground_of: Callable[[str], Ground]) -> Ground:
    return ground_of(request.param)


@pytest_asyncio.fixture
async def rival(ground: Ground) -> AsyncIterator[Store]:
    """Another process."""
    yield ground.open()


@asynccontextmanager
async def under_way(rival: Store, work: Work[object]) -> AsyncIterator[None]:
    """A rival has done this, and commits when the body is over."""
    done, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(tx: Transaction) -> None:
        await work(tx)
        done.set()
        await goes_on.wait()

    running = asyncio.ensure_future(rival.write(slowly))
    await done.wait()
    async with asyncio.timeout(30):
        yield
    goes_on.set()
    await running


async def test_a_session_that_is_being_refreshed_does_not_end(store: Store, rival: Store) -> None:
    await add_member(store)
    await open_session(store, new_session(lives=Lives(NOW + 50, LATER)))
    await open_session(store, new_session(group="pc", lives=Lives(NOW + 50, LATER)))
    session = (await found(store, access(1))).session
    longer = Lives(LATER + 50, LATER + 100)

    async with under_way(rival, lambda tx: tx.sessions.rotate(session, longer, LATER - 1)):
        assert await store.write(lambda tx: tx.upkeep.expire_sessions(LATER, 10)) == 1
    assert await store.write(lambda tx: tx.upkeep.expire_sessions(LATER, 10)) == 0
    assert await live(store) == [1]


async def test_a_tally_that_is_being_counted_is_not_dropped(store: Store, rival: Store) -> None:
    await store.write(lambda tx: tx.tallies.load([KEY]))

    async def count(tx: Transaction) -> None:
        await tx.tallies.load([KEY])
        await tx.tallies.save({KEY: ("counted", LATER)})

    async with under_way(rival, count):
        assert await store.write(lambda tx: tx.upkeep.drop_tallies(NOW, 10)) == 0
    assert await store.write(lambda tx: tx.upkeep.drop_tallies(NOW, 10)) == 0
    assert await store.write(lambda tx: tx.tallies.recall([KEY])) == {KEY: "counted"}


async def test_what_others_hold_is_left_for_the_next_round(store: Store, rival: Store) -> None:
    await add_member(store)
    await open_session(store, new_session())
    await store.write(lambda tx: tx.sessions.end([1], EndReason.logged_out, NOW))
    await store.write(lambda tx: tx.codes.issue(new_code(now=NOW - 1000)))

    async def hold(tx: Transaction) -> None:
        await tx.codes.issue(new_code(now=NOW))
        await tx.upkeep.drop_sessions(LATER, 10)

    async with under_way(rival, hold):
        assert await store.write(lambda tx: tx.upkeep.drop_codes(NOW, 10)) == 0
        assert await store.write(lambda tx: tx.upkeep.drop_sessions(LATER, 10)) == 0
    assert await store.write(lambda tx: tx.upkeep.drop_codes(NOW, 10)) == 1
    assert await store.write(lambda tx: tx.upkeep.drop_sessions(LATER, 10)) == 0
    assert await store.find_token(access(1)) is None
