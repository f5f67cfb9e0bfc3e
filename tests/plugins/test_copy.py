"""``denglu copy`` takes the tables of plugins along, or says which it would leave behind."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.desk import Desk


@pytest.fixture
def counted(greeting: Desk) -> Desk:
    """A desk whose database holds counts of the example."""
    greeting.ok("migrate")
    with closing(sqlite3.connect(greeting.database)) as db, db:
        db.executemany("insert into greet_count values (?, ?)", [(n, n * n) for n in range(1, 9)])
    return greeting


@pytest.mark.parametrize("target", [None, "postgres_url", "mysql_url"])
def test_every_row_arrives(
    counted: Desk, target: str | None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(target) if target else f"sqlite:///{tmp_path}/other.db"
    report = counted.json("copy", "sqlite:///denglu.db", url)
    rows = {table["table"]: table["target_rows"] for table in report["tables"]}
    assert rows["greet_count"] == 8
    assert report["same"] is True
    listed = counted.ok("greet", "list", database_url=url)
    assert listed.splitlines()[-1] == "8  64"
    refused = counted.fault("copy", "sqlite:///denglu.db", url)
    assert "holds data of its own (table greet_count)" in refused


def test_what_would_be_left_behind_is_told(counted: Desk, tmp_path: Path) -> None:
    words = ("copy", "sqlite:///denglu.db", f"sqlite:///{tmp_path}/other.db")
    line = counted.fault(*words, plugins="")
    assert "has tables of plugin greet, which is not on: switch it on" in line
    assert not (tmp_path / "other.db").exists()
    with closing(sqlite3.connect(counted.database)) as db, db:
        db.execute("update alembic_version_greet set version_num = '0000'")
    assert "at revision 0000, and not 0001: run `denglu migrate`" in counted.fault(*words)


def test_a_plugin_that_has_no_tables_there_yet_is_passed_over(
    greeting: Desk, tmp_path: Path
) -> None:
    greeting.ok("migrate", plugins="")
    report = greeting.json("copy", "sqlite:///denglu.db", f"sqlite:///{tmp_path}/other.db")
    assert "greet_count" not in {table["table"] for table in report["tables"]}
