"""Logout: the session ends in all its generations at once, and twice is harmless."""

import pytest

from denglu.domain.errors import Reason
from tests.flows.world import IOS, PC, World, refused


async def test_T06_no_token_of_the_session_works_after_logout(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    child = await world.refreshed(login.refresh_token)
    await world.logout(child.access_token)
    for grant in (login, child):
        with refused(Reason.session_ended) as refusals:
            await world.authenticate(grant.access_token)
        assert refusals[0].details["end_reason"] == "logged_out"
        with refused(Reason.session_ended):
            await world.refreshed(grant.refresh_token)
    assert world.events().count("logout") == 1


async def test_T06_a_second_logout_is_told_that_it_is_over(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    await world.logout(login.access_token)
    with refused(Reason.session_ended):
        await world.logout(login.access_token)
    assert world.events().count("logout") == 1


async def test_the_trail_says_whose_session_was_ended(world: World) -> None:
    member = await world.add_member()
    await world.log_in(group=PC)
    login = await world.log_in(group=IOS)
    world.sql("update session set merchant_id = 7")
    await world.logout(login.access_token)
    whose = "select merchant_id, member_id, session_id, client_group from audit_event"
    (session,) = world.sql("select id from session where client_group = 'iOS'")[0]
    assert world.sql(f"{whose} where event = 'logout'") == [(7, member.id, session, "iOS")]


async def test_other_groups_stay(world: World) -> None:
    await world.add_member()
    pc, ios = [await world.log_in(group=group) for group in (PC, IOS)]
    found = await world.logout(ios.access_token)
    assert found.session.group == "iOS"
    await world.authenticate(pc.access_token)


async def test_an_access_token_that_has_just_expired_still_logs_out(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    world.clock.advance(7300)
    await world.logout(login.access_token)
    assert world.live_sessions() == []


async def test_an_access_token_of_an_older_generation_logs_nobody_out(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    await world.refreshed(login.refresh_token)
    world.clock.advance(60)
    with refused(Reason.token_expired):
        await world.logout(login.access_token)
    assert world.live_sessions() == [("iOS", 2)]


@pytest.mark.parametrize("garbage", ["", "x", "A" * 43])
async def test_T06_garbage_logs_nobody_out(world: World, garbage: str) -> None:
    with refused(Reason.token_invalid):
        await world.logout(garbage)


async def test_T04_a_refresh_token_logs_nobody_out(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    with refused(Reason.token_invalid):
        await world.logout(login.refresh_token)
    assert world.live_sessions() == [("iOS", 1)]
