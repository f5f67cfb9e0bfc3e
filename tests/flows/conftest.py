"""Worlds: on the memory store, and on a real SQLite file where rivals matter."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from denglu.store.memory import MemoryStore
from denglu.store.sqlite import open_store
from tests.flows.world import Numbers, World
from tests.store.files import migrated_file, sql_on_file

MakeWorld = Callable[[Numbers], World]


@pytest_asyncio.fixture
async def make_world() -> AsyncIterator[MakeWorld]:
    """Makes a world with numbers of the test's own."""
    stores = []

    def make(numbers: Numbers) -> World:
        store = MemoryStore()
        stores.append(store)
        return World(store, lambda sql: list(store.db.execute(sql)), numbers)

    yield make
    for store in stores:
        await store.close()


@pytest_asyncio.fixture
async def world(make_world: MakeWorld) -> World:
    """A world with the shipped numbers."""
    return make_world(Numbers())


@pytest_asyncio.fixture
async def disk_world(tmp_path: Path) -> AsyncIterator[World]:
    """A world on a real SQLite file, with its writer thread and group commit."""
    async with on_disk(tmp_path) as world:
        yield world


@pytest_asyncio.fixture(params=["memory", "sqlite"])
async def any_world(
    request: pytest.FixtureRequest, tmp_path: Path, world: World
) -> AsyncIterator[World]:
    """Both, one after the other."""
    if request.param == "memory":
        yield world
    else:
        async with on_disk(tmp_path) as disk:
            yield disk


@asynccontextmanager
async def on_disk(folder: Path) -> AsyncIterator[World]:
    """A world on a migrated file."""
    path = migrated_file(folder)
    store = open_store(path)
    yield World(store, sql_on_file(path), Numbers())
    await store.close()
