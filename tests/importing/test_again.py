"""The second run, and all that follow: only what changed there is touched here."""

from dataclasses import replace

import pytest

from denglu.moving.side import MovingTrouble
from denglu.store.schema import import_mark, token
from tests.importing.rageframe import Rageframe
from tests.importing.small import (
    NOW,
    TERMS,
    books,
    bound,
    bring,
    digest_of,
    pass_,
    person,
    rank,
    text_of,
)
from tests.moving.places import Place

_LATER = text_of(9, "A", NOW - 5), text_of(9, "R", NOW - 5)


def fill(source: Rageframe) -> None:
    """One of everything."""
    source.fill("member", [person(1), person(2)])
    source.fill("member_account", [books(1, 1, "3.00")])
    source.fill("member_level", [rank(1, 1, "青铜")])
    source.fill("member_auth", [bound(1, 1)])
    source.fill("api_access_token", [pass_(1, 1), pass_(2, 2)])
    source.fill("merchant", [{"id": 3, "title": "三店", "status": 1}])


def test_a_second_run_changes_nothing(source: Rageframe, place: Place) -> None:
    fill(source)
    bring(source, place)
    before = place.everything()
    came = bring(source, place)
    assert place.everything() == before
    assert all(came.counts(tally.table)[:2] == (0, 0) for tally in came.report.tallies)


def test_what_changed_there_comes_and_what_changed_here_stays(
    source: Rageframe, place: Place
) -> None:
    fill(source)
    bring(source, place)
    place.sql("UPDATE member SET nickname = 'here', mobile = '1', mobile_key = NULL")
    source.sql("UPDATE rf_member SET nickname = 'there' WHERE id = 2")
    source.sql("UPDATE rf_member_account SET user_money = -7.50")
    source.sql("UPDATE rf_member_level SET name = '黄金'")
    source.sql("UPDATE rf_member_auth SET unionid = 'u'")
    source.sql("UPDATE rf_merchant SET title = '新店'")
    source.fill("member", [person(3)])
    came = bring(source, place)
    assert came.counts("member") == (1, 1, 1)
    assert place.sql("SELECT nickname, mobile FROM member ORDER BY id") == [
        ("here", "1"),
        ("there", "13000000002"),
        ("n3", "13000000003"),
    ]
    assert place.sql("SELECT user_money FROM member_account WHERE member_id = 1") == [(-750,)]
    assert place.sql("SELECT name FROM member_level WHERE merchant_id = 0") == [("黄金",)]
    assert place.sql("SELECT unionid FROM member_auth") == [("u",)]
    assert place.sql("SELECT name, name_key FROM merchant") == [("新店", "新店")]


def test_a_password_that_was_hashed_anew_here_stays_until_it_changes_there(
    source: Rageframe, place: Place
) -> None:
    fill(source)
    bring(source, place)
    place.sql("UPDATE member SET password_hash = 'argon2', legacy_hash = NULL WHERE id = 1")
    source.sql("UPDATE rf_member SET last_time = 99")
    bring(source, place)
    asked = (
        "SELECT password_hash, legacy_hash, password_version, last_time FROM member WHERE id = 1"
    )
    assert place.sql(asked) == [("argon2", None, 0, 99)]
    changed = str(person(1)["password_hash"])[:-1] + "B"
    source.sql("UPDATE rf_member SET password_hash = ?", changed)
    bring(source, place)
    assert place.sql(asked) == [(changed, 1, 1, 99)]


def test_names_change_hands(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1), person(2), person(3), person(4, mobile="13000000003")])
    bring(source, place)
    source.sql("UPDATE rf_member SET mobile = '13000000009' WHERE id = 1")
    source.sql("UPDATE rf_member SET mobile = '13000000001' WHERE id = 2")
    source.sql("UPDATE rf_member SET mobile = '13000000002' WHERE id = 1")
    # Whom the name was kept from has it as soon as the other one cannot log in.
    source.sql("UPDATE rf_member SET status = 0 WHERE id = 3")
    came = bring(source, place)
    assert place.sql("SELECT id, mobile_key FROM member ORDER BY id") == [
        (1, "13000000002"),
        (2, "13000000001"),
        (3, None),
        (4, "13000000003"),
    ]
    assert came.counts("member") == (0, 4, 0)


def test_levels_change_places(source: Rageframe, place: Place) -> None:
    source.fill("member_level", [rank(1, 1, "a"), rank(2, 2, "b"), rank(3, 3, "c")])
    bring(source, place)
    source.sql("UPDATE rf_member_level SET level = 3 - level WHERE id < 3")
    source.sql("UPDATE rf_member_level SET level = 7 WHERE id = 3")
    bring(source, place)
    assert place.sql("SELECT level, name FROM member_level ORDER BY level") == [
        (1, "b"),
        (2, "a"),
        (7, "c"),
    ]
    assert bring(source, place).counts("member_level") == (0, 0, 3)


def test_who_is_disabled_or_deleted_there_is_so_here_with_every_session(
    source: Rageframe, place: Place
) -> None:
    fill(source)
    bring(source, place)
    place.sql("UPDATE session SET device = 'phone', ip = '192.0.2.1'")
    source.sql("UPDATE rf_member SET status = 0 WHERE id = 1")
    source.sql("UPDATE rf_member SET status = -1 WHERE id = 2")
    source.sql("UPDATE rf_member_auth SET member_id = 2")
    came = bring(source, place)
    asked = "SELECT status, nickname, password_version FROM member ORDER BY id"
    assert place.sql(asked) == [(0, "n1", 1), (-1, "", 0)]
    asked = "SELECT end_reason, slot, device, ip FROM session ORDER BY member_id"
    assert place.sql(asked) == [
        ("disabled", None, "phone", "192.0.2.1"),
        ("disabled", None, "", ""),
    ]
    assert place.sql("SELECT * FROM member_auth") == []
    assert came.left_out("member_auth") == {"member_deleted": 1}
    assert came.left_out("api_access_token") == {"member_disabled": 2}


def test_who_was_erased_here_stays_erased(source: Rageframe, place: Place) -> None:
    fill(source)
    bring(source, place)
    place.sql("UPDATE member SET status = -1, nickname = '', mobile_key = NULL WHERE id = 1")
    place.sql("DELETE FROM member_auth")
    source.sql("UPDATE rf_member SET nickname = 'back'")
    source.sql("UPDATE rf_member_auth SET unionid = 'back'")
    source.fill("api_access_token", [pass_(3, 1, "pc")])
    for _ in range(2):
        came = bring(source, place)
        assert came.found("erased_here") == [{"table": "member", "id": 1}]
        assert came.left_out("member_auth") == {"erased_here": 1}
        assert came.left_out("api_access_token") == {"disabled_here": 1}
    assert place.sql("SELECT nickname, mobile_key FROM member WHERE id = 1") == [("", None)]
    assert place.sql("SELECT * FROM member_auth") == []


def test_rows_that_are_gone_there(source: Rageframe, place: Place) -> None:
    fill(source)
    bring(source, place)
    for table in ("member", "member_account", "member_auth", "member_level", "merchant"):
        source.sql(f"DELETE FROM rf_{table} WHERE id = 1 OR id = 3")
    came = bring(source, place)
    gone = {tally.table: len(tally.gone) for tally in came.report.tallies}
    assert gone.pop("api_access_token") == 1
    assert set(gone.values()) == {1}
    # Others' orders point at members and levels; what was unbound is unbound.
    assert place.sql("SELECT id FROM member ORDER BY id") == [(1,), (2,)]
    assert place.sql("SELECT count(*) FROM member_auth") == [(0,)]
    bring(source, place)


def test_a_logout_there_ends_the_session_unless_it_is_ours_by_now(
    source: Rageframe, place: Place
) -> None:
    source.fill("member", [person(1), person(2), person(3)])
    source.fill("api_access_token", [pass_(n, n) for n in (1, 2, 3)])
    bring(source, place)
    place.sql("UPDATE session SET generation = 2 WHERE member_id = 3")
    source.sql("UPDATE rf_api_access_token SET status = 0 WHERE id <> 2")
    source.sql("DELETE FROM rf_api_access_token WHERE id = 2")
    bring(source, place)
    assert place.sql("SELECT member_id, slot, end_reason FROM session ORDER BY member_id") == [
        (1, None, "logged_out"),
        (2, None, "logged_out"),
        (3, 0, None),
    ]
    assert place.sql("SELECT ended_at FROM session WHERE member_id = 1") == [(NOW,)]


def test_a_login_there_takes_the_place_of_the_tokens_that_came_before(
    source: Rageframe, place: Place
) -> None:
    fill(source)
    bring(source, place)
    place.sql("UPDATE session SET generation = 2 WHERE member_id = 2")
    change = "UPDATE rf_api_access_token SET access_token = ?, refresh_token = ? WHERE id = ?"
    source.sql(change, *_LATER, 1)
    # One that refreshed here goes on; the newcomer is another phone.
    source.sql(change, text_of(8, "A"), text_of(8, "R"), 2)
    came = bring(source, place)
    assert came.counts("api_access_token") == (0, 2, 0)
    live = "SELECT member_id, slot, generation FROM session WHERE ended_at IS NULL ORDER BY 1, 2"
    assert place.sql(live) == [(1, 0, 1), (2, 0, 2), (2, 1, 1)]
    (newest,) = place.sql("SELECT id FROM session WHERE ended_at IS NULL AND member_id = 1")[0]
    known = {(bytes(row[0]), row[1]) for row in place.rows(token)}
    assert {(digest_of(text), newest) for text in _LATER} <= known
    assert bring(source, place).counts("api_access_token") == (0, 0, 2)


def test_half_a_pair_may_stay_the_same(source: Rageframe, place: Place) -> None:
    fill(source)
    bring(source, place)
    source.sql("UPDATE rf_api_access_token SET access_token = ? WHERE id = 1", _LATER[0])
    bring(source, place)
    assert place.sql("SELECT count(*) FROM session_token WHERE member_id = 1") == [(3,)]


def test_other_lives_of_tokens_are_corrected(source: Rageframe, place: Place) -> None:
    fill(source)
    bring(source, place)
    bring(source, place, terms=replace(TERMS, access_ttl=100, refresh_ttl=500))
    assert place.sql("SELECT DISTINCT access_expires_at, refresh_expires_at FROM session") == [
        (NOW + 40, NOW + 440)
    ]


def test_tokens_that_came_while_they_were_good_are_counted_when_they_are_over(
    source: Rageframe, place: Place
) -> None:
    fill(source)
    bring(source, place)
    source.fill("member", [person(3)])
    place.sql("DELETE FROM session_token")
    place.sql("DELETE FROM session")
    assert bring(source, place).counts("api_access_token") == (0, 0, 2)


def test_another_source_is_refused_unless_it_is_the_same(source: Rageframe, file: Place) -> None:
    fill(source)
    bring(source, file)
    source.url = source.url.replace("127.0.0.1", "localhost")
    with pytest.raises(MovingTrouble, match="another source"):
        bring(source, file)
    assert bring(source, file, renamed=True).counts("member") == (0, 0, 2)
    assert bring(source, file).counts("member") == (0, 0, 2)


def test_every_mark_says_what_became_of_a_row(source: Rageframe, place: Place) -> None:
    fill(source)
    bring(source, place)
    marks = {(row[0], row[1]): row[4] for row in place.rows(import_mark)}
    (session_id,) = place.sql("SELECT id FROM session WHERE member_id = 1")[0]
    assert marks["token", 1] == session_id
    assert marks["tokens", 0] == NOW - 60 + TERMS.refresh_ttl
    assert (marks["member", 2], marks["account", 1], marks["source", 0]) == (2, 1, 0)


def shop_with_a_user(source: Rageframe, status: int) -> None:
    """A merchant, a user of it who is logged in, and a member of it who is, too."""
    source.fill("merchant", [{"id": 3, "title": "三店", "status": status}])
    source.fill("member", [person(1, type=3, merchant_id=3), person(2, merchant_id=3)])
    source.fill("api_access_token", [pass_(1, 1), pass_(2, 2)])


def test_users_of_a_merchant_that_is_disabled_there_have_no_session(
    source: Rageframe, place: Place
) -> None:
    shop_with_a_user(source, 0)
    for dry in (True, False, False):
        came = bring(source, place, dry=dry)
        assert came.left_out("api_access_token") == {"merchant_disabled": 1}
    assert place.sql("SELECT member_id FROM session") == [(2,)]


@pytest.mark.parametrize("generation", [1, 2])
def test_a_merchant_that_is_disabled_there_shuts_its_users_out_here(
    source: Rageframe, place: Place, generation: int
) -> None:
    shop_with_a_user(source, 1)
    bring(source, place)
    place.sql(f"UPDATE session SET generation = {generation}")
    source.sql("UPDATE rf_merchant SET status = 0")
    came = bring(source, place)
    assert came.left_out("api_access_token") == {"merchant_disabled": 1}
    ended = place.sql("SELECT member_id, end_reason FROM session ORDER BY member_id")
    assert ended == [(1, "disabled"), (2, None)]


def test_a_merchant_that_was_disabled_here_gets_no_new_sessions_of_its_users(
    source: Rageframe, place: Place
) -> None:
    shop_with_a_user(source, 1)
    source.sql("DELETE FROM rf_api_access_token")
    bring(source, place)
    place.sql("UPDATE merchant SET status = 0")
    source.fill("api_access_token", [pass_(1, 1), pass_(2, 2)])
    came = bring(source, place)
    assert came.left_out("api_access_token") == {"disabled_here": 1}
    assert place.sql("SELECT member_id FROM session") == [(2,)]
