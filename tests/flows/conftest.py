"""Worlds: every story is told on the memory store and on PostgreSQL and MariaDB, and where
rivals matter on a real SQLite file, too.
"""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.flows.world import Numbers, World
from tests.store.grounds import Ground

GroundOf = Callable[[str], Ground]
MakeWorld = Callable[[Numbers], World]


@pytest.fixture(params=["memory", "postgresql", "mysql"])
def ground(request: pytest.FixtureRequest, ground_of: GroundOf) -> Ground:
    return ground_of(request.param)


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mysql"])
def any_ground(request: pytest.FixtureRequest, ground_of: GroundOf) -> Ground:
    return ground_of(request.param)


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def disk_ground(request: pytest.FixtureRequest, ground_of: GroundOf) -> Ground:
    return ground_of(request.param)


@pytest_asyncio.fixture
async def make_world(ground: Ground) -> AsyncIterator[MakeWorld]:
    """Makes a world with numbers of the test's own."""
    yield lambda numbers: World(ground.open(), ground.sql, numbers)
    await ground.close()


@pytest_asyncio.fixture
async def world(make_world: MakeWorld) -> World:
    """A world with the shipped numbers."""
    return make_world(Numbers())


@pytest_asyncio.fixture
async def any_world(any_ground: Ground) -> AsyncIterator[World]:
    """The same, and on an SQLite file."""
    yield World(any_ground.open(), any_ground.sql, Numbers())
    await any_ground.close()


@pytest_asyncio.fixture
async def disk_world(disk_ground: Ground) -> AsyncIterator[World]:
    """A world that outlives its process."""
    yield World(disk_ground.open(), disk_ground.sql, Numbers())
    await disk_ground.close()
