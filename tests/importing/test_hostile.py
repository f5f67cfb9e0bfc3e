"""A source that holds what nobody would think of, and runs between which anything may happen."""

from typing import Any

import pytest

from denglu.domain.member import MemberType
from tests.importing.rageframe import Rageframe
from tests.importing.small import (
    books,
    bound,
    bring,
    pass_,
    person,
    rank,
    text_of,
    try_to_bring,
)
from tests.moving.places import Place

_HUGE = 2**63 + 5


def test_without_a_status_nobody_is_enabled_and_without_a_type_nobody_comes(
    source: Rageframe, place: Place
) -> None:
    """RageFrame finds members by status = 1 and a type: never those in whom it is NULL."""
    source.fill(
        "member",
        [person(1, status=None), person(2, type=None), person(3, merchant_id=4, type=3)],
    )
    source.fill("merchant", [{"id": 4, "title": "m", "status": None}])
    source.fill("member_level", [rank(1, 1, "a", status=None), rank(2, 1, "b")])
    source.fill("api_access_token", [pass_(n, n) for n in (1, 2, 3)])
    came = bring(source, place)
    assert place.sql("SELECT id, status FROM member ORDER BY id") == [(1, 0), (3, 1)]
    assert place.sql("SELECT status FROM merchant") == [(0,)]
    assert place.sql("SELECT name FROM member_level WHERE merchant_id = 0") == [("b",)]
    assert came.left_out("member") == {"administrator": 1}
    assert place.sql("SELECT count(*) FROM session") == [(0,)]


def test_a_status_or_type_that_is_none_opens_no_door(source: Rageframe, place: Place) -> None:
    source.sql("ALTER TABLE rf_member MODIFY status BIGINT, MODIFY type VARCHAR(9)")
    source.fill("member", [person(1, status=2**40), person(2, type="x"), person(3)])
    came = bring(source, place)
    assert place.sql("SELECT id, status FROM member ORDER BY id") == [(1, 0), (3, 1)]
    assert came.left_out("member") == {"administrator": 1}


def test_ids_below_one_come_again_without_harm(source: Rageframe, place: Place) -> None:
    source.sql("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
    for table in ("member", "member_account", "member_level", "member_auth", "api_access_token"):
        source.sql(f"ALTER TABLE rf_{table} MODIFY id BIGINT NOT NULL")
    source.fill("member", [person(n, mobile=f"1300000000{n + 5}") for n in (-4, 0, 1, 2, 3)])
    source.fill("member_account", [books(n, n + 5, "1.00") for n in (-4, -3, -2)])
    source.fill("member_account", [books(5, 0, "1.00"), books(6, -4, "1.00")])
    source.fill("member_level", [rank(n, n + 7, "l") for n in (-2, 0, 1)])
    source.fill("member_auth", [bound(n, n + 5) for n in (-4, -3, -2)])
    source.fill("api_access_token", [pass_(n, n + 5, **_pair(n + 5)) for n in (-4, -3, -2)])
    first = bring(source, place)
    assert first.left_out("member") == {"no_id": 2}
    assert first.left_out("member_account") == {"member_left_out": 2}
    again = bring(source, place)
    assert all(again.counts(tally.table)[:2] == (0, 0) for tally in again.report.tallies)


def _pair(number: int) -> dict[str, Any]:
    return {"access_token": text_of(number, "a"), "refresh_token": text_of(number, "r")}


def test_a_member_without_an_id_keeps_no_name_from_others(source: Rageframe, place: Place) -> None:
    source.sql("ALTER TABLE rf_member MODIFY id BIGINT NOT NULL")
    source.fill("member", [person(-4, mobile="13000000009"), person(1, mobile="13000000009")])
    came = bring(source, place)
    assert place.sql("SELECT id, mobile_key FROM member") == [(1, "13000000009")]
    assert came.found("duplicate_mobile") == []


def test_numbers_and_amounts_beyond_ours_are_told_and_stop_nothing(
    source: Rageframe, place: Place
) -> None:
    source.sql("ALTER TABLE rf_member MODIFY visit_count BIGINT UNSIGNED, MODIFY pid BIGINT")
    source.sql("ALTER TABLE rf_member_account MODIFY user_money DECIMAL(40, 2)")
    source.sql("ALTER TABLE rf_member_account MODIFY user_integral BIGINT UNSIGNED")
    source.fill("member", [person(1, visit_count=_HUGE, pid=-(2**60))])
    source.fill("member", [person(2)])
    source.fill(
        "member_account",
        [books(1, 1, "9" * 30 + ".99", user_integral=_HUGE)],
    )
    source.fill("member_account", [books(2, 2, "7.00")])
    came = try_to_bring(source, place)
    asked = "SELECT member_id, user_money, user_integral FROM member_account ORDER BY 1"
    assert place.sql(asked) == [(1, 0, 0), (2, 700, 0)]
    assert not came.of("member_account").same
    assert {line["table"] for line in came.found("repaired")} == {"member", "member_account"}


def test_the_account_that_counts_may_be_another_one_each_time(
    source: Rageframe, place: Place
) -> None:
    source.fill("member", [person(1), person(2)])
    source.fill("member_account", [books(5, 1, "5.00"), books(7, 2, "2.00")])
    bring(source, place)
    source.fill("member_account", [books(3, 1, "3.00")])
    came = bring(source, place)
    assert came.left_out("member_account") == {"duplicate": 1}
    assert place.sql("SELECT user_money FROM member_account ORDER BY member_id") == [(300,), (200,)]
    source.sql("DELETE FROM rf_member_account WHERE id = 3")
    bring(source, place)
    assert place.sql("SELECT user_money FROM member_account ORDER BY member_id") == [(500,), (200,)]
    source.sql("UPDATE rf_member_account SET member_id = 3 - member_id WHERE id = 7")
    bring(source, place)


def test_a_level_that_was_made_anew_takes_the_place_of_the_old_one(
    source: Rageframe, place: Place
) -> None:
    source.fill("member_level", [rank(1, 1, "a"), rank(2, 2, "b")])
    bring(source, place)
    source.sql("DELETE FROM rf_member_level WHERE id = 1")
    source.fill("member_level", [rank(9, 1, "c", money="7.77"), rank(10, 2, "d")])
    bring(source, place)
    source.sql("UPDATE rf_member_level SET status = 0 WHERE id = 2")
    bring(source, place)
    asked = "SELECT level, name FROM member_level WHERE merchant_id = 0 ORDER BY level"
    assert place.sql(asked) == [(1, "c"), (2, "d")]
    source.sql("UPDATE rf_member_level SET status = 1 WHERE id = 2")
    bring(source, place)
    assert place.sql(asked) == [(1, "c"), (2, "b")]


def test_who_was_disabled_for_a_while_has_the_session_again(
    source: Rageframe, place: Place
) -> None:
    source.fill("member", [person(1)])
    source.fill("api_access_token", [pass_(1, 1)])
    bring(source, place)
    for status, live in ((0, 0), (1, 1), (0, 0), (1, 1)):
        source.sql(f"UPDATE rf_member SET status = {status}")
        bring(source, place)
        assert place.sql("SELECT count(*) FROM session WHERE slot IS NOT NULL") == [(live,)]
    for status, live in ((0, 0), (1, 1)):
        source.sql(f"UPDATE rf_api_access_token SET status = {status}")
        bring(source, place)
        assert place.sql("SELECT count(*) FROM session WHERE slot IS NOT NULL") == [(live,)]
    assert place.sql("SELECT count(*) FROM session_token") == [(2,)]


def test_one_token_is_one_session_whatever_rows_say(source: Rageframe, place: Place) -> None:
    source.sql("ALTER TABLE rf_api_access_token DROP KEY access_token, DROP KEY refresh_token")
    source.fill("member", [person(1), person(2)])
    same = pass_(1, 1)
    source.fill("api_access_token", [same, same | {"id": 2, "member_id": 2}])
    crossed: dict[str, Any] = {
        "access_token": same["refresh_token"],
        "refresh_token": text_of(3, "r"),
    }
    source.fill("api_access_token", [pass_(3, 2, **crossed), pass_(4, 2)])
    for _ in range(2):
        came = bring(source, place)
        assert came.left_out("api_access_token") == {"duplicate": 2}
        assert place.sql("SELECT member_id FROM session ORDER BY member_id") == [(1,), (2,)]
    # The row is another one, and the tokens are the same: they are good, unless spent here.
    for generation, left in ((1, {"duplicate": 2}), (2, {"duplicate": 2, "refreshed_here": 1})):
        place.sql(f"UPDATE session SET generation = {generation} WHERE member_id = 2")
        source.sql("UPDATE rf_api_access_token SET id = id + 100 WHERE id IN (4, 104)")
        assert bring(source, place).left_out("api_access_token") == left
        live = "SELECT member_id, generation FROM session WHERE slot IS NOT NULL ORDER BY 1"
        assert place.sql(live) == [(1, 1), (2, generation)]


def test_blanks_around_a_group_are_no_part_of_it(source: Rageframe, place: Place) -> None:
    """MySQL takes both for the same key."""
    source.fill("member", [person(1)])
    groups = ("oldKiosk", "oldKiosk ", " oldKiosk", "   ")
    source.fill("api_access_token", [pass_(n, 1, group) for n, group in enumerate(groups, 1)])
    came = bring(source, place)
    assert place.sql("SELECT client_group, slot FROM session ORDER BY slot") == [
        ("oldKiosk", slot) for slot in range(3)
    ]
    assert came.left_out("api_access_token") == {"malformed": 1}


@pytest.mark.parametrize("change", ["type = 3", "merchant_id = 5"])
def test_who_is_somebody_else_by_now_has_no_session_as_before(
    source: Rageframe, place: Place, change: str
) -> None:
    source.fill("member", [person(1)])
    source.fill("member_account", [books(1, 1)])
    source.fill("api_access_token", [pass_(1, 1)])
    bring(source, place)
    source.sql(f"UPDATE rf_member SET {change}")
    bring(source, place)
    asked = "SELECT member_type, merchant_id FROM {}"
    (now,) = place.sql("SELECT type, merchant_id FROM member")
    assert place.sql(asked.format("member_account")) == [now]
    assert place.sql(asked.format("session") + " WHERE slot IS NOT NULL") == [now]
    assert now[0] in tuple(MemberType)


def test_a_table_that_cannot_be_seen_any_more_ends_nothing(source: Rageframe, place: Place) -> None:
    """Such as after a right was taken from the user who reads."""
    source.fill("member", [person(1)])
    source.fill("member_auth", [bound(1, 1)])
    source.fill("api_access_token", [pass_(1, 1)])
    bring(source, place)
    for table in ("api_access_token", "member_auth"):
        source.sql(f"RENAME TABLE rf_{table} TO elsewhere_{table}")
    came = try_to_bring(source, place)
    assert place.sql("SELECT count(*) FROM session WHERE slot IS NOT NULL") == [(1,)]
    assert place.sql("SELECT count(*) FROM member_auth") == [(1,)]
    assert not came.report.same
    missing = [line["table"] for line in came.found("table_missing")]
    assert missing == ["member_auth", "api_access_token"]


def test_a_table_of_the_same_name_in_other_letters_is_none_of_theirs(
    source: Rageframe, file: Place
) -> None:
    source.sql("CREATE TABLE RF_MEMBER (x INT)")
    source.fill("member", [person(1)])
    bring(source, file)


def test_views_do_as_well_as_tables(source: Rageframe, file: Place) -> None:
    source.fill("member", [person(1)])
    source.fill("member_account", [books(1, 1, "0.05")])
    for table in ("member", "member_account"):
        source.sql(f"CREATE VIEW v_{table} AS SELECT * FROM rf_{table}")
    came = bring(source, file, prefix="v_")
    assert came.counts("member_account") == (1, 0, 0)


def test_names_that_are_one_only_when_folded(source: Rageframe, place: Place) -> None:
    source.sql("ALTER TABLE rf_member MODIFY username VARCHAR(60) COLLATE utf8mb4_bin")
    names = ["Straße", "STRASSE", "ﬁlip", "FILIP ", " 小明", "小明", "Ａｎｎ", "ann", "13000000001"]
    rows = [person(n, username=name) for n, name in enumerate(names, 1)]
    source.fill(
        "member", [row | {"email": "İ@x.cn" if row["id"] in (3, 5) else None} for row in rows]
    )
    for _ in range(2):
        came = bring(source, place)
    keys = place.sql("SELECT username_key FROM member ORDER BY id")
    assert [key for (key,) in keys] == [
        "strasse", None, "filip", None, "小明", None, "ann", None, "13000000001",
    ]  # fmt: skip
    assert [line["id"] for line in came.found("duplicate_username")] == [2, 4, 6, 8]
    assert [line["id"] for line in came.found("duplicate_email")] == [5]


def test_a_username_that_is_another_ones_mobile_is_told(source: Rageframe, file: Place) -> None:
    """Whoever types a number is looked for by mobile first."""
    source.fill("member", [person(1, username="13000000002"), person(2, username="13000000002 ")])
    source.fill("member", [person(3, username="13000000003"), person(4, username="13000000009")])
    came = bring(source, file)
    assert [line["id"] for line in came.found("username_is_mobile")] == [1]


@pytest.mark.parametrize("encoding", ["utf8mb3", "latin1", "ucs2", "big5"])
def test_every_encoding_is_read(source: Rageframe, file: Place, encoding: str) -> None:
    text = "Zoé" if encoding == "latin1" else "小明"
    source.sql(f"ALTER TABLE rf_member CONVERT TO CHARACTER SET {encoding}")
    source.fill("member", [person(1, nickname=text, username="a\\'b\"c")])
    bring(source, file)
    assert file.sql("SELECT nickname, username FROM member") == [(text, "a\\'b\"c")]


def test_the_zero_day_and_worse(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(n) for n in (1, 2, 3)])
    name = source.url.rpartition("/")[2]
    source.server.admin(
        f"SET sql_mode = 'ALLOW_INVALID_DATES'; UPDATE {name}.rf_member SET birthday = "
        "ELT(id, '0000-00-00', '1999-00-00', '2001-02-31')"
    )
    came = bring(source, place)
    assert place.sql("SELECT birthday FROM member") == [(None,)] * 3
    assert [line["id"] for line in came.found("repaired")] == [2, 3]
