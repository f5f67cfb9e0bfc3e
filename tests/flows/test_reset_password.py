"""A new password by SMS: it ends every session, and is for the owner of the number only."""

import asyncio

import pytest

from denglu.domain.errors import Reason
from denglu.domain.member import Status
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Trouble
from denglu.flows.ports import GatewayFailed
from tests.flows.world import (
    H5,
    HOME,
    IOS,
    MOBILE,
    OTHER_MOBILE,
    PASSWORD,
    PC,
    World,
    refused,
    wrong,
)

NEW = "a-new-harbour-18"


async def code_for(world: World, mobile: str = MOBILE) -> str:
    return await world.code_for(mobile, Usage.up_pwd)


async def test_P17_a_reset_ends_every_session_in_every_group_and_opens_one(world: World) -> None:
    await world.add_member()
    before = [await world.log_in(group=group) for group in (PC, IOS, H5)]
    grant = await world.reset(await code_for(world), group=PC, password=NEW)

    for old in before:
        with refused(Reason.session_ended) as refusals:
            await world.authenticate(old.access_token)
        assert refusals[0].details["end_reason"] == "password_changed"
        with refused(Reason.session_ended):
            await world.refreshed(old.refresh_token)
    assert world.live_sessions() == [("pc", 1)]
    assert (await world.authenticate(grant.access_token)).session.group == "pc"
    assert (await world.refreshed(grant.refresh_token)).expires_in == 7200
    assert "password_reset" in world.events()


async def test_a_reset_leaves_other_members_alone(world: World) -> None:
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    other = await world.log_in(OTHER_MOBILE)
    await world.reset(await code_for(world))
    await world.authenticate(other.access_token)
    await world.log_in(OTHER_MOBILE)


async def test_the_new_password_is_good_and_the_old_one_is_not(world: World) -> None:
    await world.add_member()
    await world.reset(await code_for(world), password=NEW)
    with refused(Reason.bad_credentials):
        await world.log_in(password=PASSWORD)
    await world.log_in(password=NEW)


async def test_a_member_without_a_password_gets_one(world: World) -> None:
    await world.add_member()
    world.sql("update member set password_hash = null")
    await world.reset(await code_for(world), password=NEW)
    await world.log_in(password=NEW)


async def test_S10_the_code_of_ones_own_number_resets_nobody_else(world: World) -> None:
    await world.add_member()
    victim = await world.add_member(OTHER_MOBILE)
    code = await code_for(world)
    with refused(Reason.bad_code):
        await world.reset(code, mobile=OTHER_MOBILE, password=NEW)
    await code_for(world, OTHER_MOBILE)
    if world.gateway.last_code(OTHER_MOBILE) != code:
        with refused(Reason.bad_code):
            await world.reset(code, mobile=OTHER_MOBILE, password=NEW)
    stored = world.sql(f"select password_hash from member where id = {victim.id}")
    assert stored == [(victim.password_hash,)]


@pytest.mark.parametrize("usage", [usage for usage in Usage if usage is not Usage.up_pwd])
async def test_S08_a_code_for_something_else_resets_nothing(world: World, usage: Usage) -> None:
    await world.add_member()
    with refused(Reason.bad_code):
        await world.reset(await world.code_for(usage=usage))
    await world.log_in()


async def test_a_wrong_code_says_the_same_for_a_number_without_a_member(world: World) -> None:
    code = await code_for(world)
    with refused(Reason.bad_code):
        await world.reset(wrong(code))
    with refused(Reason.member_not_found):
        await world.reset(code)
    await world.add_member()
    await world.reset(code)  # it stayed good


async def test_a_number_without_a_member_costs_no_hash(world: World) -> None:
    code = await code_for(world)
    world.passwords.busy = 1
    with refused(Reason.member_not_found):
        await world.reset(code)


async def test_a_disabled_member_has_nothing_to_reset(world: World) -> None:
    member = await world.add_member()
    await world.administer.set_status(member, Status.disabled)
    with refused(Reason.member_not_found):
        await world.reset(await code_for(world))


async def test_R12_a_full_hash_queue_leaves_code_password_and_sessions(world: World) -> None:
    await world.add_member()
    grant = await world.log_in()
    code = await code_for(world)
    world.passwords.busy = 10
    for _ in range(10):
        with refused(Reason.busy):
            await world.reset(code)
    await world.authenticate(grant.access_token)
    await world.reset(code)


async def test_P06_a_reset_opens_an_account_that_guesses_closed(world: World) -> None:
    await world.add_member(username="bob")
    for name in (MOBILE, "bob", "BOB", "+86" + MOBILE, MOBILE):
        with refused(Reason.bad_credentials):
            await world.log_in(name, "wrong")
    await world.reset(await code_for(world), password=NEW)
    await world.log_in("bob", NEW)
    await world.log_in(MOBILE, NEW)


async def test_P17_the_member_is_told_by_sms(world: World) -> None:
    await world.add_member()
    await world.reset(await code_for(world))
    notice = world.gateway.sent[-1]
    assert (notice.mobile, notice.usage, notice.code) == (MOBILE, "notice", "")
    assert "密码" in notice.text


async def test_a_notice_that_cannot_be_sent_takes_nothing_back(world: World) -> None:
    await world.add_member()
    code = await code_for(world)
    world.gateway.fault = GatewayFailed("memory", "down", Trouble.unreachable)
    grant = await world.reset(code, password=NEW)
    await world.authenticate(grant.access_token)
    await world.log_in(password=NEW)


async def test_nobody_is_told_of_a_reset_that_was_refused(world: World) -> None:
    await world.add_member()
    code = await code_for(world)
    with refused(Reason.bad_code):
        await world.reset(wrong(code))
    assert len(world.gateway.sent) == 1


async def test_R11_rivals_with_one_code_set_one_password(world: World) -> None:
    await world.add_member()
    code = await code_for(world)
    passwords = [f"harbour-of-{n}" for n in range(30)]
    done = await asyncio.gather(
        *(world.reset(code, password=password) for password in passwords), return_exceptions=True
    )
    winners = [
        password
        for password, one in zip(passwords, done, strict=True)
        if not isinstance(one, BaseException)
    ]
    assert len(winners) == 1
    assert {getattr(one, "reason", None) for one in done} == {None, Reason.bad_code}
    await world.log_in(password=winners[0])
    assert len(world.live_sessions()) == 1


async def test_R08_a_member_disabled_between_code_and_hash_is_not_reset(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await world.add_member()
    code = await code_for(world)
    hashing = world.passwords.hash

    async def disabled_meanwhile(password: str) -> str:
        await world.administer.set_status(member, Status.disabled)
        return await hashing(password)

    monkeypatch.setattr(world.passwords, "hash", disabled_meanwhile)
    with refused(Reason.member_not_found):
        await world.reset(code)
    assert world.live_sessions() == []
    assert HOME.ip not in str(world.sql("select password_hash, last_ip from member"))
