"""Desks for the tests: the database is migrated once and copied."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk import Desk, desk_from, template


@pytest.fixture(scope="session")
def model() -> Iterator[Path]:
    """The folder that desks are copied from."""
    with template() as folder:
        yield folder


@pytest.fixture
def desk(model: Path, tmp_path: Path) -> Desk:
    """A desk with a migrated, empty database."""
    return desk_from(model, tmp_path)


@pytest.fixture
def bare(tmp_path: Path) -> Desk:
    """A desk in an empty folder."""
    return Desk(tmp_path)


@pytest.fixture
def near(desk: Desk) -> Desk:
    """A desk whose commands run in this process."""
    desk.near = True
    return desk
