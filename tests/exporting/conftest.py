"""Databases of every kind to export from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from denglu.exporting.export import Report, export_database
from tests.moving.conftest import Empty
from tests.moving.conftest import empty as empty
from tests.moving.conftest import source as source
from tests.moving.places import Place, copy, fill, quiet

NOW = 1_800_000_000
Export = Callable[..., Report]


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def filled(request: pytest.FixtureRequest, source: Place, empty: Empty) -> Place:
    """A database of each kind with rows at the edges of what columns hold."""
    fill(source, 7)
    if request.param == "sqlite":
        return source
    place = empty(request.param)
    assert copy(source, place).same
    return place


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Exports into the folder ``out``, in this process."""

    def run(
        place: Place, form: str = "jsonl", *, name: str = "out", with_hashes: bool = False,
        progress: Callable[[str, int, int], None] = quiet,
    ) -> Report:  # fmt: skip
        return export_database(
            place.url, tmp_path / name, form=form, with_hashes=with_hashes, now=NOW,
            progress=progress,
        )  # fmt: skip

    return run
