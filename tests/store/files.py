"""Migrated SQLite files for tests: the real migrations run once, each test gets a copy."""

import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import apsw

from denglu.store.migrate import migrate

Sql = Callable[[str], list[Any]]


def migrated_file(folder: Path) -> Path:
    """A fresh file at this version's schema."""
    path = folder / "denglu.db"
    path.write_bytes(_template())
    return path


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        migrate(path)
        return path.read_bytes()


def sql_on_file(path: Path) -> Sql:
    """Statements on a file, each by a connection of its own."""

    def sql(text: str) -> list[Any]:
        with closing(apsw.Connection(str(path))) as db:
            db.set_busy_timeout(5000)
            return list(db.execute(text))

    return sql
