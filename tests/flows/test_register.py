"""Registration: who exists is told to the owner of the number only, and nothing is half done."""

import asyncio

import pytest

from denglu.domain.errors import Reason
from denglu.domain.member import Status
from denglu.domain.sms_code import Usage
from tests.flows.world import HOME, MOBILE, NOW, OTHER_MOBILE, PASSWORD, World, refused, wrong


async def code_for(world: World, mobile: str = MOBILE) -> str:
    return await world.code_for(mobile, Usage.register)


async def test_somebody_registers_and_is_logged_in(world: World) -> None:
    grant = await world.join(await code_for(world), nickname="小登")
    member = grant.member
    assert (member.mobile, member.nickname, member.username) == (MOBILE, "小登", "")
    assert (member.visit_count, member.last_time, member.last_ip) == (1, NOW + 60, HOME.ip)
    assert (member.source, member.status, member.type) == ("iOS", 1, 1)
    assert member.account is not None
    assert member.member_level is not None
    assert (await world.authenticate(grant.access_token)).member == member
    assert world.events() == ["sms_code_sent", "sms_code_compared", "member_registered"]


async def test_a_registered_member_logs_in_with_mobile_and_password(world: World) -> None:
    registered = await world.join(await code_for(world))
    assert (await world.log_in()).member.id == registered.member.id


async def test_who_gives_no_nickname_gets_one(world: World) -> None:
    assert (await world.join(await code_for(world))).member.nickname == "用户_0000"


@pytest.mark.parametrize("usage", [usage for usage in Usage if usage is not Usage.register])
async def test_S08_a_code_for_something_else_registers_nobody(world: World, usage: Usage) -> None:
    code = await world.code_for(usage=usage)
    with refused(Reason.bad_code):
        await world.join(code)
    assert world.count("member") == 0


async def test_E05_a_wrong_code_says_the_same_for_a_number_that_is_taken(world: World) -> None:
    await world.add_member()
    code = await code_for(world)
    for _ in range(6):
        with refused(Reason.bad_code):
            await world.join(wrong(code))
    with refused(Reason.bad_code):
        await world.join(code)


@pytest.mark.parametrize("status", [Status.enabled, Status.disabled])
async def test_a_taken_number_is_told_with_a_right_code_and_the_code_stays_good(
    world: World, status: Status
) -> None:
    member = await world.add_member()
    await world.administer.set_status(member, status)
    code = await code_for(world)
    for _ in range(20):
        with refused(Reason.mobile_taken):
            await world.join(code)
    assert world.count("member") == 1
    await world.administer.set_status(member, Status.deleted)
    assert (await world.join(code)).member.id != member.id


async def test_a_taken_number_costs_no_hash(world: World) -> None:
    await world.add_member()
    code = await code_for(world)
    world.passwords.busy = 1
    with refused(Reason.mobile_taken):
        await world.join(code)


async def test_R12_a_full_hash_queue_leaves_the_code_good(world: World) -> None:
    code = await code_for(world)
    world.passwords.busy = 10
    for _ in range(10):
        with refused(Reason.busy):
            await world.join(code)
    assert (await world.join(code)).member.mobile == MOBILE


async def test_a_code_that_ends_while_the_password_is_hashed_is_no_good(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(password: str) -> str:
        world.clock.advance(300)
        return password

    code = await code_for(world)
    monkeypatch.setattr(world.passwords, "hash", slow)
    with refused(Reason.bad_code):
        await world.join(code)
    assert world.count("member") == 0


async def test_a_number_taken_while_the_password_is_hashed_is_told_and_the_code_stays_good(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashing = world.passwords.hash
    members = []

    async def taken_meanwhile(password: str) -> str:
        monkeypatch.setattr(world.passwords, "hash", hashing)
        members.append(await world.add_member())
        return await hashing(password)

    code = await code_for(world)
    monkeypatch.setattr(world.passwords, "hash", taken_meanwhile)
    with refused(Reason.mobile_taken):
        await world.join(code)
    assert world.count("session") == 0
    await world.administer.set_status(members[0], Status.deleted)
    await world.join(code)


async def test_R02_rivals_for_one_number_make_one_member(world: World) -> None:
    code = await code_for(world)
    rivals = (world.join(code, password=f"harbour-of-{n}") for n in range(30))
    done = await asyncio.gather(*rivals, return_exceptions=True)
    told = [getattr(one, "reason", None) for one in done]
    assert told.count(None) == 1
    assert set(told) <= {None, Reason.bad_code, Reason.mobile_taken}
    assert world.count("member") == 1
    assert world.count("member_account") == 1


async def test_members_with_numbers_of_their_own_do_not_meet(world: World) -> None:
    for mobile in (MOBILE, OTHER_MOBILE):
        await world.join(await code_for(world, mobile), mobile=mobile)
        await world.log_in(mobile, PASSWORD)
    assert world.count("member") == 2
