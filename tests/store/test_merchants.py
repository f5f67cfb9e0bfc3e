"""Merchants, and their users: one list over all merchants."""

from dataclasses import replace

import pytest

from denglu.domain.member import Member, MemberType, NewMember, Status, read_identifier
from denglu.flows.ports import Store, Taken
from tests.store.files import Sql
from tests.store.making import MOBILE, NOW, add_member, find

USER = MemberType.merchant_user
BOB = NewMember("Bob", MOBILE, "Bob@Example.com", type=USER)


async def add_merchant(store: Store, name: str = "月光书店") -> int:
    return await store.write(lambda tx: tx.merchants.add(name, NOW))


async def find_user(store: Store, name: str) -> Member | None:
    """Who is found among the users of all merchants."""
    who = read_identifier(name)
    return await store.read(lambda tx: tx.members.find(0, USER, who))


async def set_status(store: Store, merchant_id: int, status: Status) -> bool:
    return await store.write(lambda tx: tx.merchants.set_status(merchant_id, status, NOW + 1))


async def test_a_new_merchant_is_enabled_and_has_a_first_level(store: Store, sql: Sql) -> None:
    merchant_id = await add_merchant(store)
    merchant = await store.read(lambda tx: tx.merchants.get(merchant_id))
    assert merchant is not None
    assert (merchant.name, merchant.enabled, merchant.created_at) == ("月光书店", True, NOW)
    levels = sql(f"select level, name, discount from member_level where merchant_id={merchant_id}")
    assert [tuple(row) for row in levels] == [(1, "普通会员", 1000)]
    member = await add_member(store, NewMember(username="ming", merchant_id=merchant_id))
    assert member.member_level is not None
    assert member.member_level.merchant_id == merchant_id


@pytest.mark.parametrize("name", ["Moon Books", " moon BOOKS ", "Ｍoon Books", "1"])
async def test_a_merchant_is_found_by_every_spelling_of_its_name_and_by_its_id(
    store: Store, name: str
) -> None:
    await add_merchant(store, "Moon Books")
    found = await store.read(lambda tx: tx.merchants.find(name))
    assert found is not None
    assert found.id == 1


@pytest.mark.parametrize(
    "name", ["", "0", "2", "moon", "-1", "１", "9" * 19, "9" * 30, "a\0b", "\ud800"]
)
async def test_whatever_is_only_like_it_finds_no_merchant(store: Store, name: str) -> None:
    await add_merchant(store, "Moon Books")
    assert await store.read(lambda tx: tx.merchants.find(name)) is None


async def test_a_merchants_name_in_use_is_taken_in_every_spelling(store: Store) -> None:
    await add_merchant(store, "Moon Books")
    with pytest.raises(Taken) as taken:
        await add_merchant(store, "MOON books")
    assert taken.value.field == "name"
    assert len(await store.read(lambda tx: tx.merchants.page(0, 10))) == 1


async def test_merchants_are_listed_by_id_in_pages(store: Store) -> None:
    ids = [await add_merchant(store, name) for name in ("zoo", "ant", "bee")]
    assert [m.id for m in await store.read(lambda tx: tx.merchants.page(0, 2))] == ids[:2]
    assert [m.id for m in await store.read(lambda tx: tx.merchants.page(ids[1], 2))] == ids[2:]


async def test_a_merchant_is_disabled_and_enabled_once_each(store: Store) -> None:
    ours, other = await add_merchant(store), await add_merchant(store, "other")
    assert not await set_status(store, ours, Status.enabled)
    assert await set_status(store, ours, Status.disabled)
    assert not await set_status(store, ours, Status.disabled)
    merchants = await store.read(lambda tx: tx.merchants.page(0, 9))
    assert [(each.id, each.status) for each in merchants] == [(ours, 0), (other, 1)]
    assert await set_status(store, ours, Status.enabled)
    assert not await set_status(store, 9, Status.disabled)


@pytest.mark.parametrize("name", ["bob", " BOB ", MOBILE, "+86 138-0000-0000", "bob@EXAMPLE.com"])
async def test_a_user_is_found_by_every_name_whoever_the_merchant_is(
    store: Store, name: str
) -> None:
    await add_merchant(store)
    owner = await add_merchant(store, "other")
    user = await add_member(store, replace(BOB, merchant_id=owner))
    assert user.merchant_id == owner
    assert await find_user(store, name) == user


async def test_a_user_of_the_site_itself_is_found_too(store: Store) -> None:
    user = await add_member(store, BOB)
    assert await find_user(store, "bob") == user


async def test_users_and_members_with_the_same_names_never_meet(store: Store) -> None:
    owner = await add_merchant(store)
    member = await add_member(store, replace(BOB, type=MemberType.member))
    theirs = await add_member(store, replace(BOB, type=MemberType.member, merchant_id=owner))
    assert await find_user(store, "bob") is None
    user = await add_member(store, replace(BOB, merchant_id=owner))
    for name in ("bob", MOBILE, "bob@example.com"):
        for merchant_id, found in ((0, member), (owner, theirs)):
            assert await find(store, name, merchant_id) == found
        assert await find_user(store, name) == user


async def test_by_name_the_users_of_a_disabled_merchant_are_seen_as_disabled(store: Store) -> None:
    owner, other = await add_merchant(store), await add_merchant(store, "other")
    user = await add_member(store, replace(BOB, merchant_id=owner))
    await add_member(store, NewMember(username="eve", type=USER, merchant_id=other))
    await set_status(store, owner, Status.disabled)
    assert await find_user(store, "bob") == replace(user, status=Status.disabled)
    assert (await find_user(store, "eve") or user).enabled
    assert await store.read(lambda tx: tx.merchants.users(owner, 0, 9)) == [user]
    await set_status(store, owner, Status.enabled)
    assert await find_user(store, "bob") == user


async def test_deleted_users_are_found_and_listed_no_more(store: Store) -> None:
    owner = await add_merchant(store)
    user = await add_member(store, replace(BOB, merchant_id=owner))
    await store.write(lambda tx: tx.members.set_status(user.id, Status.deleted, NOW))
    assert await find_user(store, "bob") is None
    assert await store.read(lambda tx: tx.merchants.users(owner, 0, 9)) == []


async def test_the_users_of_a_merchant_are_listed_by_id_in_pages(store: Store) -> None:
    owner, other = await add_merchant(store), await add_merchant(store, "other")
    await add_member(store, NewMember(username="member", merchant_id=owner))
    await add_member(store, NewMember(username="stranger", type=USER, merchant_id=other))
    names = ("zoe", "ann", "bob")
    users = [
        await add_member(store, NewMember(username=name, type=USER, merchant_id=owner))
        for name in names
    ]
    assert await store.read(lambda tx: tx.merchants.users(owner, 0, 2)) == users[:2]
    assert await store.read(lambda tx: tx.merchants.users(owner, users[1].id, 2)) == users[2:]


async def test_the_visit_of_a_user_counts_only_while_the_merchant_is_enabled(
    store: Store,
) -> None:
    owner = await add_merchant(store)
    user = await add_member(store, replace(BOB, merchant_id=owner))
    of_site = await add_member(store, NewMember(username="eve", type=USER))
    member = await add_member(store, NewMember(username="ming", merchant_id=owner))

    async def visits(who: Member) -> bool:
        return await store.write(lambda tx: tx.members.visit(who, NOW, "203.0.113.7"))

    assert await visits(user)
    await set_status(store, owner, Status.disabled)
    assert not await visits(user)
    # Of the site's own users, and of a merchant's members, something else decides.
    assert await visits(of_site)
    assert await visits(member)


async def test_a_name_that_no_database_can_hold_finds_no_user(store: Store) -> None:
    for name in ("a\0b", "\ud800"):
        assert await find_user(store, name) is None
