"""Merchants and their users: who may log in, and what a disabled merchant ends at once."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Member, MemberType, Status
from denglu.domain.merchant import Merchant
from denglu.domain.session import Caller, EndReason
from denglu.domain.sms_code import Usage
from denglu.flows.ports import Taken
from denglu.flows.results import Grant
from tests.flows.rivals import race
from tests.flows.world import H5, IOS, MOBILE, OTHER_MOBILE, PASSWORD, PC, World, refused

USER = Caller(ip="203.0.113.9", device="iPhone", member_type=MemberType.merchant_user)
ROUNDS = range(8)


async def add_user(
    world: World, merchant: Merchant, username: str = "ming", mobile: str = MOBILE
) -> Member:
    return await world.merchants.add_user(
        merchant, username=username, mobile=mobile, nickname="", password=PASSWORD
    )


async def enter(world: World, name: str = "ming", **given: object) -> Grant:
    """Log in as a user."""
    return await world.log_in(name, caller=USER, **given)  # type: ignore[arg-type]


async def end_reason(world: World, grant: Grant) -> str:
    """Why the token is refused."""
    with refused(Reason.session_ended) as caught:
        await world.authenticate(grant.access_token, MemberType.merchant_user)
    return str(caught[0].details["end_reason"])


async def test_a_user_who_was_added_logs_in_by_every_name(world: World) -> None:
    merchant = await world.merchants.add("moon books")
    added = await add_user(world, merchant)
    assert (added.merchant_id, added.type, added.source) == (merchant.id, 3, "operator")
    for name in ("ming", "MING", MOBILE):
        assert (await enter(world, name)).member.id == added.id
    grant = await world.with_code(MOBILE, await world.code_for(caller=USER), USER)
    assert grant.member.id == added.id
    found = await world.authenticate(grant.access_token, MemberType.merchant_user)
    assert (found.session.merchant_id, found.session.member_type) == (merchant.id, 3)
    assert world.events()[:2] == ["merchant_added", "member_added"]
    of = world.sql(
        "select distinct merchant_id from audit_event"
        " where event in ('merchant_added', 'member_added', 'login', 'mobile_login')"
    )
    assert [tuple(row) for row in of] == [(merchant.id,)]


@pytest.mark.parametrize(
    ("username", "mobile", "field"),
    [("MING", "", "username"), ("other", MOBILE, "mobile"), (" Ｍing", "", "username")],
)
async def test_the_name_of_a_user_is_taken_at_every_merchant(
    world: World, username: str, mobile: str, field: str
) -> None:
    ours, other = await world.merchants.add("ours"), await world.merchants.add("other")
    user = await add_user(world, ours)
    await world.merchants.set_status(ours, Status.disabled)
    for merchant in (ours, other):
        with pytest.raises(Taken) as taken:
            await add_user(world, merchant, username, mobile)
        assert taken.value.field == field
    await world.administer.set_status(user, Status.deleted)
    await add_user(world, other, username, mobile)


async def test_users_and_members_share_no_name_and_no_password(world: World) -> None:
    merchant = await world.merchants.add("moon books")
    member = await world.add_member(username="ming", password="a-member-harbour-1")
    user = await add_user(world, merchant)
    assert (await enter(world)).member.id == user.id
    assert (await world.log_in("ming", "a-member-harbour-1")).member.id == member.id
    with refused(Reason.bad_credentials):
        await enter(world, password="a-member-harbour-1")
    with refused(Reason.bad_credentials):
        await world.log_in("ming")


async def test_names_and_ids_of_members_find_no_user(world: World) -> None:
    member = await world.add_member(username="ming")
    for who in ("ming", MOBILE, str(member.id), "nobody", "", "9" * 30):
        assert await world.merchants.find_user(who) is None
    user = await add_user(world, await world.merchants.add("moon books"), "ming", OTHER_MOBILE)
    for who in ("Ming", OTHER_MOBILE, str(user.id)):
        assert await world.merchants.find_user(who) == user


async def test_a_disabled_merchant_ends_the_sessions_of_its_users_and_of_nobody_else(
    any_world: World,
) -> None:
    world = any_world
    ours, other = await world.merchants.add("ours"), await world.merchants.add("other")
    await add_user(world, ours, "ann", "")
    await add_user(world, ours, "bob", "")
    await add_user(world, other, "eve", "")
    await world.add_member(username="ann")
    gone = [await enter(world, "ann", group=group) for group in (IOS, PC, H5)]
    gone.append(await enter(world, "bob"))
    stay, member = await enter(world, "eve"), await world.log_in("ann")

    assert await world.merchants.set_status(ours, Status.disabled) == 4
    for grant in gone:
        assert await end_reason(world, grant) == EndReason.disabled
        with pytest.raises(Refusal):
            await world.refresh(token=grant.refresh_token, group=None, caller=USER)
    await world.authenticate(stay.access_token, MemberType.merchant_user)
    await world.authenticate(member.access_token)
    assert world.events()[-1] == "merchant_disabled"
    assert await world.merchants.set_status(ours, Status.disabled) == 0
    assert world.events()[-1] == "merchant_disabled"
    assert world.events().count("merchant_disabled") == 1


async def test_users_of_a_disabled_merchant_are_refused_like_unknown_names(world: World) -> None:
    merchant = await world.merchants.add("moon books")
    await add_user(world, merchant)
    await world.merchants.set_status(merchant, Status.disabled)
    for name in ("ming", MOBILE, "nobody"):
        with refused(Reason.bad_credentials):
            await enter(world, name)
    assert [stored for _, stored in world.passwords.compared] == [None] * 3
    for usage, act in ((Usage.login, world.with_code), (Usage.up_pwd, reset)):
        code = await world.code_for(usage=usage, caller=USER)
        with refused(Reason.member_not_found):
            await (act(world, code) if act is reset else world.with_code(MOBILE, code, USER))

    assert await world.merchants.set_status(merchant, Status.enabled) == 0
    assert world.events()[-1] == "merchant_enabled"
    await enter(world)


async def reset(world: World, code: str) -> Grant:
    return await world.reset(code, caller=USER)


async def test_a_user_who_is_disabled_is_out_at_once_and_another_goes_on(world: World) -> None:
    merchant = await world.merchants.add("moon books")
    ann, _ = await add_user(world, merchant, "ann", ""), await add_user(world, merchant, "bob", "")
    gone, stays = await enter(world, "ann"), await enter(world, "bob")
    await world.administer.set_status(ann, Status.disabled)
    assert await end_reason(world, gone) == EndReason.disabled
    with refused(Reason.bad_credentials):
        await enter(world, "ann")
    await world.authenticate(stays.access_token, MemberType.merchant_user)


async def test_another_password_ends_every_session_of_a_user(world: World) -> None:
    user = await add_user(world, await world.merchants.add("moon books"))
    before = [await enter(world, group=group) for group in (IOS, PC)]
    assert await world.merchants.set_password(user, "a-new-harbour-18") == 2
    for grant in before:
        assert await end_reason(world, grant) == EndReason.password_changed
    with refused(Reason.bad_credentials):
        await enter(world)
    await enter(world, password="a-new-harbour-18")
    await world.administer.set_status(user, Status.disabled)
    assert await world.merchants.set_password(user, PASSWORD) is None


# Rivals.


async def test_of_rivals_who_add_one_name_at_two_merchants_one_has_it(any_world: World) -> None:
    world = any_world
    merchants = [await world.merchants.add(name) for name in ("ours", "other")]

    for round_ in ROUNDS:

        async def add(rival: int, round_: int = round_) -> Member:
            names = (
                (f"ming{round_}", "") if rival < 4 else (f"u{round_}-{rival}", f"138{round_:08d}")
            )
            try:
                return await add_user(world, merchants[rival % 2], *names)
            except Taken as taken:
                raise Refusal(Reason.mobile_taken) from taken

        outcome = await race(8, add)
        assert len(outcome.winners) == 2, outcome.told
    assert world.count("member") == 2 * len(ROUNDS)


async def test_a_login_whose_password_is_being_compared_is_none_when_the_merchant_is_disabled(
    world: World,
) -> None:
    merchant = await world.merchants.add("moon books")
    await add_user(world, merchant)
    world.passwords.gate.clear()
    login = asyncio.create_task(enter(world))
    await world.passwords.comparing()
    await world.merchants.set_status(merchant, Status.disabled)
    world.passwords.gate.set()
    with refused(Reason.bad_credentials):
        await login
    assert world.live_sessions() == []


@pytest.mark.parametrize("way", ["password", "code", "reset"])
async def test_no_login_survives_that_the_merchant_is_disabled_at_the_same_moment(
    any_world: World, way: str
) -> None:
    """Whoever is first: when both are done, nobody is in."""
    world = any_world
    merchant = await world.merchants.add("moon books")
    told: set[type] = set()
    for round_ in ROUNDS:
        user = await add_user(world, merchant, f"user{round_}", f"138{round_:08d}")
        log_in = await prepared(world, way, user.mobile)

        async def act(rival: int, log_in: LogIn = log_in) -> object:
            if rival == 0:
                return await world.merchants.set_status(merchant, Status.disabled)
            return await log_in()

        outcome = await race(2, act)
        told.add(type(outcome.told[1]))
        assert world.live_sessions() == [], outcome.told
        await world.merchants.set_status(merchant, Status.enabled)
    assert told <= {Refusal, Grant}


LogIn = Callable[[], Awaitable[Grant]]


async def prepared(world: World, way: str, mobile: str) -> LogIn:
    """A login that needs only to be sent."""
    if way == "password":
        return lambda: enter(world, mobile)
    code = await world.code_for(mobile, Usage.login if way == "code" else Usage.up_pwd, USER)
    if way == "code":
        return lambda: world.with_code(mobile, code, USER)
    return lambda: world.reset(code, mobile=mobile, caller=USER)


async def test_whatever_is_known_of_a_user_is_written_down_at_the_merchant(
    any_world: World,
) -> None:
    world = any_world
    merchant = await world.merchants.add("moon books")
    user = await add_user(world, merchant)
    world.sql(f"update member set password_hash = '$2y$13${PASSWORD}' where id = {user.id}")
    with refused(Reason.bad_credentials):
        await enter(world, password="wrong")
    await enter(world)
    await world.with_code(MOBILE, await world.code_for(caller=USER), USER)
    told = world.sql(f"select event, merchant_id from audit_event where member_id = {user.id}")
    expected = {"login_failed", "password_rehashed", "sms_code_sent", "sms_code_compared"}
    assert expected <= {event for event, _ in told}
    assert {merchant_id for _, merchant_id in told} == {merchant.id}


async def test_a_mobile_is_taken_by_an_imported_username_that_looks_like_it(world: World) -> None:
    merchant = await world.merchants.add("moon books")
    user = await add_user(world, merchant, mobile="")
    world.sql(
        f"update member set username = '{MOBILE}', username_key = '{MOBILE}' where id = {user.id}"
    )
    with pytest.raises(Taken, match="mobile"):
        await add_user(world, merchant, "other")
    assert (await enter(world, MOBILE)).member.id == user.id
