"""The stores that the contract suite runs on: the twin in memory and SQLite on a real file."""

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest
import pytest_asyncio

from denglu.flows.ports import Store
from denglu.store.memory import MemoryStore
from denglu.store.sqlite import SqliteStore, open_store
from tests.store.files import Sql, migrated_file, sql_on_file


class Stand:
    """A store, and a way past it to its tables, as an operator with a database shell has one."""

    def __init__(self, store: Store, sql: Sql) -> None:
        self.store = store
        self.sql = sql


@pytest_asyncio.fixture(params=["memory", "sqlite"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Stand(memory, lambda text: list(memory.db.execute(text)))
        await memory.close()
    else:
        path = migrated_file(tmp_path)
        sqlite = open_store(path)
        yield Stand(sqlite, sql_on_file(path))
        await sqlite.close()


@pytest.fixture
def store(stand: Stand) -> Store:
    return stand.store


@pytest.fixture
def sql(stand: Stand) -> Sql:
    return stand.sql


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated file, for tests of SQLite alone."""
    return migrated_file(tmp_path)


@pytest_asyncio.fixture
async def sqlite(path: Path) -> AsyncIterator[SqliteStore]:
    opened = open_store(path)
    yield opened
    await opened.close()


@pytest.fixture
def neighbour(path: Path) -> apsw.Connection:
    """Another program's connection to the file."""
    return apsw.Connection(str(path))
