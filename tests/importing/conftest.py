"""A RageFrame without rows, and a denglu without members on every kind of database."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from denglu.store.migrate import migrate_database
from tests.importing.moving_in import rageframe_on
from tests.importing.rageframe import Rageframe
from tests.moving.places import Place, file_url
from tests.servers.mariadb import MariadbServer
from tests.servers.shell import Shell
from tests.store.files import migrated_file, sql_on_file


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


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A database of every kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("file")
        return
    with _on_the_network(request) as made:
        yield made


@pytest.fixture(params=["postgresql", "mysql"])
def network_place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A database on the network."""
    with _on_the_network(request) as made:
        yield made


@contextmanager
def _on_the_network(request: pytest.FixtureRequest) -> Iterator[Place]:
    kind = "postgres_url" if request.param == "postgresql" else "mysql_url"
    url = request.getfixturevalue(kind)
    migrate_database(url)
    with closing(Shell(url)) as shell:
        yield Place(url, shell)
