"""``denglu merchant``: what operators do to merchants and their users, beside a running server."""

import json

import pytest

from tests.cli.desk import PASSWORD, Desk
from tests.cli.helping import check_help, heavy_after_help

SHOP = "月光书店"
COMMANDS = (
    "", "add", "list", "disable", "enable", "user-add", "user-list", "user-disable",
    "user-enable", "user-password",
)  # fmt: skip


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """A desk where the plugin is switched on."""
    desk.settings["DENGLU_PLUGINS"] = "merchant"
    return desk


def add_user(desk: Desk, username: str, *more: str, merchant: str = SHOP) -> str:
    """Add a user of a merchant; returns what the command printed."""
    words = ("merchant", "user-add", merchant, "--username", username, "--password-stdin", *more)
    return desk.ok(*words, stdin=PASSWORD + "\n")


def refused_user(desk: Desk, username: str, *more: str, merchant: str = SHOP) -> str:
    """The line that says why no user was added."""
    words = ("merchant", "user-add", merchant, "--username", username, "--password-stdin", *more)
    return desk.fault(*words, stdin=PASSWORD)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(bare: Desk, command: str) -> None:
    check_help(bare, f"merchant {command}".rstrip(), plugins="merchant")


def test_help_loads_no_database_and_no_server(bare: Desk) -> None:
    assert heavy_after_help(bare, "merchant user-add", plugins="merchant") == "[]"


def test_the_command_is_there_only_where_the_plugin_is_on(bare: Desk) -> None:
    there = "the plugin 'merchant' is off: switch it on with DENGLU_PLUGINS=merchant"
    assert there in bare.fault("merchant", "list", code=2)


def test_the_first_merchant_makes_the_database(bare: Desk) -> None:
    assert "there is no database" in bare.fault("merchant", "list", plugins="merchant")
    assert (
        bare.ok("merchant", "add", SHOP, plugins="merchant") == f"merchant 1 ({SHOP}) was added\n"
    )
    assert bare.json("merchant", "list", plugins="merchant")[0]["id"] == 1


def test_merchants_are_added_listed_disabled_and_enabled(desk: Desk) -> None:
    desk.near = True
    assert desk.run("merchant", "list").stderr == "no merchants\n"
    added = desk.json("merchant", "add", SHOP)
    assert list(added) == ["id", "name", "status", "created_at", "updated_at"]
    assert (added["id"], added["name"], added["status"]) == (1, SHOP, "enabled")
    desk.ok("merchant", "add", "Moon Books")
    assert desk.json("merchant", "list")[0] == added
    head, *rows = desk.ok("merchant", "list").splitlines()
    assert head.split() == ["ID", "NAME", "STATUS", "SINCE"]
    assert [row.split()[:2] for row in rows] == [["1", SHOP], ["2", "Moon"]]
    assert desk.ok("merchant", "disable", "moon books") == "merchant 2 (Moon Books) is disabled\n"
    assert desk.json("merchant", "disable", "2") == {
        "id": 2,
        "name": "Moon Books",
        "status": "disabled",
        "sessions_ended": 0,
    }
    assert [each["status"] for each in desk.json("merchant", "list")] == ["enabled", "disabled"]
    assert desk.ok("merchant", "enable", "2") == "merchant 2 (Moon Books) is enabled\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "the name is blank"),
        (" \u3000", "the name is blank"),
        ("x" * 201, "longer than 200 characters"),
        ("a\nb", "control or invisible"),
        ("moon\u202eskoob", "control or invisible"),
        ("12", "the name is a number"),
        ("１２", "the name is a number"),
        ("MOON BOOKS", "the name is in use by another merchant"),
    ],
)
def test_a_name_that_cannot_be_a_merchants_is_refused_in_one_line(
    desk: Desk, name: str, said: str
) -> None:
    desk.near = True
    desk.ok("merchant", "add", "moon books")
    assert said in desk.fault("merchant", "add", name)
    assert len(desk.json("merchant", "list")) == 1


def test_users_are_added_and_listed_with_masked_mobiles(desk: Desk) -> None:
    desk.near = True
    desk.ok("merchant", "add", SHOP)
    said = add_user(desk, "ming", "--mobile", "13800000000", "--nickname", "小明")
    assert said == "user 1 (ming) of merchant 1 was added\n"
    added = json.loads(add_user(desk, "eve", "--json"))
    assert list(added)[:2] == ["id", "merchant_id"]
    assert (added["id"], added["merchant_id"], added["status"]) == (2, 1, "enabled")
    printed = desk.ok("merchant", "user-list", SHOP) + desk.ok(
        "merchant", "user-list", "1", "--json"
    )
    assert "138****0000" in printed
    assert "13800000000" not in printed
    assert [each["username"] for each in desk.json("merchant", "user-list", "1")] == ["ming", "eve"]
    desk.ok("merchant", "add", "other")
    assert desk.run("merchant", "user-list", "other").stderr == "no users\n"


def test_a_user_that_cannot_be_is_refused_in_one_line(desk: Desk) -> None:
    desk.near = True
    desk.ok("merchant", "add", SHOP)
    desk.ok("merchant", "add", "other")
    desk.add("ming", "--mobile", "13800000000")  # a member is in nobody's way
    add_user(desk, "ming", "--mobile", "13800000000")
    for merchant in (SHOP, "other"):
        said = refused_user(desk, "MING", merchant=merchant)
        assert said == "the username is in use by another user of a merchant"
    said = refused_user(desk, "eve", "--mobile", "+86 13800000000", merchant="other")
    assert said == "the mobile is in use by another user of a merchant"
    assert "there is no merchant 'nobody'" in refused_user(desk, "eve", merchant="nobody")
    assert "looks like a mobile" in refused_user(desk, "13900000000")
    words = ("merchant", "user-add", SHOP, "--username", "eve", "--password-stdin")
    assert "too common" in desk.fault(*words, stdin="password1")
    assert "--password-stdin" in desk.fault(*words[:-1], code=2)
    assert len(desk.json("merchant", "user-list", SHOP)) == 1


def test_no_member_is_taken_for_a_user(desk: Desk) -> None:
    desk.near = True
    desk.add("ming", "--mobile", "13800000000")
    for command in ("user-disable", "user-enable"):
        for who in ("ming", "1"):
            assert "there is no user" in desk.fault("merchant", command, who)
        assert "139****0000" in desk.fault("merchant", command, "13900000000")
    words = ("merchant", "user-password", "ming", "--password-stdin")
    assert "there is no user" in desk.fault(*words, stdin="another-harbour-18")
    assert desk.json("member", "show", "ming")["status"] == "enabled"


def test_what_an_operator_does_holds_at_once(desk: Desk) -> None:
    desk.ok("merchant", "add", SHOP)
    add_user(desk, "ming")
    add_user(desk, "eve")
    body = {"username": "ming", "password": PASSWORD, "group": "pc"}
    with desk.serving() as server:

        def login(**changes: str) -> str:
            answer = server.call("/merapi/v1/site/login", body | changes)
            return str(answer.data["access_token"]) if answer.code == 200 else answer.reason

        def why(token: str) -> str:
            answer = server.call("/merapi/v1/merchant/user/index", token=token)
            return str(answer.data.get("end_reason", answer.code))

        ming, eve = login(), login(username="eve")
        assert (why(ming), why(eve)) == ("200", "200")
        assert desk.json("merchant", "user-disable", "ming")["sessions_ended"] == 1
        assert (why(ming), why(eve), login()) == ("disabled", "200", "bad_credentials")
        assert desk.ok("merchant", "user-enable", "1") == "user 1 (ming) of merchant 1 is enabled\n"
        ming = login()
        words = ("merchant", "user-password", "ming", "--password-stdin")
        said = desk.ok(*words, stdin="another-harbour-18\n")
        assert said == "user 1 (ming) of merchant 1 has another password; 1 session ended\n"
        assert (why(ming), login()) == ("password_changed", "bad_credentials")
        ming = login(password="another-harbour-18")
        said = desk.ok("merchant", "disable", SHOP)
        assert said == f"merchant 1 ({SHOP}) is disabled; 2 sessions ended\n"
        assert (why(ming), why(eve)) == ("disabled", "disabled")
        assert login(password="another-harbour-18") == "bad_credentials"
        desk.ok("merchant", "user-disable", "eve")
        desk.ok("merchant", "enable", SHOP)
        assert why(login(password="another-harbour-18")) == "200"
        assert login(username="eve") == "bad_credentials"


def test_a_disabled_user_gets_no_password(desk: Desk) -> None:
    desk.near = True
    desk.ok("merchant", "add", SHOP)
    add_user(desk, "ming")
    desk.ok("merchant", "user-disable", "ming")
    words = ("merchant", "user-password", "ming", "--password-stdin")
    said = desk.fault(*words, stdin="another-harbour-18")
    assert said == "user 1 is not enabled: `denglu merchant user-enable 1` first"
    desk.ok("merchant", "user-enable", "ming")
    assert "too common" in desk.fault(*words, stdin="password1")
    assert "has another password" in desk.ok(*words, stdin="another-harbour-18")
