"""A RageFrame without rows, and a denglu without members on every kind of database.

Those on the network are migrated once for all tests, and emptied for each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from denglu.store.schema import level
from tests.importing.moving_in import rageframe_on
from tests.importing.rageframe import Rageframe
from tests.moving.places import Place, file_url
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.shell import Shell
from tests.store.files import migrated_file, sql_on_file
from tests.store.grounds import empty, migrated


@pytest.fixture
def source(mariadb: MariadbServer) -> Iterator[Rageframe]:
    """Version 3, with empty tables."""
    with rageframe_on(mariadb) as made:
        made.create()
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Place:
    """An SQLite file, for what is the same everywhere."""
    path = migrated_file(tmp_path)
    return Place(file_url(path), sql_on_file(path))


@dataclass(frozen=True)
class _Used:
    """A database that tests have one after the other. ``levels``: those of a fresh one."""

    url: str
    shell: Shell
    levels: list[tuple[Any, ...]]

    def emptied(self) -> Place:
        """As after the migrations: an import changes the level that they make as well."""
        empty(self.shell, is_mysql=self.url.startswith("mysql"))
        self.shell(f"DELETE FROM {level.name}")
        for row in self.levels:
            marks = ", ".join("?" * len(row))
            self.shell(f"INSERT INTO {level.name} VALUES ({marks})", *row)
        return Place(self.url, self.shell)


@pytest.fixture(scope="session")
def used_postgres(postgres_server: PostgresServer) -> Iterator[_Used]:
    yield from _used(postgres_server)


@pytest.fixture(scope="session")
def used_mysql(mariadb_server: MariadbServer) -> Iterator[_Used]:
    yield from _used(mariadb_server)


def _used(server: PostgresServer | MariadbServer) -> Iterator[_Used]:
    for url, shell in migrated(server):
        yield _Used(url, shell, Place(url, shell).rows(level))


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def place(request: pytest.FixtureRequest) -> Place:
    """A database of every kind."""
    if request.param == "sqlite":
        made: Place = request.getfixturevalue("file")
        return made
    return _on_the_network(request)


@pytest.fixture(params=["postgresql", "mysql"])
def network_place(request: pytest.FixtureRequest) -> Place:
    """A database on the network."""
    return _on_the_network(request)


def _on_the_network(request: pytest.FixtureRequest) -> Place:
    kind = "used_postgres" if request.param == "postgresql" else "used_mysql"
    used: _Used = request.getfixturevalue(kind)
    return used.emptied()
