"""Empty databases of every kind to copy into, and ways past the store to what is in them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.moving.places import Place, file_url
from tests.servers.shell import Shell
from tests.store.files import migrated_file, sql_on_file

Empty = Callable[[str], Place]


@pytest.fixture
def source(tmp_path: Path) -> Place:
    """A migrated SQLite file."""
    folder = tmp_path / "source"
    folder.mkdir()
    path = migrated_file(folder)
    return Place(file_url(path), sql_on_file(path))


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Empty]:
    """Makes a place without tables: ``sqlite``, ``postgresql`` or ``mysql``."""
    with ExitStack() as stack:

        def make(kind: str) -> Place:
            if kind == "sqlite":
                path = tmp_path / "target.db"
                return Place(file_url(path), sql_on_file(path))
            url = request.getfixturevalue("postgres_url" if kind == "postgresql" else "mysql_url")
            return Place(url, stack.enter_context(closing(Shell(url))))

        yield make


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def target(request: pytest.FixtureRequest, empty: Empty) -> Place:
    """An empty place of every kind."""
    return empty(request.param)


@pytest.fixture(params=["postgresql", "mysql"])
def network_target(request: pytest.FixtureRequest, empty: Empty) -> Place:
    """An empty database on the network."""
    return empty(request.param)
