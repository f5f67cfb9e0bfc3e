"""``denglu migrate``: whether it is due, and that it happens whole or not at all."""

import contextlib
import json
from pathlib import Path
from typing import Any

import alembic.op
import apsw
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from denglu.store import migrate
from tests.cli.desk import Desk


def test_the_check_says_by_its_exit_code_whether_a_migration_is_due(bare: Desk) -> None:
    line = bare.fault("migrate", "--check")
    assert line.startswith("a migration is due: ")
    assert line.endswith("run `denglu migrate`")
    assert list(bare.folder.iterdir()) == []
    assert "is now at revision" in bare.ok("migrate")
    assert "is current" in bare.ok("migrate", "--check")
    assert "is current" in bare.ok("migrate")


def test_the_keys_of_a_migration_are_stable(bare: Desk) -> None:
    bare.near = True
    done = bare.run("migrate", "--check", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "database": str(bare.database),
        "revision": None,
        "newest": migrate.HEAD,
        "due": True,
        "migrated": False,
    }
    current = {
        "database": str(bare.database),
        "revision": migrate.HEAD,
        "newest": migrate.HEAD,
        "due": False,
    }
    assert bare.json("migrate") == current | {"migrated": True}
    assert bare.json("migrate") == current | {"migrated": False}
    assert bare.json("migrate", "--check") == current | {"migrated": False}


def test_an_empty_file_is_a_database_that_is_not_made_yet(bare: Desk) -> None:
    bare.near = True
    bare.database.touch(mode=0o600)
    bare.fault("migrate", "--check")
    bare.ok("migrate")


def test_a_path_with_odd_characters_is_a_path(bare: Desk) -> None:
    bare.near = True
    folder = bare.folder / "日本 %20 & co"
    folder.mkdir()
    url = f"sqlite:///{folder}/den%25glu.db"
    bare.ok("migrate", database_url=url)
    bare.ok("migrate", "--check", database_url=url)
    assert [path.name for path in folder.iterdir() if path.suffix == ".db"] == ["den%25glu.db"]


def test_the_newest_revision_is_the_newest_script(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parents[1] / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_a_migration_that_is_cut_short_has_not_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "denglu.db"
    real = alembic.op.create_table
    left = iter(range(3))

    def cut_short(*table: Any, **options: Any) -> object:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*table, **options)

    with monkeypatch.context() as patch:
        patch.setattr(alembic.op, "create_table", cut_short)
        with pytest.raises(KeyboardInterrupt):
            migrate.migrate(path)
    with contextlib.closing(apsw.Connection(str(path))) as db:
        assert db.execute("select name from sqlite_master").fetchall() == []
    assert migrate.migrate(path) is True
    assert migrate.current_revision(path) == migrate.HEAD
