"""Texts that databases take differently: every store gives the same answer."""

import pytest

from denglu.domain.member import Identifier, Member, MemberType, NewMember
from denglu.flows.ports import Store, Taken
from tests.store.making import add_member, find


@pytest.mark.parametrize("odd", ["bob\0", "\0", "\ud800bob", "bob\udcff"])
async def test_a_name_that_no_database_can_hold_is_nobodys(store: Store, odd: str) -> None:
    await add_member(store, NewMember(username="bob", email="bob@example.com"))
    for who in (Identifier(odd), Identifier("", email=odd), Identifier("", mobile=odd)):
        assert await find_by(store, who) is None


async def find_by(store: Store, who: Identifier) -> Member | None:
    return await store.read(lambda tx: tx.members.find(0, MemberType.member, who))


@pytest.mark.parametrize(
    "name",
    [
        "Åsa",
        "小明",
        "👩‍🚀🇨🇳",
        "𝔘𝔫𝔦",
        "O'Brien \\ \" %s %(a)s ? $1 :x -- ;",
        "%_",
        "a" * 255,
        "汉" * 255,
        "😀" * 255,
    ],
)
async def test_I15_a_name_comes_back_as_it_was_given(store: Store, name: str) -> None:
    member = await add_member(store, NewMember(username=name, nickname=name[:60]))
    assert (member.username, member.nickname) == (name, name[:60])
    assert await find(store, name) == member


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bob", "bob\u0301"),
        ("i", "ı"),
        ("e", "é"),
        ("ss", "ẞx"),
        ("a", "ａb"),
        ("резюме", "резюмё"),
        ("ab", "a\u00adb"),
        ("a", "a\u200b"),
        ("が", "か"),
        ("は", "ぱ"),
        ("1", "01"),
    ],
)
async def test_I15_names_that_only_look_alike_are_two(store: Store, one: str, other: str) -> None:
    first, second = [await add_member(store, NewMember(username=name)) for name in (one, other)]
    assert await find(store, one) == first
    assert await find(store, other) == second


@pytest.mark.parametrize(
    ("one", "other"),
    [("Bob", "BOB "), ("Straße", "STRASSE"), ("ｂｏｂ", "bob"), ("é", "E\u0301"), ("Σ", "ς")],
)
async def test_I15_spellings_of_one_name_are_one(store: Store, one: str, other: str) -> None:
    member = await add_member(store, NewMember(username=one))
    assert await find(store, other) == member
    with pytest.raises(Taken, match="username"):
        await add_member(store, NewMember(username=other))
