"""Commands on PostgreSQL and MariaDB, beside running servers or without any."""

import json
import subprocess
import sys
from contextlib import closing

import pytest

from denglu.store.migrate import HEAD
from denglu.store.migrate.network import _TAKE_MYSQL, _TAKE_POSTGRESQL
from tests.cli.desk import Desk
from tests.servers.process import free_port
from tests.servers.shell import Shell
from tests.store.earlier import migrate_to, until


@pytest.fixture(params=["postgres_url", "mysql_url"], ids=["postgresql", "mysql"])
def url(request: pytest.FixtureRequest) -> str:
    """A new, empty database."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def office(bare: Desk, url: str) -> Desk:
    """A desk whose settings lead to it."""
    bare.settings = {"DENGLU_DATABASE_URL": url, "DENGLU_SECRET_KEY": "s" * 32}
    bare.near = True
    return bare


def name_of(url: str) -> str:
    """As commands call it."""
    return url.replace("denglu@", "")


def test_a_migration_is_made_once_and_told(office: Desk, url: str) -> None:
    name = name_of(url)
    line = office.fault("migrate", "--check")
    assert line == (
        f"a migration is due: {name} is not made yet, this denglu needs {HEAD}: "
        "run `denglu migrate`"
    )
    said = office.ok("migrate")
    assert said == f"{name} is now at revision {HEAD}; it was not made yet\n"
    assert office.ok("migrate") == f"{name} is current (revision {HEAD})\n"
    assert office.json("migrate", "--check") == {
        "database": name,
        "revision": HEAD,
        "newest": HEAD,
        "due": False,
        "migrated": False,
    }
    assert list(office.folder.iterdir()) == []


def test_a_migration_from_the_revision_before_is_told(office: Desk, url: str) -> None:
    migrate_to(url, "0001")
    assert "is at revision 0001, this denglu needs" in office.fault("migrate", "--check")
    assert office.json("member", "list") == []
    word = "is busy, or lacks what this version added: run `denglu migrate`"
    assert word in office.fault("merchant", "list", plugins="merchant")
    done = office.run("migrate", "--json")
    assert json.loads(done.stdout)["migrated"] is True
    assert office.ok("migrate", "--check")


def test_a_newer_database_that_may_be_used_is_current(office: Desk, url: str) -> None:
    office.ok("migrate")
    with closing(Shell(url)) as sql:
        sql("update alembic_version set version_num = '9999'")
        assert "written by a newer version" in office.fault("member", "list")
        sql(f"insert into schema_note (revision, oldest_reader) values ('9999', '{HEAD}')")
    assert office.ok("migrate") == f"{name_of(url)} is current (revision 9999)\n"
    assert office.json("member", "list") == []


def test_whoever_migrates_second_says_that_it_waits(office: Desk, url: str) -> None:
    said = office.folder / "said"
    with closing(Shell(url)) as sql, said.open("w") as stream:
        sql(_TAKE_POSTGRESQL if url.startswith("postgresql") else _TAKE_MYSQL)
        second = subprocess.Popen(
            [sys.executable, "-m", "denglu", "migrate"],
            cwd=office.folder,
            env=office.environ({}),
            stdout=stream,
            stderr=stream,
        )
        try:
            until(lambda: said.read_text() == "another denglu is migrating it: waiting for that\n")
            sql.close()  # as when its holder is killed
            assert second.wait(60) == 0
        finally:
            second.kill()
            second.wait()
    assert said.read_text().splitlines()[1].startswith(f"{name_of(url)} is now at revision")


def test_commands_need_tables_and_say_how_to_make_them(office: Desk, url: str) -> None:
    line = f"{name_of(url)} has no tables yet: run `denglu migrate`"
    assert office.fault("member", "list") == line
    words = ("member", "add", "--username", "ming", "--password-stdin")
    assert office.fault(*words, stdin="moonlit-harbour-17\n") == line
    assert office.fault("serve", "--port", str(free_port())) == line


def test_commands_need_no_secret_key_and_no_server(office: Desk) -> None:
    del office.settings["DENGLU_SECRET_KEY"]
    office.ok("migrate")
    office.add("ming", "--mobile", "13800000000")
    assert office.json("member", "show", "ming")["mobile"] == "138****0000"
    assert [each["username"] for each in office.json("member", "list")] == ["ming"]
    assert office.json("session", "list", "ming") == []
    assert "is disabled" in office.ok("member", "disable", "ming")
    assert "is enabled" in office.ok("member", "enable", "ming")
    assert office.json("member", "delete", "ming", "--yes")
    assert office.json("member", "list") == []
    assert "DENGLU_SECRET_KEY: not set" in office.fault("serve", code=2)
    assert list(office.folder.iterdir()) == []


def test_what_an_operator_does_holds_in_every_server(office: Desk) -> None:
    office.ok("migrate")
    office.add("ming")
    office.near = False
    with office.serving() as server:
        phone, desktop = server.login("ming", "iOS"), server.login("ming", "pc")
        assert [e["group"] for e in office.json("session", "list", "ming")] == ["iOS", "pc"]
        assert server.whoami(phone).code == server.whoami(desktop).code == 200
        office.ok("session", "revoke", "ming", "--group", "iOS")  # takes longer than 300 ms
        assert server.whoami(phone).data["end_reason"] == "revoked"
        assert server.whoami(desktop).code == 200
        assert "1 session ended" in office.ok("member", "disable", "ming")
        assert server.whoami(desktop).data["end_reason"] == "disabled"
        assert "is current" in office.ok("migrate")
        assert server.stop() == 0


def test_an_unusable_database_is_one_line_for_every_command(bare: Desk, url: str) -> None:
    bare.near = True
    kind = url.partition("://")[0]
    away = f"{kind}://u:canary@127.0.0.1:{free_port()}/shop"
    bare.settings = {"DENGLU_DATABASE_URL": away, "DENGLU_SECRET_KEY": "s" * 32}
    for words in (
        ("migrate",),
        ("migrate", "--check"),
        ("member", "list"),
        ("serve", "--port", "0"),
    ):
        line = bare.fault(*words)
        assert "cannot be reached" in line
        assert "canary" not in line
    lost = f"{url.rpartition('/')[0]}/lost"
    line = bare.fault("member", "list", database_url=lost)
    assert line == f"{name_of(lost)} does not exist on that server: create the database first"


@pytest.mark.parametrize("driver", ["asyncpg", "asyncmy"])
def test_a_driver_that_is_not_installed_is_named(bare: Desk, driver: str) -> None:
    kind = "postgresql" if driver == "asyncpg" else "mysql"
    hidden = bare.folder / "hidden"
    hidden.mkdir()
    (hidden / f"{driver}.py").write_text(
        f"raise ModuleNotFoundError('there is none', name='{driver}')\n"
    )
    environ = bare.environ({"database_url": f"{kind}://u@127.0.0.1/x", "secret_key": "s" * 32})
    environ["PYTHONPATH"] = f"{hidden}:{environ['PYTHONPATH']}"
    for words in (("migrate",), ("member", "list"), ("serve", "--port", "0")):
        done = subprocess.run(
            [sys.executable, "-m", "denglu", *words],
            cwd=bare.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"denglu: the library for {kind} is not installed ({driver}): "
            f"pip install 'denglu[{kind}]'\n"
        )
