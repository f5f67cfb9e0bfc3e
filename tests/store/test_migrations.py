"""Migrations: they make what the schema declares, can run again, and leave strangers alone."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.exc import OperationalError

import denglu.store
from denglu.store.file import FileTrouble
from denglu.store.memory import MemoryStore
from denglu.store.migrate import HEAD, NEEDS, WrongSchema, current_revision, migrate
from denglu.store.schema import metadata
from denglu.store.statements import compile_all
from tests.store.earlier import bring_file_to


def test_the_migrated_schema_is_the_declared_one(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()


def test_a_column_that_no_migration_makes_would_be_noticed(path: Path) -> None:
    execute(path, "alter table member drop column qq")
    with pytest.raises(AssertionError):
        test_the_migrated_schema_is_the_declared_one(path)


def test_the_twin_in_memory_has_the_same_tables_and_indexes(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        assert shape(MemoryStore().db) == shape(db)


def test_the_known_head_is_alembics() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]


def alembic_config() -> Config:
    """As ``store.migrate`` makes it."""
    config = Config()
    config.set_main_option("script_location", str(Path(denglu.store.__path__[0]) / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def test_a_fresh_file_is_brought_to_the_head_and_has_the_first_level(tmp_path: Path) -> None:
    path = tmp_path / "a folder with % and ?" / "new.db"
    path.parent.mkdir()
    assert current_revision(path) is None
    assert migrate(path)
    assert current_revision(path) == HEAD
    assert execute(path, "select merchant_id, level, name, discount from member_level") == [
        (0, 1, "普通会员", 1000)
    ]


def test_running_twice_is_harmless(path: Path) -> None:
    execute(path, "insert into member (username, tree) values ('bob', '')")
    assert not migrate(path)
    assert execute(path, "select username from member") == [("bob",)]


def test_F13_a_migration_that_is_cut_off_leaves_nothing_and_can_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_loss(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "new.db"
    with monkeypatch.context() as patch:
        patch.setattr(Operations, "bulk_insert", power_loss)
        with pytest.raises(KeyboardInterrupt):
            migrate(path)
    assert execute(path, "select name from sqlite_master") == []
    assert migrate(path)
    assert current_revision(path) == HEAD


def test_a_migration_that_fails_says_so_and_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: Any, **__: Any) -> None:
        raise OperationalError("insert", None, sqlite3.OperationalError("disk I/O error"))

    path = tmp_path / "new.db"
    monkeypatch.setattr(Operations, "bulk_insert", fault)
    with pytest.raises(FileTrouble, match=r"as it was: .*disk I/O error"):
        migrate(path)
    assert execute(path, "select name from sqlite_master") == []


def test_a_fresh_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    migrate(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_cut_off_is_left_alone(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FileTrouble):
        migrate(path)
    assert path.stat().st_size == 5000


def test_an_empty_file_is_a_fresh_one(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert migrate(path)


def test_a_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    execute(path, "create table photo (id integer)")
    before = path.read_bytes()
    with pytest.raises(WrongSchema, match="something else"):
        migrate(path)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_denglu_is_left_alone(path: Path) -> None:
    execute(path, "update alembic_version set version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(WrongSchema, match=f"9999.*{HEAD}"):
        migrate(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("oldest", "usable"), [("0001", True), (HEAD, True), ("9999", False), (None, False)]
)
def test_a_newer_file_is_used_where_it_says_that_it_may_be(
    path: Path, oldest: str | None, usable: bool
) -> None:
    execute(path, "update alembic_version set version_num = '9999'")
    if oldest:
        execute(path, f"insert into schema_note values ('9999', '{oldest}')")
    if usable:
        assert not migrate(path)
    else:
        with pytest.raises(WrongSchema, match=f"9999.*{HEAD}"):
            migrate(path)
    assert current_revision(path) == "9999"


def test_accounts_get_the_ids_of_their_members_and_keep_their_books(tmp_path: Path) -> None:
    path = tmp_path / "older.db"
    bring_file_to(path, "0002")
    # Those of the first three have changed places, the others' are right, or far from all ids.
    places = {1: 2, 2: 3, 3: 1, 4: 4, 5: 900, 6: 5}
    for member_id, account_id in places.items():
        execute(path, f"insert into member (id, tree) values ({member_id}, '')")
        money = member_id * 100
        execute(
            path,
            "insert into member_account (id, member_id, user_money) "
            f"values ({account_id}, {member_id}, {money})",
        )
    assert migrate(path)
    assert execute(path, "select id, member_id, user_money from member_account order by id") == [
        (member_id, member_id, member_id * 100) for member_id in places
    ]


def test_tables_for_merchants_come_beside_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "older.db"
    bring_file_to(path, "0004")
    execute(path, "insert into member (merchant_id, type, tree) values (7, 3, '')")
    execute(path, "insert into member_account (member_id, user_money) values (1, -9999999999)")
    tables = ("member", "member_account", "member_level")
    before = [execute(path, f"select * from {table}") for table in tables]
    assert migrate(path)
    assert [execute(path, f"select * from {table}") for table in tables] == before
    assert execute(path, "select count(*) from merchant, member_auth, import_mark") == [(0,)]
    test_the_migrated_schema_is_the_declared_one(path)


def test_every_revision_says_who_may_use_it(path: Path) -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    revisions = {script.revision for script in scripts.walk_revisions()} - {"0001"}
    notes = dict(execute(path, "select revision, oldest_reader from schema_note"))
    assert notes.keys() == revisions
    assert all(oldest <= revision for revision, oldest in notes.items())
    assert {NEEDS, HEAD} <= revisions | {"0001"}


def test_sessions_that_expire_are_found_without_a_look_at_those_that_ended(path: Path) -> None:
    statement = compile_all(SQLiteDialect(paramstyle="qmark"))["expired_sessions"]
    values = statement.bind({"p_before": 1, "p_limit": 100})
    with closing(sqlite3.connect(path)) as db:
        ((*_, plan),) = db.execute(f"explain query plan {statement.sql}", values)
    assert "ix_session_ended_refresh (ended_at=? AND refresh_expires_at<?)" in plan


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("hello, I am a letter\n" * 100)
    with pytest.raises((WrongSchema, FileTrouble)):
        migrate(path)
    assert path.read_text().startswith("hello")


def execute(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        rows = list(db.execute(statement))
        db.commit()
        return rows


def shape(db: apsw.Connection) -> dict[str, list[Any]]:
    """Columns (with their defaults) and indexes of every table but Alembic's."""
    names = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
    return {
        name: [
            *db.execute(f"pragma table_xinfo('{name}')"),
            *sorted(
                (unique, *db.execute(f"pragma index_xinfo('{index}')"))
                for _, index, unique, *_ in db.execute(f"pragma index_list('{name}')")
            ),
        ]
        for name in sorted(names)
        if name != "alembic_version"
    }
