"""The stores that the contract suite runs on: the twin in memory, and every database."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import pytest
import pytest_asyncio

from denglu.flows.ports import Store
from denglu.store.sqlite import SqliteStore, open_store
from tests.store.files import Sql, migrated_file
from tests.store.grounds import Ground


@pytest.fixture(params=["memory", "sqlite", "postgresql", "mysql"])
def ground(request: pytest.FixtureRequest, ground_of: Callable[[str], Ground]) -> Ground:
    return ground_of(request.param)


@pytest_asyncio.fixture
async def store(ground: Ground) -> AsyncIterator[Store]:
    yield ground.open()
    await ground.close()


@pytest.fixture
def sql(ground: Ground) -> Sql:
    """A way past the store to its tables, as an operator with a database shell has one."""
    return ground.sql


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
