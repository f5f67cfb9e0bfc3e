"""What an import brings, and what it leaves out."""

from dataclasses import replace

import pytest

from denglu.moving.side import MovingTrouble
from denglu.store.rows import WIPED_MEMBER
from tests.importing.rageframe import Rageframe
from tests.importing.small import (
    BCRYPT,
    TERMS,
    books,
    bound,
    bring,
    pass_,
    person,
    rank,
    try_to_bring,
)
from tests.moving.places import Place


def test_members_come_with_their_ids_and_every_column(source: Rageframe, place: Place) -> None:
    source.fill(
        "member", [person(7, nickname="小明🎉", birthday="1990-02-28", mobile="+8613800000001")]
    )
    came = bring(source, place)
    assert came.counts("member") == (1, 0, 0)
    asked = "id, nickname, birthday, mobile, mobile_key, username_key, password_hash, legacy_hash"
    assert place.sql(f"SELECT {asked} FROM member") == [
        (7, "小明🎉", "1990-02-28", "13800000001", "13800000001", "u7", BCRYPT, 1)
    ]


def test_what_is_null_there_is_our_default(source: Rageframe, place: Place) -> None:
    source.sql("INSERT INTO rf_member (id, merchant_id, current_level) VALUES (7, NULL, NULL)")
    bring(source, place)
    assert place.sql("SELECT merchant_id, current_level, nickname, tree FROM member") == [
        (0, 1, "", "")
    ]


def test_accounts_come_to_the_cent(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1), person(2), person(3)])
    source.fill("member_account", [books(8, 2, "-99999999.99"), books(9, 1, "0.01")])
    came = bring(source, place)
    money = "SELECT id, member_id, user_money FROM member_account ORDER BY id"
    # One who has no account gets an empty one.
    assert place.sql(money) == [(1, 1, 1), (2, 2, -9999999999), (3, 3, 0)]
    assert came.report.made == 1
    assert came.of("member_account").by_target == came.of("member_account").by_source
    assert bring(source, place).report.made == 0


def test_what_belongs_to_nobody_is_left_out_with_its_money(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1), person(2, type=2), person(3, type=10)])
    source.fill(
        "member_account",
        [books(1, 1, "1.00"), books(2, 2, "2.00"), books(3, 9, "-4.00"), books(4, 1, "8.00")],
    )
    source.fill("member_auth", [bound(1, 1), bound(2, 2), bound(3, 9)])
    source.fill("api_access_token", [pass_(1, 1), pass_(2, 2), pass_(3, 9)])
    came = bring(source, place)
    assert came.left_out("member") == {"administrator": 2}
    left = came.of("member_account").left_out
    assert {cause: sums.money[0] for cause, sums in left.items()} == {
        "member_left_out": 200,
        "orphan": -400,
        "duplicate": 800,
    }
    for table in ("member_auth", "api_access_token"):
        assert came.left_out(table) == {"member_left_out": 1, "orphan": 1}
        assert came.of(table).new == 1


def test_a_name_of_two_is_the_enabled_ones_and_shown_at_both(
    source: Rageframe, place: Place
) -> None:
    twice = "13800000000"
    source.fill(
        "member",
        [person(1, mobile=twice, status=0), person(2, mobile=twice), person(3, username="U2")],
    )
    came = bring(source, place)
    found = place.sql(
        "SELECT id, mobile, mobile_key, username, username_key FROM member ORDER BY id"
    )
    assert found[:2] == [(1, twice, None, "u1", "u1"), (2, twice, twice, "u2", "u2")]
    assert found[2][3:] == ("U2", None)
    assert came.found("duplicate_mobile") == [{"table": "member", "id": 1, "kept_by": 2}]
    assert came.found("duplicate_username") == [{"table": "member", "id": 3, "kept_by": 2}]


def test_a_deleted_member_keeps_the_id_and_the_books_and_nothing_else(
    source: Rageframe, place: Place
) -> None:
    source.fill("member", [person(1, status=-1, mobile="13800000000"), person(2)])
    source.sql("UPDATE rf_member SET mobile = '13800000000' WHERE id = 2")
    source.fill("member_account", [books(1, 1, "5.00")])
    source.fill("member_auth", [bound(1, 1)])
    source.fill("api_access_token", [pass_(1, 1)])
    came = bring(source, place)
    names = ", ".join(WIPED_MEMBER)
    assert place.sql(f"SELECT {names} FROM member WHERE id = 1") == [tuple(WIPED_MEMBER.values())]
    assert place.sql("SELECT status FROM member WHERE id = 1") == [(-1,)]
    assert place.sql("SELECT mobile_key FROM member WHERE id = 2") == [("13800000000",)]
    assert place.sql("SELECT user_money, status FROM member_account WHERE id = 1") == [(500, -1)]
    assert came.left_out("member_auth") == {"member_deleted": 1}
    assert came.left_out("api_access_token") == {"member_disabled": 1}


def test_who_cannot_log_in_is_told(source: Rageframe, file: Place) -> None:
    source.fill(
        "member",
        [
            person(1, mobile="", username=""),
            person(2, mobile=None, password_hash=""),
            person(3, mobile="0571-88888888", password_hash="md5"),
            person(4, password_hash=""),
            person(5, mobile=None),
            person(6, mobile=None, password_hash="", status=0),
        ],
    )
    came = bring(source, file)
    assert [line["id"] for line in came.found("no_way_in")] == [1, 2, 3]
    assert [line["id"] for line in came.found("password_unknown")] == [3]
    assert [line["id"] for line in came.found("mobile_unknown")] == [3]
    assert file.sql("SELECT mobile, password_hash FROM member WHERE id = 3") == [
        ("0571-88888888", None)
    ]


def test_levels_take_the_place_of_the_one_that_a_fresh_install_has(
    source: Rageframe, place: Place
) -> None:
    source.fill(
        "member_level",
        [
            rank(1, 1, "青铜", discount=None),
            rank(2, 2, "older", status=0),
            rank(3, 2, "银"),
            rank(4, 5, "five", merchant_id=3),
        ],
    )
    source.fill(
        "merchant", [{"id": 3, "title": "三店", "status": 1}, {"id": 4, "title": "四", "status": 1}]
    )
    came = bring(source, place)
    asked = "merchant_id, level, name, money, discount"
    assert place.sql(f"SELECT {asked} FROM member_level ORDER BY merchant_id, level") == [
        (0, 1, "青铜", 105, 1000),
        (0, 2, "银", 105, 950),
        (3, 5, "five", 105, 950),
        (4, 1, "普通会员", 0, 1000),
    ]
    assert came.left_out("member_level") == {"duplicate": 1}
    assert bring(source, place).counts("member_level") == (0, 0, 3)


def test_without_levels_ours_stays(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1)])
    bring(source, place)
    assert place.sql("SELECT merchant_id, level, name FROM member_level") == [(0, 1, "普通会员")]


def test_merchants_come_and_those_that_nothing_describes_are_made(
    source: Rageframe, place: Place
) -> None:
    source.fill("member", [person(1, merchant_id=3), person(2, merchant_id=8)])
    source.fill(
        "merchant",
        [{"id": 3, "title": "三店", "status": 1}, {"id": 5, "title": "三店", "status": -1}],
    )
    came = bring(source, place)
    assert place.sql("SELECT id, name, name_key, status FROM merchant ORDER BY id") == [
        (3, "三店", "三店", 1),
        (5, "三店", None, 0),
        (8, "Merchant 8", None, 1),
    ]
    assert [line["id"] for line in came.found("merchant_made")] == [8]
    source.fill("merchant", [{"id": 8, "title": "八店", "status": 1}])
    assert bring(source, place).counts("merchant") == (1, 0, 2)
    assert place.sql("SELECT name FROM merchant WHERE id = 8") == [("八店",)]


def test_a_merchant_of_our_own_with_that_id_stops_the_import(
    source: Rageframe, file: Place
) -> None:
    source.fill("merchant", [{"id": 3, "title": "三店", "status": 1}])
    file.sql("INSERT INTO merchant (id, name) VALUES (3, 'ours')")
    with pytest.raises(MovingTrouble, match="has a merchant 3 of its own"):
        bring(source, file)


def test_the_merchant_of_a_site_without_others_may_be_the_site(
    source: Rageframe, file: Place
) -> None:
    source.fill("member", [person(1, merchant_id=1), person(2, merchant_id=2)])
    source.fill("member_level", [rank(1, 1, "一", merchant_id=1)])
    source.fill("member_account", [books(1, 1, merchant_id=1)])
    source.fill("merchant", [{"id": 1, "title": "默认", "status": 1}])
    came = bring(source, file, terms=replace(TERMS, site_merchant=1))
    assert file.sql("SELECT id, merchant_id FROM member ORDER BY id") == [(1, 0), (2, 2)]
    assert file.sql("SELECT merchant_id FROM member_account WHERE id = 1") == [(0,)]
    assert file.sql("SELECT name FROM member_level WHERE merchant_id = 0") == [("一",)]
    assert came.left_out("merchant") == {"site_merchant": 1}


def test_ids_and_names_of_our_own_members_stay_theirs(source: Rageframe, place: Place) -> None:
    place.sql(
        "INSERT INTO member (id, tree, username, username_key, mobile, mobile_key)"
        " VALUES (2, '', 'ming', 'ming', '13800000000', '13800000000')"
    )
    place.sql("INSERT INTO member_account (id, member_id, user_money) VALUES (2, 2, 77)")
    source.fill("member", [person(1, username="Ming"), person(2), person(3, mobile="13800000000")])
    source.fill("member_account", [books(1, 2, "3.00"), books(2, 3, "4.00")])
    came = bring(source, place)
    assert came.left_out("member") == {"id_taken": 1}
    assert place.sql("SELECT username FROM member WHERE id = 2") == [("ming",)]
    assert place.sql("SELECT user_money FROM member_account WHERE member_id = 2") == [(77,)]
    assert came.found("username_taken") == [{"table": "member", "id": 1, "kept_by": 2}]
    assert came.found("mobile_taken") == [{"table": "member", "id": 3, "kept_by": 2}]
    # Once the name is free, the next run gives it to whom it belongs.
    place.sql("UPDATE member SET username_key = NULL WHERE id = 2")
    bring(source, place)
    assert place.sql("SELECT username_key FROM member WHERE id = 1") == [("ming",)]


def test_an_account_whose_id_is_in_use_gets_another(
    source: Rageframe, network_place: Place
) -> None:
    place = network_place
    place.sql("INSERT INTO member (id, tree) VALUES (9, '')")
    place.sql("INSERT INTO member_account (id, member_id) VALUES (1, 9)")
    source.fill("member", [person(1)])
    source.fill("member_account", [books(1, 1, "3.00")])
    bring(source, place)
    assert place.sql("SELECT user_money FROM member_account WHERE member_id = 1") == [(300,)]


def test_who_registers_here_next_has_room_below_for_the_source(
    source: Rageframe, network_place: Place
) -> None:
    place = network_place
    source.fill("member", [person(40)])
    bring(source, place)
    place.sql("INSERT INTO member (tree) VALUES ('')")
    place.sql("INSERT INTO member_account (member_id) VALUES (1)")
    assert place.sql("SELECT max(id) FROM member")[0][0] > 10_000
    assert place.sql("SELECT max(id) FROM member_account")[0][0] > 10_000


def test_a_dry_run_says_the_same_and_writes_nothing(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1), person(2, mobile="13000000001"), person(3, type=2)])
    source.fill("member_account", [books(1, 1, "1.00")])
    source.fill("member_level", [rank(1, 1, "青铜")])
    source.fill("member_auth", [bound(1, 1)])
    source.fill("api_access_token", [pass_(1, 1)])
    source.fill("merchant", [{"id": 3, "title": "三店", "status": 1}])
    before = place.everything()
    dry = bring(source, place, dry=True)
    assert place.everything() == before
    real = bring(source, place)
    assert real.lines == dry.lines
    for table in (tally.table for tally in real.report.tallies):
        assert real.counts(table) == dry.counts(table)
        assert real.left_out(table) == dry.left_out(table)


def test_sums_that_do_not_agree_are_found_out(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1)])
    source.fill("member_account", [books(1, 1, "3.00")])
    bring(source, place)
    place.sql("UPDATE member_account SET user_money = user_money + 1")
    came = try_to_bring(source, place)
    assert [tally.table for tally in came.report.tallies if not tally.same] == ["member_account"]


def test_tables_of_another_program_are_refused(source: Rageframe, file: Place) -> None:
    with pytest.raises(MovingTrouble, match=r"has no table shop_member.*--prefix"):
        bring(source, file, prefix="shop_")
    source.sql("ALTER TABLE rf_member DROP COLUMN password_hash")
    with pytest.raises(MovingTrouble, match="rf_member has no column password_hash"):
        bring(source, file)


def test_only_members_need_be_there(source: Rageframe, file: Place) -> None:
    for table in ("member_account", "member_level", "member_auth", "api_access_token", "merchant"):
        source.sql(f"DROP TABLE rf_{table}")
    source.fill("member", [person(1)])
    assert bring(source, file).counts("member") == (1, 0, 0)


def test_bytes_that_are_no_text_come_repaired_and_are_told(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1), person(2)])
    database = source.url.rpartition("/")[2]
    source.server.admin(
        f"SET sql_mode = ''; UPDATE {database}.rf_member"
        " SET nickname = X'61EDA080', realname = X'6100620A' WHERE id = 1"
    )
    came = bring(source, place)
    assert place.sql("SELECT nickname, realname FROM member WHERE id = 1") == [
        ("a" + "\N{REPLACEMENT CHARACTER}" * 3, "ab\n")
    ]
    columns = ["realname", "nickname"]
    assert came.found("repaired") == [{"table": "member", "id": 1, "columns": columns}]


def test_tables_may_be_of_another_encoding(source: Rageframe, file: Place) -> None:
    source.sql("ALTER TABLE rf_member CONVERT TO CHARACTER SET gbk")
    source.fill("member", [person(1, nickname="小明")])
    bring(source, file)
    assert file.sql("SELECT nickname FROM member") == [("小明",)]


def test_amounts_that_cannot_be_held_here_are_found_out(source: Rageframe, file: Place) -> None:
    source.sql("ALTER TABLE rf_member_account MODIFY user_money DECIMAL(10, 3)")
    source.fill("member", [person(1), person(2)])
    source.fill("member_account", [books(1, 1, "1.005"), books(2, 2, "1.005")])
    came = try_to_bring(source, file)
    assert [tally.table for tally in came.report.tallies if not tally.same] == ["member_account"]
    assert [line["columns"] for line in came.found("repaired")] == [["user_money"]] * 2
