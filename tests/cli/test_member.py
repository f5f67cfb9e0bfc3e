"""Members: added by the wire's rules, found by any name, shown masked, switched off."""

import json
from concurrent.futures import ThreadPoolExecutor

from tests.cli.desk import PASSWORD, Desk

ADD = ("member", "add", "--password-stdin", "--username")


def test_the_first_command_makes_the_database_readable_by_its_owner_only(bare: Desk) -> None:
    assert bare.add("ming") == "member 1 (ming) was added\n"
    modes = {p.name: p.stat().st_mode & 0o777 for p in bare.folder.iterdir()}
    assert modes["denglu.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_looking_makes_no_database(bare: Desk) -> None:
    for command in ("member list", "member show ming", "session list ming", "session revoke ming"):
        line = bare.fault(*command.split())
        assert line.startswith(f"there is no database at {bare.database} yet")
    assert list(bare.folder.iterdir()) == []


def test_commands_that_meet_on_a_missing_database_make_it_once(bare: Desk) -> None:
    names = ("ann", "bob", "cai", "dan")
    with ThreadPoolExecutor(len(names)) as pool:
        assert all("was added" in said for said in pool.map(bare.add, names))
    assert {each["username"] for each in bare.json("member", "list")} == set(names)


def test_a_member_is_found_by_id_username_mobile_and_any_spelling(near: Desk) -> None:
    near.add("Ming", "--mobile", "+86 138-0000-0000", "--nickname", "小明")
    for who in ("1", "ming", "MING", "13800000000", "+86 13800000000"):
        assert near.json("member", "show", who)["id"] == 1


def test_a_member_is_shown_without_the_whole_mobile_unless_asked(near: Desk) -> None:
    printed = near.add("ming", "--mobile", "13800000000", "--nickname", "小明")
    printed += near.ok("member", "list") + near.ok("member", "list", "--json")
    printed += near.ok("member", "show", "ming") + near.ok("member", "show", "ming", "--json")
    printed += near.ok("member", "disable", "13800000000", "--json")
    assert "13800000000" not in printed
    assert "138****0000" in printed
    assert "小明" in printed
    assert near.json("member", "show", "ming", "--reveal")["mobile"] == "13800000000"
    assert "13800000000" in near.ok("member", "show", "ming", "--reveal")


def test_the_keys_of_a_member_are_stable(near: Desk) -> None:
    added = json.loads(near.add("ming", "--json"))
    keys = ["id", "username", "mobile", "email", "nickname", "status", "password", "source"]
    keys += ["visit_count", "last_time", "last_ip", "created_at", "updated_at"]
    keys += ["type", "merchant_id"]
    assert list(added) == keys
    assert added["nickname"] == "用户_1"
    assert (added["status"], added["password"], added["source"]) == (
        "enabled",
        "argon2id",
        "operator",
    )
    assert list(near.json("member", "show", "1")) == [*keys, "sessions"]
    assert [list(each) for each in near.json("member", "list")] == [keys]


def test_members_are_listed_by_id_in_one_array_with_a_hint_when_more_follow(near: Desk) -> None:
    for name in ("ann", "bob", "cai"):
        near.add(name)
    assert [each["username"] for each in near.json("member", "list")] == ["ann", "bob", "cai"]
    done = near.run("member", "list", "--limit", "2", "--json")
    assert [each["id"] for each in json.loads(done.stdout)] == [1, 2]
    assert done.stderr == "more: denglu member list --after 2\n"
    assert [each["id"] for each in near.json("member", "list", "--after", "2")] == [3]
    assert near.json("member", "list", "--after", "3") == []
    assert len(near.json("member", "list", "--all")) == 3
    head, *rows = near.ok("member", "list").splitlines()
    assert head.split()[:2] == ["ID", "USERNAME"]
    assert [row.split()[1] for row in rows] == ["ann", "bob", "cai"]


def test_a_refused_value_is_told_in_one_line_and_nothing_is_added(near: Desk) -> None:
    assert "looks like a mobile" in near.fault(*ADD, "13900000000", stdin=PASSWORD)
    assert "no mainland mobile" in near.fault(*ADD, "ming", "--mobile", "12345", stdin=PASSWORD)
    assert "longer than 60" in near.fault(*ADD, "ming", "--nickname", "x" * 61, stdin=PASSWORD)
    secret = "acme-shop-1"
    said = near.fault(*ADD, "ming", stdin=secret, password_site_words="acme,shop")
    assert "too common" in said
    assert secret not in said
    assert near.json("member", "list") == []


def test_exactly_one_line_end_is_taken_off_a_password(near: Desk) -> None:
    near.add("blank", password=" spaces are kept ")
    near.ok(*ADD, "bare", stdin="no line end at all")
    near.ok(*ADD, "windows", stdin="a windows line end\r\n")
    with near.serving() as server:
        for name, password in (
            ("blank", " spaces are kept "),
            ("bare", "no line end at all"),
            ("windows", "a windows line end"),
        ):
            body = {"username": name, "password": password, "group": "pc"}
            assert server.call("/v1/site/login", body).code == 200
        body = {"username": "blank", "password": "spaces are kept", "group": "pc"}
        assert server.call("/v1/site/login", body).reason == "bad_credentials"


def test_a_password_never_stands_in_a_command_line(near: Desk) -> None:
    assert "--password-stdin" in near.fault("member", "add", "--username", "ming", code=2)
    assert "No such option" in near.fault(*ADD, "ming", "--password", "x", code=2)


def test_a_name_in_use_is_refused_in_one_line(near: Desk) -> None:
    near.add("ming", "--mobile", "13800000000")
    assert "the username is in use" in near.fault(*ADD, "MING", stdin=PASSWORD)
    taken = near.fault(*ADD, "other", "--mobile", "13800000000", stdin=PASSWORD)
    assert taken == "the mobile is in use by another member"
    assert len(near.json("member", "list")) == 1


def test_somebody_who_does_not_exist_is_told_masked(near: Desk) -> None:
    for command in ("member show", "member disable", "member enable", "session list"):
        assert "there is no member 'nobody'" in near.fault(*command.split(), "nobody")
    assert "139****0000" in near.fault("member", "show", "13900000000")
    assert "no member" in near.fault("member", "delete", "nobody", "--yes")
    assert "no member" in near.fault("session", "revoke", "9" * 30)


def test_disable_and_enable_say_what_they_did(near: Desk) -> None:
    near.add("ming")
    assert near.ok("member", "disable", "ming") == "member 1 (ming) is disabled\n"
    assert near.json("member", "disable", "ming") == {
        "id": 1,
        "username": "ming",
        "status": "disabled",
        "sessions_ended": 0,
    }
    assert near.json("member", "show", "ming")["status"] == "disabled"
    assert near.ok("member", "enable", "ming") == "member 1 (ming) is enabled\n"
    assert near.json("member", "show", "ming")["status"] == "enabled"


def test_deletion_asks_first_and_frees_the_names(near: Desk) -> None:
    near.add("ming", "--mobile", "13800000000")
    done = near.run("member", "delete", "ming", stdin="n\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Delete member 1 (ming)?" in done.stderr
    unasked = near.run("member", "delete", "ming")
    assert unasked.returncode == 1
    assert "--yes" in unasked.stderr.splitlines()[-1]
    assert near.json("member", "show", "ming")["status"] == "enabled"
    sure = near.run("member", "delete", "ming", stdin="y\n")
    assert (sure.returncode, sure.stdout) == (0, "member 1 (ming) is deleted\n")
    assert near.json("member", "list") == []
    gone = near.json("member", "show", "1", "--reveal")
    assert (gone["status"], gone["username"], gone["mobile"], gone["password"]) == (
        "deleted",
        "",
        "",
        "none",
    )
    assert "was deleted before" in near.fault("member", "enable", "1")
    assert near.add("ming", "--mobile", "13800000000").startswith("member 2 ")
    assert near.json("member", "delete", "2", "--yes")["status"] == "deleted"


def test_a_name_of_digits_is_found_before_an_id(near: Desk) -> None:
    near.add("2")
    near.add("other")
    assert near.json("member", "show", "2")["username"] == "2"
    assert near.json("member", "show", "1")["username"] == "2"
