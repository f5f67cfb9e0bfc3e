"""Where a store can stand: in memory, on an SQLite file, on PostgreSQL, on MariaDB.

Tests of stores and flows take a ``ground``, open a store on it, and may look past it into the
tables. The network databases are migrated once for the session, and emptied for each test.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from denglu.flows.ports import Store
from denglu.store.memory import MemoryStore
from denglu.store.migrate import migrate_database
from denglu.store.mysql import MysqlDriver
from denglu.store.network.feed import NoFeed
from denglu.store.network.link import Driver, Times
from denglu.store.network.store import NetworkStore
from denglu.store.postgres import PostgresDriver
from denglu.store.schema import metadata
from denglu.store.sqlite import open_store
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.shell import Shell
from tests.store.files import migrated_file, sql_on_file

# As shipped: what others write is known after so many seconds at the latest.
CACHE_AGE = 0.25
_POOL = 10
# Nobody is refused because this machine is slow.
_PATIENCE = 60.0
_KEPT = {"member_level", "schema_note"}


class Ground(ABC):
    """``open`` gives a store; ``sql`` runs a statement past it, as an operator's shell does."""

    # Whose words ``sql`` takes.
    kind = "sqlite"

    def __init__(self) -> None:
        self._opened: list[Store] = []

    def open(self) -> Store:
        """Another store on the same data (in memory: on none). To be called on its loop."""
        store = self._open()
        self._opened.append(store)
        return store

    async def close(self) -> None:
        """Close whatever was opened."""
        for store in self._opened:
            await store.close()

    def blob(self, value: bytes) -> str:
        """Bytes as a statement writes them."""
        return f"'\\x{value.hex()}'" if self.kind == "postgresql" else f"x'{value.hex()}'"

    def put(self, text: str) -> None:
        """A statement about what no store remembers."""
        self.sql(text)

    @abstractmethod
    def sql(self, text: str) -> list[Any]:
        """The rows of a statement that stands for itself."""

    @abstractmethod
    def _open(self) -> Store: ...


class MemoryGround(Ground):
    """The twin; ``sql`` is for the store that was opened last."""

    def _open(self) -> Store:
        store = MemoryStore()
        self._db = store.db
        return store

    def sql(self, text: str) -> list[Any]:
        return list(self._db.execute(text))


class FileGround(Ground):
    """A migrated SQLite file, with its writer thread and group commit."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path = migrated_file(folder)
        self._sql = sql_on_file(self._path)

    def _open(self) -> Store:
        return open_store(self._path)

    def sql(self, text: str) -> list[Any]:
        return self._sql(text)


class NetworkGround(Ground):
    """An emptied database; token look-ups are cached as shipped."""

    def __init__(self, url: str, shell: Shell) -> None:
        super().__init__()
        self._url = url
        self._shell = shell
        self.kind = url.partition("://")[0]
        empty(shell, is_mysql=url.startswith("mysql"))

    def _open(self) -> Store:
        return NetworkStore(self._driver(), NoFeed(), deadline=_PATIENCE, cache_age=CACHE_AGE)

    def _driver(self) -> Driver:
        times = Times(connect=_PATIENCE, statement=_PATIENCE, pool=_PATIENCE)
        kind = PostgresDriver if self._url.startswith("postgresql") else MysqlDriver
        return kind(self._url, pool=_POOL, times=times)

    def put(self, text: str) -> None:
        self._shell(text)

    def sql(self, text: str) -> list[Any]:
        rows = self._shell(text)
        if not text.lower().startswith("select"):
            time.sleep(CACHE_AGE)  # from now on a store knows what another one wrote
        return rows


def empty(shell: Shell, *, is_mysql: bool) -> None:
    """As after the migrations: no rows but those that they insert, and ids from 1."""
    shell("DELETE FROM member_level WHERE merchant_id <> 0")
    for table in metadata.sorted_tables:
        if table.name in _KEPT:
            continue
        shell(f"DELETE FROM {table.name}")
        if "id" not in table.c:
            continue
        if is_mysql:
            shell(f"ALTER TABLE {table.name} AUTO_INCREMENT = 1")
        else:
            shell(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), 1, false)")


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> Iterator[tuple[str, Shell]]:
    """A migrated database for the session, and a shell on it."""
    yield from migrated(postgres_server)


@pytest.fixture(scope="session")
def migrated_mysql(mariadb_server: MariadbServer) -> Iterator[tuple[str, Shell]]:
    """A migrated database for the session, and a shell on it."""
    yield from migrated(mariadb_server)


def migrated(server: PostgresServer | MariadbServer) -> Iterator[tuple[str, Shell]]:
    """A new database with its tables."""
    url = server.create_database()
    migrate_database(url)
    with closing(Shell(url)) as shell:
        yield url, shell


@pytest.fixture
def ground_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Ground]:
    """Makes a ground: ``memory``, ``sqlite``, ``postgresql`` or ``mysql``."""

    def make(kind: str) -> Ground:
        if kind == "memory":
            return MemoryGround()
        if kind == "sqlite":
            return FileGround(tmp_path)
        fixture = "migrated_postgres" if kind == "postgresql" else "migrated_mysql"
        return NetworkGround(*request.getfixturevalue(fixture))

    return make
