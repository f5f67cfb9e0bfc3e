"""Migrations of PostgreSQL and MariaDB: beside servers, one at a time, safe to kill anywhere."""

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, event

from denglu.settings import Settings
from denglu.store import mysql, postgres
from denglu.store.migrate import (
    HEAD,
    WrongSchema,
    check_schema,
    current_revision,
    is_due,
    migrate,
)
from denglu.store.migrate.network import _TAKE_MYSQL, _TAKE_POSTGRESQL
from denglu.store.network import shell
from denglu.store.network.trouble import DatabaseTrouble, trouble
from denglu.store.opening import open_store
from denglu.store.schema import metadata
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import free_port
from tests.servers.shell import Shell
from tests.store.earlier import PATIENCE, differences, migrate_to, transaction, until

_READ = "SELECT count(*) FROM session"
_NEW_INDEX = "ix_session_ended_refresh"


class Killed(Exception):
    """Stands for kill -9."""


@pytest.fixture(params=["postgresql", "mysql"])
def url(request: pytest.FixtureRequest) -> str:
    """A new, empty database."""
    found = request.getfixturevalue(
        "postgres_url" if request.param == "postgresql" else "mysql_url"
    )
    return str(found)


@pytest.fixture
def sql(url: str) -> Iterator[Shell]:
    """An operator's shell on it."""
    with closing(Shell(url)) as opened:
        yield opened


def options(url: str) -> Any:
    """Settings that name a database."""
    return SimpleNamespace(database_kind=url.partition("://")[0], database_url=url)


def test_an_empty_database_is_brought_to_what_the_schema_declares(url: str, sql: Shell) -> None:
    assert current_revision(url) is None
    assert is_due(url)
    with pytest.raises(WrongSchema, match="has no tables yet: run `denglu migrate`"):
        check_schema(options(url))
    assert migrate(url)
    assert current_revision(url) == HEAD
    assert not is_due(url)
    assert check_schema(options(url)) is False
    assert differences(url) == []
    levels = sql("select merchant_id, level, name, discount from member_level")
    assert levels == [(0, 1, "普通会员", 1000)]


def test_an_index_that_no_migration_makes_would_be_noticed(url: str, sql: Shell) -> None:
    migrate(url)
    sql("create index ix_stray on session (device)")
    assert differences(url) != []


def test_running_twice_is_harmless(url: str, sql: Shell) -> None:
    migrate(url)
    sql("insert into member (username, tree) values ('bob', '')")
    assert not migrate(url)
    assert sql("select username from member") == [("bob",)]


def test_mysql_tables_hold_any_name_whatever_the_server_was_set_to(
    mysql_url: str, mariadb: MariadbServer
) -> None:
    name = mysql_url.rpartition("/")[2]
    mariadb.admin(f"ALTER DATABASE {name} CHARACTER SET latin1")
    migrate(mysql_url)
    with closing(Shell(mysql_url)) as sql:
        sql("insert into member (nickname, tree) values ('晓明🙂', '')")
        assert sql("select nickname from member") == [("晓明🙂",)]
        assert sql(
            "select distinct engine, table_collation from information_schema.tables "
            "where table_schema = database() and table_name <> 'alembic_version'"
        ) == [("InnoDB", "utf8mb4_bin")]


def test_F13_a_migration_that_is_killed_after_any_of_its_statements_can_be_run_again(
    url: str, sql: Shell
) -> None:
    left = 0

    def kill(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    event.listen(Engine, "after_cursor_execute", kill)
    try:
        for statements in range(1000):
            left = statements
            try:
                migrate(url)
            except Killed:
                continue
            break
    finally:
        event.remove(Engine, "after_cursor_execute", kill)
    assert statements > 20
    assert current_revision(url) == HEAD
    assert differences(url) == []
    assert len(sql("select id from member_level")) == 1
    assert sql("select revision, oldest_reader from schema_note order by 1") == [
        ("0002", "0001"),
        ("0003", "0001"),
        ("0004", "0001"),
        ("0005", "0001"),
    ]


def test_processes_that_migrate_at_the_same_time_take_turns(
    request: pytest.FixtureRequest, url: str, sql: Shell
) -> None:
    rivals = 4
    for _ in range(5):
        barrier = threading.Barrier(rivals)

        def one(barrier: threading.Barrier = barrier) -> bool:
            barrier.wait()
            return migrate(url)

        with ThreadPoolExecutor(rivals) as pool:
            done = [each.result() for each in [pool.submit(one) for _ in range(rivals)]]
        assert sorted(done) == [False] * (rivals - 1) + [True]
        assert differences(url) == []
        assert len(sql("select id from member_level")) == 1
        for (table,) in sql(_TABLES):
            sql(f"drop table if exists {table}")  # other databases have some, too


_TABLES = (
    "select table_name from information_schema.tables "
    "where table_schema not in ('pg_catalog', 'information_schema', 'mysql', 'sys', "
    "'performance_schema') and table_name in ('alembic_version', "
    f"{', '.join(repr(name) for name in metadata.tables)})"
)


def test_whoever_comes_second_says_so_and_waits(url: str, sql: Shell) -> None:
    waiting = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        take = _TAKE_POSTGRESQL if "postgresql" in url else _TAKE_MYSQL
        sql(take)
        try:
            second = pool.submit(migrate, url, waiting=waiting.set)
            assert waiting.wait(PATIENCE)
            assert current_revision(url) is None
        finally:
            sql.close()  # as when its holder is killed
        assert second.result(PATIENCE)


def test_a_lock_in_one_database_is_none_in_another(mariadb: MariadbServer, mysql_url: str) -> None:
    other = mariadb.create_database()
    with closing(Shell(other)) as sql:
        sql(_TAKE_MYSQL)
        assert migrate(mysql_url, waiting=pytest.fail)
    mariadb.drop_database(other)


def test_F13_an_index_that_was_left_unfinished_is_made_again(postgres_url: str) -> None:
    migrate_to(postgres_url, "0001")
    invalid = (
        "select pid from pg_stat_progress_create_index "
        f"join pg_index on indexrelid = to_regclass('{_NEW_INDEX}') where not indisvalid"
    )
    with closing(Shell(postgres_url)) as sql:
        sql("insert into session (member_id, client_group, nonce) values (1, 'pc', 'x')")
        with (
            ThreadPoolExecutor(1) as pool,
            transaction(postgres_url, "select count(*) from session"),
        ):
            first = pool.submit(migrate, postgres_url)
            until(lambda: sql(invalid))
            sql("select pg_terminate_backend(?)", sql(invalid)[0][0])
            with pytest.raises(DatabaseTrouble):
                first.result(PATIENCE)
        assert sql(
            f"select indisvalid from pg_index where indexrelid = '{_NEW_INDEX}'::regclass"
        ) == [(False,)]
        assert current_revision(postgres_url) == "0001"
        assert migrate(postgres_url)
        assert sql(
            f"select indisvalid from pg_index where indexrelid = '{_NEW_INDEX}'::regclass"
        ) == [(True,)]
    assert differences(postgres_url) == []


def test_an_index_waits_for_transactions_whatever_time_requests_have(postgres_url: str) -> None:
    migrate_to(postgres_url, "0001")
    name = postgres_url.rpartition("/")[2]
    waits = (
        "select pid from pg_stat_activity where query like 'CREATE INDEX%' and state = 'active' "
        f"and wait_event_type = 'Lock' and datname = '{name}'"
    )
    with closing(Shell(postgres_url)) as sql, ThreadPoolExecutor(1) as pool:
        for setting in ("lock_timeout", "statement_timeout"):
            sql(f"alter database {name} set {setting} = '100ms'")
        with transaction(postgres_url, _READ):
            running = pool.submit(migrate, postgres_url)
            until(lambda: sql(waits))
            sql("select pg_sleep(0.5)")  # no time limit of a request's holds for it
            assert not running.done()
        assert running.result(PATIENCE)
    assert differences(postgres_url) == []


def test_a_table_that_a_long_transaction_keeps_is_waited_for_whatever_time_requests_have(
    mysql_url: str, mariadb: MariadbServer
) -> None:
    migrate_to(mysql_url, "0001")
    mariadb.admin(
        "CREATE OR REPLACE USER hurried@'127.0.0.1' WITH MAX_STATEMENT_TIME 0.3; "
        "GRANT ALL ON *.* TO hurried@'127.0.0.1'"
    )
    waits = (
        "select id from information_schema.processlist "
        "where state like 'Waiting for table metadata%'"
    )
    with closing(Shell(mysql_url)) as sql, ThreadPoolExecutor(1) as pool:
        with transaction(mysql_url, _READ):
            running = pool.submit(migrate, _as(mysql_url, "hurried"))
            until(lambda: sql(waits))
            until(lambda: not sql(waits))  # it lets those go first who came after it
            assert not running.done()
        assert running.result(PATIENCE)
    assert differences(mysql_url) == []


def test_sessions_that_expire_are_found_without_a_look_at_those_that_ended(
    url: str, sql: Shell
) -> None:
    migrate(url)
    numbers = "generate_series(1, 20000) AS s(seq)" if "postgresql" in url else "seq_1_to_20000"
    sql(
        "insert into session (member_id, client_group, nonce, refresh_expires_at, slot, ended_at) "
        "select seq, 'pc', 'x', seq, case when seq > 10000 then 1 end, "
        f"case when seq <= 10000 then seq end from {numbers}"
    )
    sql("analyze session" if "postgresql" in url else "analyze table session")
    statement = (mysql.statements if "mysql" in url else postgres.statements)()["expired_sessions"]
    text = re.sub(r"\$\d+(::\w+)?|\?", "?", statement.sql)
    values = statement.bind({"p_before": 10050, "p_limit": 100})
    assert len(sql(text, *values)) == 50
    plan = str(sql(f"explain {text}", *values))
    assert _NEW_INDEX in plan
    # PostgreSQL says it in words, MariaDB as the width of both columns of the key.
    assert ("ended_at IS NULL) AND (refresh_expires_at" in plan) or "'17'" in plan


def test_tables_for_merchants_come_beside_what_is_there(url: str, sql: Shell) -> None:
    migrate_to(url, "0004")
    sql("insert into member (merchant_id, type, username, tree) values (7, 3, 'bob', '')")
    sql("insert into member_account (member_id, user_money) values (1, -9999999999)")
    sql("insert into session (member_id, client_group, nonce) values (1, 'pc', 'x')")
    tables = ("member", "member_account", "member_level", "session")
    before = [sql(f"select * from {table}") for table in tables]
    assert check_schema(options(url)) is True
    assert migrate(url)
    assert [sql(f"select * from {table}") for table in tables] == before
    assert sql("select count(*) from merchant, member_auth, import_mark") == [(0,)]
    assert differences(url) == []


def test_before_there_is_a_table_for_them_no_tokens_were_imported(url: str) -> None:
    """What looks like one is garbage then, and nobody is told that the server is busy."""
    migrate_to(url, "0004")

    async def look() -> int:
        store = open_store(Settings(database_url=url))
        try:
            return await store.imported_until()
        finally:
            await store.close()

    assert asyncio.run(look()) == 0


def test_a_database_at_the_revision_before_can_be_served_and_is_due(url: str, sql: Shell) -> None:
    migrate_to(url, "0001")
    assert is_due(url)
    assert check_schema(options(url)) is True
    assert migrate(url)
    assert differences(url) == []


@pytest.mark.parametrize(
    ("oldest", "usable"), [("0001", True), (HEAD, True), ("9999", False), (None, False)]
)
def test_a_newer_schema_is_used_where_it_says_that_it_may_be(
    url: str, sql: Shell, oldest: str | None, usable: bool
) -> None:
    migrate(url)
    sql("update alembic_version set version_num = '9999'")
    if oldest:
        sql(f"insert into schema_note (revision, oldest_reader) values ('9999', '{oldest}')")
    if usable:
        assert check_schema(options(url)) is False
        assert not migrate(url)
    else:
        with pytest.raises(WrongSchema, match=f"at revision 9999 .* up to {HEAD}: "):
            check_schema(options(url))
        with pytest.raises(WrongSchema, match=f"at revision 9999 .* up to {HEAD}: "):
            migrate(url)
    assert sql("select version_num from alembic_version") == [("9999",)]


def test_a_database_of_something_else_is_left_alone(url: str, sql: Shell) -> None:
    sql("create table photo (id integer)")
    with pytest.raises(WrongSchema, match="something else"):
        migrate(url)
    sql("create table alembic_version (version_num varchar(32))")
    sql("insert into alembic_version values ('ae1027a6acf')")
    with pytest.raises(WrongSchema, match="something else"):
        migrate(url)
    sql("update alembic_version set version_num = '0001'")
    with pytest.raises(WrongSchema, match="something else"):
        migrate(url)
    assert len(sql("select * from photo")) == 0
    assert differences_count(sql) == 2


def differences_count(sql: Shell) -> int:
    """How many tables there are."""
    names = "('photo', 'alembic_version', 'member', 'session')"
    return len(
        sql(
            "select table_name from information_schema.tables "
            f"where table_name in {names} and table_schema in "
            "(select table_schema from information_schema.tables where table_name = 'photo')"
        )
    )


def test_a_revision_that_is_none_of_ours_is_something_elses(url: str, sql: Shell) -> None:
    migrate(url)
    for revision in ("ae1027a6acf", "3", "000x", ""):
        sql("update alembic_version set version_num = ?", revision)
        with pytest.raises(WrongSchema, match="something else"):
            migrate(url)


def test_tables_of_an_extension_are_nobodys(postgres_url: str) -> None:
    with closing(Shell(postgres_url)) as sql:
        sql("create table spatial_ref_sys (srid integer)")
        sql("alter extension plpgsql add table spatial_ref_sys")
        assert migrate(postgres_url)
        sql("alter extension plpgsql drop table spatial_ref_sys")


def test_the_trouble_with_a_database_is_one_line_without_the_password(
    postgres: PostgresServer, mariadb: MariadbServer, postgres_url: str, mysql_url: str
) -> None:
    mariadb.admin("CREATE OR REPLACE USER guarded@'127.0.0.1' IDENTIFIED BY 'right'")
    postgres.admin("CREATE ROLE powerless LOGIN")
    away = f"127.0.0.1:{free_port()}"
    for url, says in [
        (f"postgresql://u:canary@{away}/shop", "cannot be reached"),
        (f"mysql://u:canary@{away}/shop", "cannot be reached"),
        (_as(postgres_url, "nobody:canary"), 'role "nobody" does not exist'),
        (_as(mysql_url, "guarded:canary"), "refuses the user 'guarded' or its password"),
        (_as(mysql_url, "guarded:right"), "'guarded' lacks a right"),
        (_as(postgres.url("lost"), "denglu:canary"), "does not exist on that server"),
        (_as(mariadb.url("lost"), "denglu"), "does not exist on that server"),
        (_as(postgres_url, "powerless:canary"), "permission denied for schema public"),
        (_as(mysql_url, "denglu:canary") + "?ssl_made=canary", "options that are none: ssl_made"),
    ]:
        with pytest.raises(DatabaseTrouble, match=says) as caught:
            migrate(url)
        line = str(caught.value)
        assert "canary" not in line
        assert len(line.splitlines()) == 1
        assert url.rpartition("@")[2].partition("?")[0] in line
    mariadb.admin("DROP USER guarded@'127.0.0.1'")
    postgres.admin("DROP ROLE powerless")


def test_whatever_a_driver_says_no_password_is_in_it() -> None:
    for url in ("postgresql://u:can%40ary@db:5432/shop?x=y", "mysql://u:can%40ary@db:5432/shop"):
        for secret in ("can%40ary", "can@ary"):
            line = str(trouble(url, OSError(111, f"tried {secret}\nin vain")))
            kind = url.partition("://")[0]
            assert line.startswith(f"{kind}://db:5432/shop cannot be reached (tried *** in vain)")


def _as(url: str, user: str) -> str:
    return url.replace("://denglu@", f"://{user}@")


def test_a_database_that_hangs_is_given_up(
    url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "_STATEMENT_SECONDS", 0.2)
    name = "postgres" if "postgresql" in url else "mariadb"
    server: PostgresServer | MariadbServer = request.getfixturevalue(name)

    async def hang(opened: shell.Shell) -> None:
        server.pause()
        await opened.rows("select 1")

    with pytest.raises(DatabaseTrouble, match=r"cannot be reached \(no answer in time\)"):
        shell.run(url, hang)
