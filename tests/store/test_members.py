"""Members: what a new one has, by which names each is found, and what guards every change."""

from dataclasses import replace
from decimal import Decimal

import pytest

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.member import Member, MemberType, NewMember, Status, promoter_code
from denglu.flows.ports import Store, Taken
from tests.store.files import Sql
from tests.store.making import MOBILE, NOW, add_member, find, member_of

ZERO = Decimal("0.00")


async def test_a_new_member_has_an_account_the_first_level_and_a_promoter_code(
    store: Store,
) -> None:
    new = NewMember("Bob", MOBILE, "Bob@Example.com", "鲍勃", "$argon2id$x", source="h5")
    member = await add_member(store, new)

    assert (member.username, member.mobile, member.email) == ("Bob", MOBILE, "Bob@Example.com")
    assert (member.nickname, member.source, member.password_hash) == ("鲍勃", "h5", "$argon2id$x")
    assert (member.created_at, member.updated_at) == (NOW, NOW)
    assert (member.status, member.type, member.merchant_id, member.birthday) == (1, 1, 0, None)
    assert (member.visit_count, member.last_time, member.last_ip) == (0, 0, "")
    assert member.promoter_code == promoter_code(member.id)
    assert member.account is not None
    assert (member.account.member_id, member.account.user_money) == (member.id, ZERO)
    assert member.account.status == 1
    assert member.member_level is not None
    assert (member.member_level.level, member.member_level.name) == (1, "普通会员")
    assert member.member_level.discount == Decimal("10.00")


@pytest.mark.parametrize(
    ("new", "nickname"),
    [(NewMember(mobile=MOBILE), "用户_0000"), (NewMember(username="bob"), "用户_1")],
)
async def test_a_member_without_a_nickname_gets_one(
    store: Store, new: NewMember, nickname: str
) -> None:
    assert (await add_member(store, new)).nickname == nickname


@pytest.mark.parametrize(
    "name", ["Bob", "bob", " BOB ", "Ｂｏｂ", MOBILE, "+86 138-0000-0000", "bob@EXAMPLE.com"]
)
async def test_a_member_is_found_by_every_spelling_of_every_name(store: Store, name: str) -> None:
    member = await add_member(store, NewMember("Bob", MOBILE, "Bob@Example.com"))
    assert await find(store, name) == member


@pytest.mark.parametrize("name", ["", "bo", "bobb", "b%b", "13800000001", "bob@example.co"])
async def test_a_name_that_is_only_like_it_finds_nobody(store: Store, name: str) -> None:
    await add_member(store, NewMember("Bob", MOBILE, "Bob@Example.com"))
    assert await find(store, name) is None


async def test_a_mobile_is_looked_for_before_a_username(store: Store) -> None:
    await add_member(store, NewMember(username=MOBILE))
    owner = await add_member(store, NewMember(mobile=MOBILE))
    assert await find(store, MOBILE) == owner


@pytest.mark.parametrize(
    ("rival", "field"),
    [
        (NewMember(username="BOB"), "username"),
        (NewMember(username=" Ｂｏｂ\u3000"), "username"),
        (NewMember(mobile=MOBILE), "mobile"),
        (NewMember(email="BOB@EXAMPLE.COM"), "email"),
    ],
)
async def test_I15_a_name_in_use_is_taken_in_every_spelling(
    store: Store, sql: Sql, rival: NewMember, field: str
) -> None:
    await add_member(store, NewMember("Bob", MOBILE, "Bob@Example.com"))
    with pytest.raises(Taken) as taken:
        await add_member(store, rival)
    assert taken.value.field == field
    assert sql("select count(*) from member") == sql("select count(*) from member_account")


async def test_members_without_a_name_are_not_in_each_others_way(store: Store) -> None:
    first = await add_member(store, NewMember())
    assert (await add_member(store, NewMember())).id != first.id


@pytest.mark.parametrize(
    "elsewhere",
    [
        NewMember(username="bob", merchant_id=5),
        NewMember(username="bob", type=MemberType.merchant_user),
    ],
)
async def test_a_name_is_taken_for_one_merchant_and_type_only(
    store: Store, elsewhere: NewMember
) -> None:
    member = await add_member(store, NewMember(username="bob"))
    other = await add_member(store, elsewhere)
    assert other.id != member.id
    assert await find(store, "bob") == member


async def test_balances_are_exact_decimals(store: Store, sql: Sql) -> None:
    member = await add_member(store)
    sql("update member_account set user_money = 1250, consume_integral = 1, user_integral = 30")
    account = (await member_of(store, member.id)).account
    assert account is not None
    assert (account.user_money, account.consume_integral) == (Decimal("12.50"), Decimal("0.01"))
    assert account.user_integral == 30


async def test_a_member_whose_level_is_gone_has_none(store: Store, sql: Sql) -> None:
    member = await add_member(store)
    sql("update member set current_level = 7")
    assert (await member_of(store, member.id)).member_level is None


async def test_a_visit_is_counted_with_time_and_address(store: Store) -> None:
    member = await add_member(store)
    assert await store.write(lambda tx: tx.members.visit(member, NOW + 9, "203.0.113.7"))
    visited = await member_of(store, member.id)
    assert (visited.visit_count, visited.last_time) == (1, NOW + 9)
    assert visited.last_ip == "203.0.113.7"


async def test_an_address_that_is_none_is_kept_as_far_as_it_fits(store: Store, sql: Sql) -> None:
    member = await add_member(store)
    await store.write(lambda tx: tx.members.visit(member, NOW, "x" * 60))
    await store.write(lambda tx: tx.trail.write(AuditEvent(Event.login, NOW, ip="x" * 60)))
    assert sql("select last_ip from member") == [("x" * 45,)]
    assert sql("select ip from audit_event") == [("x" * 45,)]


async def test_a_visit_of_a_disabled_member_is_refused(store: Store) -> None:
    member = await add_member(store)
    await store.write(lambda tx: tx.members.set_status(member.id, Status.disabled, NOW))
    assert not await store.write(lambda tx: tx.members.visit(member, NOW, ""))
    assert (await member_of(store, member.id)).visit_count == 0


async def test_a_visit_with_a_password_that_changed_meanwhile_is_refused(store: Store) -> None:
    member = await add_member(store)
    assert await store.write(lambda tx: tx.members.set_password(member.id, "$argon2id$new", NOW))
    assert not await store.write(lambda tx: tx.members.visit(member, NOW, ""))
    fresh = await member_of(store, member.id)
    assert await store.write(lambda tx: tx.members.visit(fresh, NOW, ""))


async def test_a_new_password_is_for_enabled_members_only(store: Store) -> None:
    member = await add_member(store)
    assert await store.write(lambda tx: tx.members.set_password(member.id, "$argon2id$2", NOW + 1))
    changed = await member_of(store, member.id)
    assert (changed.password_hash, changed.updated_at) == ("$argon2id$2", NOW + 1)
    assert changed.password_version == member.password_version + 1

    await store.write(lambda tx: tx.members.set_status(member.id, Status.disabled, NOW))
    assert not await store.write(lambda tx: tx.members.set_password(member.id, "$argon2id$3", NOW))
    assert (await member_of(store, member.id)).password_hash == "$argon2id$2"


async def test_a_rehash_keeps_the_password_and_loses_against_a_new_one(store: Store) -> None:
    member = await add_member(store)
    assert await store.write(lambda tx: tx.members.rehash(member, "$argon2id$again"))
    again = await member_of(store, member.id)
    assert (again.password_hash, again.password_version) == ("$argon2id$again", 0)

    await store.write(lambda tx: tx.members.set_password(member.id, "$argon2id$new", NOW))
    assert not await store.write(lambda tx: tx.members.rehash(again, "$argon2id$late"))
    assert (await member_of(store, member.id)).password_hash == "$argon2id$new"


async def test_imported_hashes_are_known_until_the_last_one_is_gone(store: Store) -> None:
    assert not await store.has_legacy_hashes()
    imported = [
        await add_member(store, NewMember(username=name, password_hash="$2y$13$imported"))
        for name in ("first", "second", "third")
    ]
    assert await store.has_legacy_hashes()
    await store.write(lambda tx: tx.members.rehash(imported[0], "$argon2id$x"))
    await store.write(lambda tx: tx.members.set_password(imported[1].id, "$argon2id$x", NOW))
    assert await store.has_legacy_hashes()
    await store.write(lambda tx: tx.members.set_status(imported[2].id, Status.deleted, NOW))
    assert not await store.has_legacy_hashes()


async def test_a_disabled_member_can_be_enabled_again(store: Store) -> None:
    member = await add_member(store)
    for status in (Status.disabled, Status.enabled):
        assert await store.write(
            lambda tx, to=status: tx.members.set_status(member.id, to, NOW + 5)  # type: ignore[misc]
        )
        changed = await member_of(store, member.id)
        assert (changed.status, changed.updated_at) == (status, NOW + 5)
        assert changed.account is not None
        assert changed.account.status == status
        assert await find(store, MOBILE) == changed


async def test_L07_a_deleted_member_leaves_an_id_and_nothing_personal(store: Store) -> None:
    member = await add_member(store, NewMember("Bob", MOBILE, "bob@example.com", "鲍勃", "$2y$x"))
    await store.write(lambda tx: tx.members.visit(member, NOW, "203.0.113.7"))
    assert await store.write(lambda tx: tx.members.set_status(member.id, Status.deleted, NOW))

    for name in ("Bob", MOBILE, "bob@example.com"):
        assert await find(store, name) is None
    gone = await member_of(store, member.id)
    assert gone.status == Status.deleted
    assert _personal(gone) == _personal(replace(gone, **NOTHING_PERSONAL))  # type: ignore[arg-type]


async def test_a_deleted_member_stays_deleted(store: Store) -> None:
    member = await add_member(store)
    await store.write(lambda tx: tx.members.set_status(member.id, Status.deleted, NOW))
    for status in (Status.enabled, Status.disabled, Status.deleted):
        assert not await store.write(
            lambda tx, to=status: tx.members.set_status(member.id, to, NOW)  # type: ignore[misc]
        )


async def test_T08_a_member_deleted_past_denglu_is_found_by_id_alone(
    store: Store, sql: Sql
) -> None:
    member = await add_member(store, NewMember("Bob", MOBILE, "bob@example.com"))
    sql("update member set status = -1")
    for name in ("Bob", MOBILE, "bob@example.com"):
        assert await find(store, name) is None
    assert (await member_of(store, member.id)).status == Status.deleted


async def test_the_number_of_a_deleted_member_is_free_for_a_new_one(store: Store) -> None:
    first = await add_member(store)
    await store.write(lambda tx: tx.members.set_status(first.id, Status.deleted, NOW))
    second = await add_member(store)
    assert second.id != first.id
    assert await find(store, MOBILE) == second


async def test_a_member_who_does_not_exist_is_none_and_cannot_be_changed(store: Store) -> None:
    assert await store.read(lambda tx: tx.members.get(404)) is None
    assert not await store.write(lambda tx: tx.members.set_password(404, "x", NOW))
    assert not await store.write(lambda tx: tx.members.set_status(404, Status.disabled, NOW))


async def test_the_roster_goes_page_by_page_without_the_deleted(store: Store) -> None:
    members = [await add_member(store, NewMember(username=f"m{n}")) for n in range(5)]
    await store.write(lambda tx: tx.members.set_status(members[1].id, Status.deleted, NOW))
    first = await store.read(lambda tx: tx.roster.page(0, 2))
    assert first == [members[0], members[2]]
    assert await store.read(lambda tx: tx.roster.page(first[-1].id, 2)) == members[3:]


NOTHING_PERSONAL = {
    "username": "",
    "realname": "",
    "nickname": "",
    "head_portrait": "",
    "qq": "",
    "email": "",
    "birthday": None,
    "address": "",
    "mobile": "",
    "tel_no": "",
    "bg_image": "",
    "description": "",
    "last_ip": "",
    "promoter_code": "",
    "password_hash": None,
}


def _personal(member: Member) -> dict[str, object]:
    return {name: getattr(member, name) for name in NOTHING_PERSONAL}
