"""Refresh: rotated once, told to everybody who asks in time; later somebody is a thief."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Status
from denglu.domain.session import Lives, Session, SessionPolicy
from denglu.flows.opening import Pairs
from denglu.flows.results import Grant
from denglu.store.repositories import SqlSessions
from tests.flows.conftest import MakeWorld
from tests.flows.world import DAY, HOME, IOS, NOW, PC, Numbers, World, refused


def pair(grant: Grant) -> tuple[str, str]:
    return grant.access_token, grant.refresh_token


async def is_over(world: World, *grants: Grant, why: str = "reused") -> None:
    """No token of these works any more, and each is told why."""
    for grant in grants:
        with refused(Reason.session_ended) as refusals:
            await world.refreshed(grant.refresh_token)
        assert refusals[0].details["end_reason"] == why
        with pytest.raises(Refusal) as access:
            await world.authenticate(grant.access_token)
        assert access.value.reason in (Reason.session_ended, Reason.token_invalid)
    assert not await world.authenticate.verify(grants[-1].access_token)


async def test_a_refresh_gives_a_new_pair_of_the_same_session(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    world.clock.advance(7200)
    grant = await world.refreshed(login.refresh_token, IOS)
    assert len({*pair(login), *pair(grant)}) == 4
    assert grant.expires_in == 7200
    found = await world.authenticate(grant.access_token)
    assert (found.session.generation, found.session.group) == (2, "iOS")
    assert grant.member == found.member
    # Only logins are visits.
    assert (grant.member.visit_count, grant.member.last_time) == (1, NOW)


async def test_the_old_access_token_is_good_for_requests_in_flight(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    world.clock.advance(60)
    await world.refreshed(login.refresh_token)
    world.clock.advance(9)
    await world.authenticate(login.access_token)
    world.clock.advance(1)
    with refused(Reason.token_expired):
        await world.authenticate(login.access_token)


async def test_R03_eight_at_once_get_one_and_the_same_pair(any_world: World) -> None:
    world = any_world
    await world.add_member()
    login = await world.log_in()
    grants = await asyncio.gather(*(world.refreshed(login.refresh_token) for _ in range(8)))
    assert len({pair(grant) for grant in grants}) == 1
    assert world.live_sessions() == [("iOS", 2)]

    world.clock.advance(30)
    again = await world.refreshed(login.refresh_token)
    assert pair(again) == pair(grants[0])
    assert again.expires_in == 7200 - 30
    await world.authenticate(again.access_token)
    assert world.live_sessions() == [("iOS", 2)]
    assert "refresh_reuse" not in world.events()


def rotated_by_a_rival(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever rotates from now on finds that a rival has just done it."""
    rotate = SqlSessions.rotate

    async def too_late(self: SqlSessions, session: Session, lives: Lives, now: int) -> bool:
        assert await rotate(self, session, lives, now)
        transaction = cast(Any, SimpleNamespace(sessions=self))
        await Pairs(world.tokens).remember(transaction, session, session.generation + 1)
        return False

    monkeypatch.setattr(SqlSessions, "rotate", too_late)


async def test_R03_the_loser_of_a_rotation_gets_the_winners_pair(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.add_member()
    login = await world.log_in()
    world.clock.advance(60)
    rotated_by_a_rival(world, monkeypatch)
    grant = await world.refreshed(login.refresh_token, IOS)
    assert grant.expires_in == 7200
    assert (await world.authenticate(grant.access_token)).session.generation == 2
    assert world.live_sessions() == [("iOS", 2)]


async def test_R03_without_a_window_the_loser_of_a_rotation_is_a_thief(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(Numbers(sessions=SessionPolicy(window=0)))
    await world.add_member()
    login = await world.log_in()
    rotated_by_a_rival(world, monkeypatch)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)
    assert world.live_sessions() == []


async def test_R03_a_lost_answer_can_be_asked_for_again_until_it_arrives(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    lost = await world.refreshed(login.refresh_token)
    for _ in range(29):
        world.clock.advance(DAY)
        assert pair(await world.refreshed(login.refresh_token)) == pair(lost)
    assert (await world.refreshed(login.refresh_token)).expires_in == 0
    assert (await world.refreshed(lost.refresh_token)).expires_in == 7200


async def use_access(world: World, grant: Grant) -> Grant:
    await world.authenticate(grant.access_token)
    return grant


async def use_refresh(world: World, grant: Grant) -> Grant:
    return await world.refreshed(grant.refresh_token)


@pytest.mark.parametrize("use", [use_access, use_refresh])
async def test_R04_a_parent_presented_late_ends_the_whole_session(world: World, use: Any) -> None:
    await world.add_member()
    other = await world.log_in(group=PC)
    login = await world.log_in()
    child = await world.refreshed(login.refresh_token)
    newest = await use(world, child)
    world.clock.advance(9)
    assert pair(await world.refreshed(login.refresh_token)) == pair(newest)
    world.clock.advance(2)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)

    await is_over(world, login, child, newest)
    assert world.events().count("refresh_reuse") == 1
    await world.authenticate(other.access_token)
    await world.refreshed(other.refresh_token)


async def test_R04_the_trail_says_whose_session_was_reused_and_from_where(world: World) -> None:
    member = await world.add_member()
    await world.log_in(group=PC)
    login = await world.log_in()
    world.sql("update session set merchant_id = 7")
    await use_access(world, await world.refreshed(login.refresh_token))
    world.clock.advance(11)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)
    whose = "select merchant_id, member_id, session_id, client_group, ip from audit_event"
    (session,) = world.sql("select id from session where client_group = 'iOS'")[0]
    assert world.sql(f"{whose} where event = 'refresh_reuse'") == [
        (7, member.id, session, "iOS", HOME.ip)
    ]


async def test_R04_the_window_counts_from_the_first_use_alone(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    child = await world.refreshed(login.refresh_token)
    world.clock.advance(1000)
    for _ in range(5):
        await world.authenticate(child.access_token)
        world.clock.advance(2)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)


async def test_R05_a_grandparent_at_once_gets_the_current_pair(world: World) -> None:
    await world.add_member()
    first = await world.log_in()
    second = await world.refreshed(first.refresh_token)
    world.clock.advance(1)
    third = await world.refreshed(second.refresh_token)
    world.clock.advance(1)
    assert pair(await world.refreshed(first.refresh_token)) == pair(third)
    assert pair(await world.refreshed(second.refresh_token)) == pair(third)
    assert world.live_sessions() == [("iOS", 3)]


async def test_R05_a_grandparent_later_ends_the_session(world: World) -> None:
    await world.add_member()
    first = await world.log_in()
    second = await world.refreshed(first.refresh_token)
    third = await world.refreshed(second.refresh_token)
    world.clock.advance(11)
    with refused(Reason.refresh_invalid):
        await world.refreshed(first.refresh_token)
    await is_over(world, first, second, third)


async def test_R05_the_parent_of_an_unused_pair_is_no_thief_however_old_its_own_parent(
    world: World,
) -> None:
    await world.add_member()
    first = await world.log_in()
    second = await world.refreshed(first.refresh_token)
    third = await world.refreshed(second.refresh_token)
    world.clock.advance(1000)
    assert pair(await world.refreshed(second.refresh_token)) == pair(third)


async def test_R06_thief_first_victim_second_and_both_are_out(world: World) -> None:
    await world.add_member()
    victim = await world.log_in()
    thief = await world.refreshed(victim.refresh_token)
    await world.authenticate(thief.access_token)
    world.clock.advance(3600)
    with refused(Reason.refresh_invalid):
        await world.refreshed(victim.refresh_token)
    await is_over(world, victim, thief)


async def test_R14_what_was_rotated_is_still_known_later(world: World) -> None:
    await world.add_member()
    grants = [await world.log_in()]
    for _ in range(20):
        world.clock.advance(3600)
        grants.append(await world.refreshed(grants[-1].refresh_token))
    with refused(Reason.refresh_invalid):
        await world.refreshed(grants[0].refresh_token)
    await is_over(world, grants[-1])


async def test_without_a_window_a_refresh_token_is_good_once(make_world: MakeWorld) -> None:
    world = make_world(Numbers(sessions=SessionPolicy(window=0)))
    await world.add_member()
    login = await world.log_in()
    child = await world.refreshed(login.refresh_token)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)
    await is_over(world, child)


@pytest.mark.parametrize("garbage", ["", "x", "A" * 43, "null", "é" * 43, "A" * 10_000])
async def test_garbage_is_refused(world: World, garbage: str) -> None:
    with refused(Reason.refresh_invalid):
        await world.refreshed(garbage)


async def test_T09_a_refresh_token_of_another_deployment_is_unknown(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    world.sql("delete from session_token")
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)


async def test_T04_an_access_token_refreshes_nothing_and_spoils_nothing(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.access_token)
    with refused(Reason.token_invalid):
        await world.authenticate(login.refresh_token)
    await world.refreshed(login.refresh_token)


async def test_T04_a_token_of_another_group_is_refused_and_not_burnt(world: World) -> None:
    await world.add_member()
    login = await world.log_in(group=IOS)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token, PC)
    assert world.live_sessions() == [("iOS", 1)]
    await world.refreshed(login.refresh_token, IOS)


async def test_T04_a_late_parent_in_another_group_ends_nothing(world: World) -> None:
    await world.add_member()
    login = await world.log_in(group=IOS)
    child = await world.refreshed(login.refresh_token)
    await world.authenticate(child.access_token)
    world.clock.advance(60)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token, PC)
    await world.authenticate(child.access_token)


async def test_T05_thirty_days_without_a_refresh_end_it_to_the_second(world: World) -> None:
    await world.add_member()
    logins = [await world.log_in(group=group) for group in (IOS, PC)]
    world.clock.advance(30 * DAY - 1)
    await world.refreshed(logins[0].refresh_token)
    world.clock.advance(1)
    with refused(Reason.refresh_expired):
        await world.refreshed(logins[1].refresh_token)
    await world.retain()
    with refused(Reason.refresh_expired):
        await world.refreshed(logins[1].refresh_token)
    with refused(Reason.token_expired):
        await world.authenticate(logins[1].access_token)


async def test_T05_ninety_days_end_it_however_often_it_was_refreshed(world: World) -> None:
    await world.add_member()
    grant = await world.log_in()
    for _ in range(4):
        world.clock.advance(20 * DAY)
        grant = await world.refreshed(grant.refresh_token)
    world.clock.advance(10 * DAY - 100)
    grant = await world.refreshed(grant.refresh_token)
    assert grant.expires_in == 100
    world.clock.advance(99)
    await world.authenticate(grant.access_token)
    await world.refreshed(grant.refresh_token)
    world.clock.advance(1)
    with refused(Reason.refresh_expired):
        await world.refreshed(grant.refresh_token)
    with refused(Reason.token_expired):
        await world.authenticate(grant.access_token)


@pytest.mark.parametrize("status", [Status.disabled, Status.deleted])
async def test_R08_a_member_who_is_gone_refreshes_nothing(world: World, status: Status) -> None:
    member = await world.add_member()
    login = await world.log_in()
    await world.administer.set_status(member, status)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)


async def test_T08_a_member_disabled_past_denglu_refreshes_nothing(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    world.sql("update member set status = 0")
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)
    with refused(Reason.session_ended):
        await world.authenticate(login.access_token)


async def test_T06_a_refresh_after_logout_says_so(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    await world.logout(login.access_token)
    await is_over(world, login, why="logged_out")


async def test_a_refresh_after_replacement_says_so(world: World) -> None:
    await world.add_member()
    first = await world.log_in()
    await world.log_in()
    with refused(Reason.session_replaced):
        await world.refreshed(first.refresh_token)


async def test_F12_a_clock_set_back_ends_no_honest_session(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    world.clock.advance(7200)
    child = await world.refreshed(login.refresh_token)
    world.clock.advance(-3600)
    assert pair(await world.refreshed(login.refresh_token)) == pair(child)
    await world.authenticate(child.access_token)
    await world.refreshed(child.refresh_token)


async def test_nothing_that_is_stored_is_a_token(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    child = await world.refreshed(login.refresh_token)
    tables = ("session", "session_token", "audit_event", "limit_tally", "member")
    everything = str([world.sql(f"select * from {table}") for table in tables])
    for token in (*pair(login), *pair(child)):
        assert token not in everything
        assert token[:20] not in everything
