"""The example of docs/plugins.md: installed as its reader would, and used."""

import contextlib
import sqlite3
import time
from typing import Any

import httpx
import pytest

from denglu.store.migrate import HEAD
from tests.cli.desk import Desk, Serving


def document_of(server: Serving) -> dict[str, Any]:
    """The API document."""
    with httpx.Client(verify=False, trust_env=False, timeout=20) as client:
        return dict(client.get(f"http://127.0.0.1:{server.port}/openapi.json").json())


def until_counted(desk: Desk, line: str) -> None:
    """Events are told behind the answer."""
    end = time.monotonic() + 20
    while desk.ok("greet", "list").strip() != line:
        assert time.monotonic() < end, desk.ok("greet", "list")


def test_the_example_counts_logins_and_greets_with_the_operators_word(greeting: Desk) -> None:
    greeting.ok("migrate")
    greeting.add("ming", "--nickname", "小明")
    with greeting.serving(greet_word="你好") as server:
        token = server.login("ming")
        server.login("ming", "iOS")
        until_counted(greeting, "1  2")
        assert server.call("/v1/greet").reason == "token_missing"
        answer = server.call("/v1/greet", token=token)
        assert answer.data == {"greeting": "你好, 小明", "logins": 2}
        document = document_of(server)
        operation = document["paths"]["/v1/greet"]["get"]
        assert operation["x-texts"]["en"]["summary"] == "A greeting"
        assert "Greeting" in document["components"]["schemas"]


def test_what_the_example_keeps_of_a_member_goes_with_the_member(greeting: Desk) -> None:
    greeting.ok("migrate")
    greeting.add("ming", "--nickname", "小明")
    greeting.add("hua")
    with greeting.serving() as server:
        for name in ("ming", "hua"):
            server.login(name)
        until_counted(greeting, "1  1\n2  1")
        greeting.ok("member", "delete", "ming", "--yes")
        assert greeting.ok("greet", "list") == "2  1\n"


def test_its_setting_is_checked_and_listed_like_ours(greeting: Desk) -> None:
    greeting.ok("migrate")
    listed = greeting.ok("doctor", greet_word="你好")
    assert "DENGLU_GREET_WORD=你好  (the environment)" in listed
    line = greeting.fault("member", "list", code=2, greet_wrd="x")
    assert line.endswith("there is no such setting; do you mean DENGLU_GREET_WORD?")
    line = greeting.fault("member", "list", code=2, greet_word="a\tb")
    assert line == (
        "DENGLU_GREET_WORD=a\\u0009b (from the environment): holds a control character; "
        "allowed: a word; why: how members are greeted"
    )


def test_the_doctor_says_which_are_on_and_whether_their_tables_are_there(greeting: Desk) -> None:
    greeting.ok("migrate", plugins="")
    sick = greeting.run("doctor")
    assert sick.returncode == 1
    assert "plugins    on: greet" in sick.stdout
    assert "plugins    the tables of greet are not made yet, and it needs 0001" in sick.stdout
    line = greeting.fault("member", "list")
    assert line.endswith("older than its plugins: stop the server and run `denglu migrate`")
    assert greeting.ok("migrate").endswith(f"greet 0001; it was at revision {HEAD}, greet none\n")
    assert "the tables of greet" not in greeting.ok("doctor")
    found = greeting.json("migrate", "--check")
    assert found["plugins"] == {"greet": {"revision": "0001", "newest": "0001"}}
    with contextlib.closing(sqlite3.connect(greeting.folder / "denglu.db")) as file:
        file.execute("update alembic_version_greet set version_num = '0002'")
        file.commit()
    said = greeting.run("doctor").stdout
    assert "the tables of greet are at revision 0002, newer than 0001" in said
    assert "install the newer version of the plugin again" in said


@pytest.mark.parametrize("kind", ["postgres_url", "mysql_url"])
def test_its_tables_are_made_by_migrate_on_a_network_database(
    greeting: Desk, request: pytest.FixtureRequest, kind: str
) -> None:
    greeting.settings["DENGLU_DATABASE_URL"] = request.getfixturevalue(kind)
    greeting.ok("migrate", plugins="")
    line = greeting.fault("migrate", "--check")
    assert "greet none, this denglu needs" in line
    assert "no tables of plugin greet yet: run `denglu migrate`" in greeting.fault("member", "list")
    assert "greet 0001; it was at revision" in greeting.ok("migrate")
    assert "is current" in greeting.ok("migrate", "--check")
    greeting.add("ming", "--nickname", "小明")
    with greeting.serving("--workers", "2", secret_key="k" * 43) as server:
        token = server.login("ming")
        until_counted(greeting, "1  1")
        assert server.call("/v1/greet", token=token).data == {
            "greeting": "Hello, 小明",
            "logins": 1,
        }
