"""Names: one key for every spelling, and a promoter code for every member."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from denglu.domain.member import (
    SITE,
    Identifier,
    MemberType,
    Namespace,
    NewMember,
    Status,
    default_nickname,
    name_key,
    promoter_code,
    read_id,
    read_identifier,
)
from denglu.domain.mobile import mask_mobile
from tests.domain.people import MEMBER

MOBILE = "13800000000"


@pytest.mark.parametrize(
    "spelling", ["bob", "Bob", "BOB ", "\u3000bob", "Ｂｏｂ", "ⓑⓞⓑ", "\tbob\n", "𝐛𝐨𝐛"]
)
def test_I15_spellings_of_one_name_have_one_key(spelling: str) -> None:
    assert name_key(spelling) == "bob"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("i", "ı"),
        ("I", "ı"),
        ("i", "İ"),
        ("e", "é"),
        ("o", "0"),
        ("bob", "b ob"),
        ("bob", "bob\u200b"),
        ("mike", "miкe"),
    ],
)
def test_I15_different_names_have_different_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("é", "e\u0301"), ("ß", "SS"), ("Σ", "ς"), ("\u212a", "k"), ("ﬁ", "FI"), ("Å", "\u212b")],
)
def test_I15_one_letter_written_in_two_ways_is_one_letter(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@given(st.text(max_size=20))
def test_I15_a_key_is_its_own_key(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@given(st.text(max_size=20))
def test_I15_case_and_blanks_around_never_matter(name: str) -> None:
    assert name_key(f" {name.swapcase().swapcase()}\t") == name_key(name.swapcase().swapcase())


@pytest.mark.parametrize(
    ("raw", "identifier"),
    [
        ("Bob", Identifier("bob")),
        (MOBILE, Identifier(MOBILE, mobile=MOBILE)),
        ("+86 138-0000-0000", Identifier("+86 138-0000-0000", mobile=MOBILE)),
        ("Bob@Example.com ", Identifier("bob@example.com", email="bob@example.com")),
        ("", Identifier("")),
    ],
)
def test_a_login_name_is_read_as_what_it_may_be(raw: str, identifier: Identifier) -> None:
    assert read_identifier(raw) == identifier


@pytest.mark.parametrize(
    ("spellings", "canonical"),
    [
        ([MOBILE, "+8613800000000", " 138 0000 0000"], MOBILE),
        (["Bob@Example.com", "bob@example.com ", "ＢＯＢ@example.com"], "bob@example.com"),
        (["Bob", " bob", "BOB"], "bob"),
    ],
)
def test_P07_every_spelling_is_counted_under_one_text(spellings: list[str], canonical: str) -> None:
    assert {read_identifier(raw).canonical for raw in spellings} == {canonical}


@pytest.mark.parametrize(
    ("raw", "number"),
    [("1", 1), ("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)]
    + [(raw, None) for raw in ("", " 1", "-1", "+1", "1.0", "１", "²", "9" * 19, "one")],
)
def test_an_id_is_read_from_digits_that_the_store_can_hold(raw: str, number: int | None) -> None:
    assert read_id(raw) == number


def test_promoter_codes_are_different_for_different_members() -> None:
    assert len({promoter_code(member_id) for member_id in range(100_000)}) == 100_000


@pytest.mark.parametrize(
    ("member_id", "code"),
    [(1, "9MQVZ52V"), (2, "8Z6GRZTH"), (1_000_000, "AQHEMRW9"), (2**41 - 1, "BWTNJEHN")],
)
def test_a_promoter_code_stays_what_it_was(member_id: int, code: str) -> None:
    assert promoter_code(member_id) == code


@given(st.integers(0, 2**40 - 1), st.integers(0, 2**40 - 1))
def test_promoter_codes_of_any_two_members_differ(one: int, other: int) -> None:
    assert (promoter_code(one) == promoter_code(other)) == (one == other)


@given(st.integers(0, 2**63 - 1))
def test_a_promoter_code_can_be_read_out_on_the_telephone(member_id: int) -> None:
    code = promoter_code(member_id)
    assert len(code) == 8
    assert set(code) <= set("ABCDEFGHJKLMNPQRSTUVWXYZ23456789")


def test_L01_a_member_shows_no_hash() -> None:
    assert "canary" in str(MEMBER.password_hash)
    assert "canary" not in repr(MEMBER)
    assert "canary" not in repr(NewMember(password_hash="canary"))


@pytest.mark.parametrize("status", Status)
def test_only_the_enabled_status_is_enabled(status: Status) -> None:
    assert replace(MEMBER, status=status).enabled == (status == 1)


def test_members_without_a_nickname_are_called_by_number_or_id() -> None:
    assert default_nickname(MOBILE, 7) == "用户_0000"
    assert default_nickname("", 7) == "用户_7"


@pytest.mark.parametrize(
    ("merchant_id", "member_type", "namespace", "tag", "kept"),
    [
        (0, MemberType.member, SITE, "", "138****0000"),
        (7, MemberType.member, Namespace(7, 1), "@7.1", "138****0000"),
        (0, MemberType.merchant_user, Namespace(0, 3), "@0.3", "138****0000 merchant"),
        (7, MemberType.merchant_user, Namespace(0, 3), "@0.3", "138****0000 merchant"),
    ],
)
def test_I15_names_are_a_merchants_or_one_list_of_users(
    merchant_id: int, member_type: MemberType, namespace: Namespace, tag: str, kept: str
) -> None:
    found = replace(MEMBER, merchant_id=merchant_id, type=member_type).namespace
    assert (found, found.tag, found.marked(mask_mobile(MOBILE))) == (namespace, tag, kept)
    assert len(kept) <= 20  # the room in codes and messages
