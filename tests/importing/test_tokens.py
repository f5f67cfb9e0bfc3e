"""Tokens of phones become sessions here."""

from dataclasses import replace

from denglu.domain.groups import Group, Groups
from tests.importing.rageframe import Rageframe
from tests.importing.small import NOW, TERMS, bring, digest_of, pass_, person, text_of
from tests.moving.places import Place

_DAY = 86400


def test_a_pair_is_a_session_that_lasts_as_long_as_it_would_have(
    source: Rageframe, place: Place
) -> None:
    source.fill("member", [person(7, merchant_id=3, type=3)])
    made = NOW - 3600
    tokens = {"access_token": text_of(1, "a", made), "refresh_token": text_of(1, "r", made)}
    source.fill("api_access_token", [pass_(1, 7, **tokens)])
    bring(source, place)
    asked = (
        "merchant_id, member_id, member_type, client_group, slot, generation, access_expires_at,"
        " refresh_expires_at, absolute_expires_at, created_at, rotated_at, ended_at"
    )
    lives = (made + 7200, made + 30 * _DAY, made + 90 * _DAY)
    assert place.sql(f"SELECT {asked} FROM session") == [
        (3, 7, 3, "iOS", 0, 1, *lives, made, made, None)
    ]
    found = place.sql("SELECT kind, digest, generation, member_id FROM session_token ORDER BY kind")
    assert [(row[0], bytes(row[1]), *row[2:]) for row in found] == [
        (1, digest_of(tokens["access_token"]), 1, 7),
        (2, digest_of(tokens["refresh_token"]), 1, 7),
    ]
    (nonce,) = place.sql("SELECT nonce FROM session")[0]
    assert len(nonce) == 16


def test_no_token_is_anywhere_in_the_clear(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1)])
    source.fill("api_access_token", [pass_(1, 1)])
    bring(source, place)
    said = repr(place.everything())
    assert text_of(1, "a") not in said
    assert text_of(1, "r") not in said


def test_several_of_one_member_in_one_place_all_live_on(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1)])
    groups = ("wechatMini", "tinyShopWechatMini", "tinyShopMiniProgram", "pc")
    source.fill("api_access_token", [pass_(n, 1, group) for n, group in enumerate(groups, 1)])
    came = bring(source, place)
    assert place.sql("SELECT client_group, slot FROM session ORDER BY client_group, slot") == [
        ("pc", 0),
        ("wechatMini", 0),
        ("wechatMini", 1),
        ("wechatMini", 2),
    ]
    assert came.found("group_unknown") == []


def test_a_place_that_is_taken_here_is_left_to_who_has_it(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1)])
    source.fill("api_access_token", [pass_(1, 1)])
    bring(source, place)
    (first,) = place.sql("SELECT id FROM session")[0]
    source.fill("api_access_token", [pass_(2, 1)])
    bring(source, place)
    slots = place.sql("SELECT slot, id = (SELECT min(id) FROM session) FROM session ORDER BY slot")
    assert [(slot, bool(is_first)) for slot, is_first in slots] == [(0, True), (1, False)]
    assert place.sql("SELECT min(id) FROM session") == [(first,)]


def test_an_unknown_group_keeps_its_name_and_is_told(source: Rageframe, file: Place) -> None:
    source.fill("member", [person(1)])
    source.fill("api_access_token", [pass_(1, 1, "oldKiosk"), pass_(2, 1, "newKiosk")])
    source.fill("api_access_token", [pass_(3, 1, "k" * 51), pass_(4, 1, "")])
    groups = Groups((Group("kiosk", "Kiosk"),), folded=True, aliases={"newKiosk": "kiosk"})
    came = bring(source, file, terms=replace(TERMS, groups=groups))
    assert file.sql("SELECT client_group FROM session ORDER BY id") == [("oldKiosk",), ("kiosk",)]
    assert [line["group"] for line in came.found("group_unknown")] == ["oldKiosk"]
    assert came.left_out("api_access_token") == {"malformed": 2}


def test_what_is_good_for_nothing_is_left_out(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1), person(2, status=0)])
    over = NOW - 30 * _DAY
    source.fill(
        "api_access_token",
        [
            pass_(1, 1, status=0),
            pass_(2, 2),
            pass_(3, 1, refresh_token=text_of(3, "r", over)),
            pass_(4, 1, access_token=None, refresh_token=None),
            pass_(5, 1, access_token="short"),
            pass_(6, 1, refresh_token=text_of(6, "r").replace("r", "é", 1)),
            # The last second in which a refresh would have done.
            pass_(7, 1, refresh_token=text_of(7, "r", over + 1)),
        ],
    )
    came = bring(source, place)
    assert came.left_out("api_access_token") == {
        "not_live": 1,
        "member_disabled": 1,
        "expired": 1,
        "malformed": 3,
    }
    assert place.sql("SELECT refresh_expires_at FROM session") == [(NOW + 1,)]


def test_a_token_from_the_future_lasts_no_longer_than_one_of_now(
    source: Rageframe, file: Place
) -> None:
    source.fill("member", [person(1)])
    tokens = {
        "access_token": text_of(1, "a", NOW + _DAY),
        "refresh_token": "r" * 32 + "_9999999999",
    }
    source.fill("api_access_token", [pass_(1, 1, **tokens)])
    bring(source, file)
    asked = "SELECT created_at, access_expires_at, refresh_expires_at FROM session"
    assert file.sql(asked) == [(NOW, NOW + 7200, NOW + 30 * _DAY)]
