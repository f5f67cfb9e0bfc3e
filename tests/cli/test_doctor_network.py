"""``denglu doctor`` on PostgreSQL and MariaDB: what is wrong, and what to do about it."""

import sys
import time
from collections.abc import Mapping
from contextlib import closing
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr

from denglu.doctor import mysql, network, postgresql
from denglu.doctor.database import addresses_of, has_sessions, newest_event
from denglu.doctor.examine import examine
from denglu.doctor.finding import Finding, Level
from denglu.doctor.redis import examine_redis
from denglu.doctor.server import Need, Server
from denglu.settings import Settings
from denglu.store.migrate import HEAD, migrate
from denglu.store.mysql import MysqlDriver
from denglu.store.network.link import Unreachable
from denglu.store.network.shell import Shell as Opened
from denglu.store.postgres import PostgresDriver
from tests.cli.desk import Desk
from tests.cli.test_doctor import faults, found
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import free_port
from tests.servers.redis import RedisServer
from tests.servers.shell import Shell
from tests.store.earlier import migrate_to


@pytest.fixture(params=["postgres_url", "mysql_url"], ids=["postgresql", "mysql"])
def url(request: pytest.FixtureRequest) -> str:
    """A new, empty database."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def sql(url: str) -> Any:
    """An operator's shell on it."""
    with closing(Shell(url)) as opened:
        yield opened


def settings_of(url: str, **more: Any) -> Settings:
    """Settings that lead to a database."""
    return Settings(database_url=url, secret_key=SecretStr("s" * 32), **more)


def seen(url: str, workers: int = 1, **more: Any) -> list[Finding]:
    """What the doctor finds."""
    return examine(settings_of(url, **more), "127.0.0.1", workers)


def test_a_sound_deployment_is_told_to_be_sound(bare: Desk, url: str) -> None:
    migrate(url)
    said = bare.ok("doctor", database_url=url, secret_key="s" * 32)
    kind = "PostgreSQL" if url.startswith("postgresql") else "MariaDB"
    for text in (
        f"ok      database   {url.replace('denglu@', '')} answers in ",
        f"ok      database   {kind} ",
        "of 197 connections are in use; a server with 1 worker opens up to 11"
        if kind == "PostgreSQL"
        else "of 200 connections are in use; a server with 1 worker opens up to 11",
        "the database's clock is ",
        f"ok      database   the schema is current (revision {HEAD})",
        "ok      database   it can be written to",
        "ok      secret key comes from the environment",
    ):
        assert text in said
    assert "0 faults, " in said
    assert list(bare.folder.iterdir()) == []


def test_it_changes_nothing(url: str, sql: Shell) -> None:
    migrate(url)
    seen(url)
    assert sql("select count(*) from limit_tally") == [(0,)]


def test_a_schema_that_is_missing_old_newer_or_foreign_is_told(url: str, sql: Shell) -> None:
    found(seen(url), Level.fault, "has no tables yet: run `denglu migrate`")
    migrate_to(url, "0001")
    old = found(seen(url), Level.warning, "at revision 0001, older than this denglu")
    assert old.advice.startswith("run `denglu migrate`")
    migrate(url)
    sql("update alembic_version set version_num = '9999'")
    found(seen(url), Level.fault, "written by a newer version")
    sql(f"insert into schema_note (revision, oldest_reader) values ('9999', '{HEAD}')")
    found(seen(url), Level.note, "at revision 9999, newer than this denglu")
    sql("update alembic_version set version_num = 'ae1027a6acf'")
    found(seen(url), Level.fault, "something else")


def test_what_stands_in_the_database_is_judged_as_on_a_file(url: str, sql: Shell) -> None:
    settings = settings_of(url)
    assert (newest_event(settings), has_sessions(settings), addresses_of(settings, 9)) == (
        0,
        False,
        {},
    )
    migrate(url)
    now = int(time.time())
    for _ in range(60):
        sql("insert into audit_event (event, at, ip) values ('login', ?, '10.0.0.7')", now + 3600)
    sql("insert into session (member_id, client_group, nonce) values (1, 'pc', 'x')")
    assert has_sessions(settings)
    findings = seen(url)
    found(findings, Level.fault, "the clock has gone back")
    found(findings, Level.warning, "60 of the last 60 events came from 10.0.0.7")


def test_a_database_that_is_away_is_one_fault_and_the_rest_is_told(url: str) -> None:
    away = f"{url.partition('://')[0]}://u:canary@127.0.0.1:{free_port()}/shop"
    findings = seen(away)
    assert len(faults(findings)) == 1
    found(findings, Level.fault, "cannot be reached")
    assert not any("canary" in each.message + each.advice for each in findings)
    assert {"gateways", "files"} <= {each.area for each in findings}


def test_a_user_who_may_not_write_is_told(
    postgres: PostgresServer, postgres_url: str, mariadb: MariadbServer, mysql_url: str
) -> None:
    migrate(postgres_url)
    migrate(mysql_url)
    with closing(Shell(postgres_url)) as sql:
        sql("CREATE ROLE reader LOGIN")
        sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    mariadb.admin("CREATE USER reader@'127.0.0.1'; GRANT SELECT ON *.* TO reader@'127.0.0.1'")
    for url in (postgres_url, mysql_url):
        findings = seen(url.replace("denglu@", "reader@"))
        found(findings, Level.ok, "the schema is current")
        assert "reader" in found(findings, Level.fault, "lacks a right").message
    with closing(Shell(postgres_url)) as sql:
        sql("DROP OWNED BY reader")
        sql("DROP ROLE reader")
    mariadb.admin("DROP USER reader@'127.0.0.1'")


@pytest.mark.parametrize(
    ("said", "level", "text"),
    [
        ({"number": 110022, "version": "11.22"}, Level.fault, "PostgreSQL 11.22 is too old"),
        ({"number": 140001, "version": "14.1"}, Level.warning, "older than what is tested"),
        ({"recovering": True}, Level.fault, "it takes no writes: it is a replica"),
        ({"read_only": True}, Level.fault, "it takes no writes"),
        ({"encoding": "SQL_ASCII"}, Level.fault, "its encoding is SQL_ASCII"),
        ({"fsync": "off"}, Level.warning, "fsync is off"),
        ({"synchronous_commit": "off"}, Level.warning, "synchronous_commit is off"),
        ({"full_page_writes": "off"}, Level.warning, "full_page_writes is off"),
        ({"autovacuum": "off"}, Level.warning, "autovacuum is off"),
        ({"process": -1}, Level.note, "a pooler such as PgBouncer"),
        ({"most": 5}, Level.fault, "of 5 connections are in use; a server with 2 workers opens"),
        ({"role_most": 6}, Level.fault, "of 6 connections are in use"),
        ({"database_most": 7}, Level.fault, "of 7 connections are in use"),
        ({"used": 190}, Level.warning, "190 of 197 connections are in use"),
        ({"now": 0.0}, Level.warning, "the database's clock is -"),
    ],
)
def test_what_is_wrong_with_postgresql_is_told(
    migrated_postgres: tuple[str, Shell],
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, Any],
    level: Level,
    text: str,
) -> None:
    postgres_url, _ = migrated_postgres
    sound = {"fsync": "on", "full_page_writes": "on"}
    change_what_is_said(monkeypatch, postgresql, sound | said)
    findings = seen(postgres_url, workers=2)
    found(findings, level, text)
    change_what_is_said(monkeypatch, postgresql, sound)
    assert not told(seen(postgres_url, workers=2), level, text)


@pytest.mark.parametrize(
    ("said", "level", "text"),
    [
        ({"version": "10.5.8-MariaDB"}, Level.fault, "MariaDB 10.5.8-MariaDB is too old"),
        ({"version": "10.6.1-MariaDB-log"}, Level.warning, "older than what is tested"),
        ({"version": "5.7.44"}, Level.fault, "MySQL 5.7.44 is too old"),
        ({"read_only": 1}, Level.fault, "it takes no writes"),
        ({"tables": 3}, Level.fault, "3 tables are not InnoDB with utf8mb4"),
        ({"flush": 2}, Level.warning, "innodb_flush_log_at_trx_commit is 2"),
        ({"doublewrite": 0}, Level.warning, "innodb_doublewrite is off"),
        ({"log_bin": 1, "sync_binlog": 0}, Level.warning, "sync_binlog is 0"),
        ({"statements": 1000}, Level.warning, "max_prepared_stmt_count is 1000"),
        ({"most": 5}, Level.fault, "of 5 connections are in use; a server with 2 workers opens"),
        ({"user_most": 6}, Level.fault, "of 6 connections are in use"),
        ({"now": 0}, Level.warning, "the database's clock is -"),
    ],
)
def test_what_is_wrong_with_mysql_is_told(
    migrated_mysql: tuple[str, Shell],
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, Any],
    level: Level,
    text: str,
) -> None:
    mysql_url, _ = migrated_mysql
    change_what_is_said(monkeypatch, mysql, {"flush": 1} | said)
    findings = seen(mysql_url, workers=2)
    found(findings, level, text)
    change_what_is_said(monkeypatch, mysql, {"flush": 1})
    assert not told(seen(mysql_url, workers=2), level, text)


def told(findings: list[Finding], level: Level, text: str) -> bool:
    """Whether something is among them."""
    return any(each.level is level and text in each.message for each in findings)


def change_what_is_said(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, said: Mapping[str, Any]
) -> None:
    """The database says some things otherwise."""
    from denglu.doctor.server import facts

    async def changed(shell: Opened, asked: Mapping[str, str]) -> dict[str, Any]:
        assert said.keys() <= asked.keys()
        return {**await facts(shell, asked), **said}

    monkeypatch.setattr(module, "facts", changed)


def test_a_galera_cluster_is_told(mysql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = mysql._shown

    async def shown(shell: Opened, what: str) -> str:
        return "ON" if "wsrep_on" in what else await real(shell, what)

    monkeypatch.setattr(mysql, "_shown", shown)
    found(seen(mysql_url), Level.warning, "it is a Galera cluster")


def test_tables_that_lose_what_they_hold_are_told(mysql_url: str) -> None:
    migrate(mysql_url)
    with closing(Shell(mysql_url)) as sql:
        sql("ALTER TABLE sms_code CONVERT TO CHARACTER SET latin1")
        sql("ALTER TABLE limit_tally ENGINE = MyISAM")
    found(seen(mysql_url), Level.fault, "2 tables are not InnoDB with utf8mb4")


def test_connections_are_counted_for_all_workers() -> None:
    server = Server(ahead=0.0, encrypted=True)
    server.say_room(Need(pool=10, workers=4), most=100, used=3)
    server.say_room(Need(pool=10, workers=4), most=44, used=3)
    server.say_room(Need(pool=10, workers=4), most=43, used=3)
    assert [each.level for each in server.findings] == [Level.ok, Level.warning, Level.fault]
    assert "a server with 4 workers opens up to 44" in server.findings[0].message


def test_a_connection_in_the_clear_is_told_unless_it_stays_on_the_machine() -> None:
    for url, encrypted, told in [
        ("postgresql://db.example/shop", False, True),
        ("postgresql://db.example/shop", True, False),
        ("mysql://10.0.0.7/shop", False, True),
        ("mysql://127.0.0.1/shop", False, False),
        ("mysql:///shop?unix_socket=/run/mysqld.sock", False, False),
    ]:
        assert bool(list(network._encryption(url, encrypted=encrypted))) is told


def test_a_slow_database_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_SLOW_SECONDS", 0.0)
    found(seen(url), Level.warning, "answers in ")


def test_redis_is_asked_where_it_would_be_used(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(url: str | None, database: str = "postgresql://db/shop") -> list[Finding]:
        settings = settings_of(database, redis_url=url)
        return list(examine_redis(settings))

    there = f"redis://127.0.0.1:{redis_server.port}/0"
    assert judged(None) == judged(there, "sqlite:///a.db") == []
    assert judged(there)[0].level is Level.ok
    away = judged(f"redis://:canary@127.0.0.1:{free_port()}/0")
    assert "canary" not in found(away, Level.warning, "does not answer").message
    with redis_server.paused():
        monkeypatch.setattr("denglu.doctor.redis._SECONDS", 0.1)
        found(judged(there), Level.warning, "does not answer")
    monkeypatch.setitem(sys.modules, "redis", None)
    assert "denglu[redis]" in found(judged(there), Level.fault, "library for redis").advice


def test_a_server_that_could_not_connect_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a pooler that takes no settings of ours."""

    async def probe(driver: object) -> None:
        raise Unreachable("unsupported startup parameter: statement_timeout")

    for driver in (PostgresDriver, MysqlDriver):
        monkeypatch.setattr(driver, "probe", probe)
    told_ = found(seen(url), Level.fault, "a server could not connect (unsupported startup")
    assert "ignore_startup_parameters" in told_.advice
