"""Members of merchants at the operator's desk: the same names, each found where it is meant."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.cli.desk import Desk

SITE, FIRST, SECOND, USER = 1, 2, 3, 4


@pytest.fixture
def desk(near: Desk) -> Desk:
    """Four who are called Ming: the site's, two merchants', and a merchant's user."""
    near.add("ming", "--mobile", "13800000000")
    with closing(sqlite3.connect(near.database)) as db, db:
        for merchant_id, kind in ((1, 1), (2, 1), (1, 3)):
            db.execute(
                "INSERT INTO member (merchant_id, type, username, username_key, mobile, "
                "mobile_key, tree) "
                "VALUES (?, ?, 'ming', 'ming', '13800000000', '13800000000', '')",
                (merchant_id, kind),
            )
    return near


def test_everybody_is_listed_with_type_and_merchant(desk: Desk) -> None:
    listed = [(each["type"], each["merchant_id"]) for each in desk.json("member", "list")]
    assert listed == [("member", 0), ("member", 1), ("member", 2), ("merchant_user", 1)]
    head, *rows = desk.ok("member", "list").splitlines()
    place = head.index("MERCHANT")
    assert [row[place : place + 8].strip() for row in rows] == ["", "1", "2", "1 (user)"]


@pytest.mark.parametrize("who", ["ming", "MING", "13800000000"])
def test_a_name_is_the_sites_unless_a_merchant_is_named(desk: Desk, who: str) -> None:
    found = [
        desk.json("member", "show", who, *of)["id"]
        for of in ((), ("--merchant", "0"), ("--merchant", "1"), ("--merchant", "2"))
    ]
    assert found == [SITE, SITE, FIRST, SECOND]
    there = desk.fault("member", "show", "other", "--merchant", "3")
    assert there.startswith("there is no member 'other' of merchant 3: ")


def test_an_id_is_anybodys_unless_a_merchant_is_named(desk: Desk) -> None:
    for number in (SITE, FIRST, SECOND, USER):
        assert desk.json("member", "show", str(number))["id"] == number
    for number, merchant in ((SITE, "1"), (FIRST, "0"), (SECOND, "1"), (USER, "1")):
        for deed in (("show",), ("disable",), ("delete", "--yes")):
            there = desk.fault("member", *deed, str(number), "--merchant", merchant)
            assert f"no member '{number}' of merchant {merchant}" in there
    assert {each["status"] for each in desk.json("member", "list")} == {"enabled"}


def test_what_is_done_to_one_is_done_to_no_other(desk: Desk) -> None:
    desk.ok("member", "disable", "ming", "--merchant", "1")
    desk.ok("member", "delete", "ming", "--merchant", "2", "--yes")
    left = {each["id"]: each["status"] for each in desk.json("member", "list")}
    assert left == {SITE: "enabled", FIRST: "disabled", USER: "enabled"}
    desk.ok("member", "enable", "ming", "--merchant", "1")
    desk.ok("member", "delete", str(USER), "--yes")
    assert [each["id"] for each in desk.json("member", "list")] == [SITE, FIRST]
    assert desk.json("session", "list", "ming", "--merchant", "1") == []
    assert desk.json("session", "revoke", "ming", "--merchant", "1")["id"] == FIRST


def test_the_trail_of_a_merchant_and_of_its_member(desk: Desk) -> None:
    for of in ((), ("--merchant", "1"), ("--merchant", "2")):
        desk.ok("member", "disable", "ming", *of)
    desk.ok("member", "delete", "ming", "--merchant", "2", "--yes")

    def told(*words: str) -> list[tuple[str, int, int]]:
        lines = map(json.loads, desk.ok("audit", "--json", *words).splitlines())
        return [(line["event"], line["merchant_id"], line["member_id"]) for line in lines]

    assert told("--merchant", "1") == [("member_disabled", 1, FIRST)]
    assert told("ming", "--merchant", "1") == [("member_disabled", 1, FIRST)]
    assert told("--merchant", "2") == [
        ("member_disabled", 2, SECOND), ("member_deleted", 2, SECOND),
    ]  # fmt: skip
    assert told("ming") == told("--merchant", "0") == [
        ("member_added", 0, SITE), ("member_disabled", 0, SITE),
    ]  # fmt: skip
    head, *lines = desk.ok("audit").splitlines()
    place = head.index("MERCHANT")
    assert [line[place : place + 8].strip() for line in lines] == ["", "", "1", "2", "2"]
