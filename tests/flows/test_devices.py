"""My devices: where a member is logged in, and the end of one session or of all others."""

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Caller, Found
from tests.flows.rivals import race
from tests.flows.world import DAY, H5, HOME, IOS, MOBILE, NOW, OTHER_MOBILE, PC, World, refused

ELSEWHERE = Caller(ip="2001:db8::9", device="Mac")


async def enter(world: World, mobile: str = MOBILE, *, group: object = IOS) -> Found:
    """Log in, and be known by the token."""
    grant = await world.log_in(mobile, group=group)  # type: ignore[arg-type]
    return await world.authenticate(grant.access_token)


async def listed(world: World, found: Found) -> list[tuple[str, bool]]:
    """Group of every listed session, and whether it is the one that asks."""
    shown = await world.devices.sessions(found)
    return [(session.group, session.id == found.session.id) for session in shown]


def ended(world: World) -> list[tuple[int, str]]:
    """Sessions that are over, and why."""
    return world.sql("select id, end_reason from session where slot is null order by id")


def told(world: World) -> list[tuple[str, int, str]]:
    """What the trail says of ended sessions."""
    return world.sql(
        "select event, session_id, note from audit_event "
        "where event in ('logout', 'session_revoked') order by id"
    )


async def test_the_own_session_comes_first_then_the_last_active(world: World) -> None:
    await world.add_member()
    await world.log_in(group=PC)
    world.clock.advance(60)
    phone = await world.log_in(group=IOS, caller=ELSEWHERE)
    world.clock.advance(60)
    await world.log_in(group=H5)
    world.clock.advance(60)
    refreshed = await world.refreshed(phone.refresh_token)
    own = await world.authenticate(refreshed.access_token)
    pc = (await world.devices.sessions(own))[2]
    assert await listed(world, own) == [("iOS", True), ("h5", False), ("pc", False)]
    first = (await world.devices.sessions(own))[0]
    assert (first.device, first.ip, first.created_at) == ("Mac", "2001:db8::9", NOW + 60)
    assert (first.rotated_at, first.refresh_expires_at) == (NOW + 180, NOW + 180 + 30 * DAY)
    assert (pc.device, pc.ip, pc.created_at, pc.rotated_at) == ("iPhone", HOME.ip, NOW, NOW)


async def test_only_what_is_alive_and_ones_own_is_listed(world: World) -> None:
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    await enter(world, OTHER_MOBILE)
    await enter(world, group=PC)
    world.clock.advance(30 * DAY - 1)
    out = await world.log_in(group=H5)
    await world.logout(out.access_token)
    own = await enter(world)
    assert await listed(world, own) == [("iOS", True), ("pc", False)]
    world.clock.advance(1)  # nobody refreshed that one, and nobody has swept it yet
    assert await listed(world, own) == [("iOS", True)]


async def test_one_session_is_ended_at_once_and_the_others_stay(world: World) -> None:
    await world.add_member()
    pc, h5 = [await world.log_in(group=group) for group in (PC, H5)]
    own = await enter(world)
    gone = (await world.authenticate(pc.access_token)).session.id
    await world.devices.end(own, gone, HOME)
    with refused(Reason.session_ended) as refusals:
        await world.authenticate(pc.access_token)
    assert refusals[0].details["end_reason"] == "revoked"
    with refused(Reason.session_ended):
        await world.refreshed(pc.refresh_token)
    await world.authenticate(h5.access_token)
    assert await listed(world, own) == [("iOS", True), ("h5", False)]
    assert told(world) == [("session_revoked", gone, "member")]
    assert world.sql(f"select client_group, ip from audit_event where session_id = {gone} "
                     "and event = 'session_revoked'") == [("pc", HOME.ip)]  # fmt: skip


async def test_the_end_of_ones_own_session_is_a_logout(world: World) -> None:
    await world.add_member()
    grant = await world.log_in()
    own = await world.authenticate(grant.access_token)
    await world.devices.end(own, own.session.id, HOME)
    with refused(Reason.session_ended) as refusals:
        await world.authenticate(grant.access_token)
    assert refusals[0].details["end_reason"] == "logged_out"
    assert told(world) == [("logout", own.session.id, "")]


async def test_nobodys_anybodys_and_ended_sessions_are_not_found_alike(world: World) -> None:
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    other = await enter(world, OTHER_MOBILE)
    over = await enter(world, group=PC)
    world.clock.advance(30 * DAY)
    logged_out = await enter(world, group=H5)
    own = await enter(world)
    await world.devices.end(own, logged_out.session.id, HOME)
    events = world.events()
    for number in (other.session.id, over.session.id, logged_out.session.id, 999, 10**18 - 1):
        with refused(Reason.not_found) as refusals:
            await world.devices.end(own, number, HOME)
        assert (refusals[0].details, refusals[0].retry_after) == ({}, None)
    assert world.events() == events
    world.clock.advance(-1)  # as the other one's device still sees it
    assert await listed(world, other) == [("iOS", True)]


async def test_all_others_end_and_the_own_one_stays(world: World) -> None:
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    stranger = await enter(world, OTHER_MOBILE)
    others = [await enter(world, group=group) for group in (PC, H5)]
    own = await enter(world)
    for _ in range(2):  # the second time there is nothing to do, and nothing to tell
        await world.devices.end_others(own, HOME)
        assert await listed(world, own) == [("iOS", True)]
    assert ended(world) == [(found.session.id, "revoked") for found in others]
    assert told(world) == [("session_revoked", found.session.id, "member") for found in others]
    assert await listed(world, stranger) == [("iOS", True)]


async def test_who_was_thrown_out_throws_out_nobody(world: World) -> None:
    """A token check may be a quarter of a second old: it is the thief's last chance."""
    await world.add_member()
    own, thief = await enter(world), await enter(world, group=PC)
    await world.devices.end_others(own, HOME)
    with refused(Reason.session_ended):
        await world.devices.end_others(thief, ELSEWHERE)
    with refused(Reason.session_ended):
        await world.devices.end(thief, own.session.id, ELSEWHERE)
    with refused(Reason.session_ended):
        await world.devices.sessions(thief)
    assert await listed(world, own) == [("iOS", True)]


async def test_rivals_end_a_session_once(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    own = await enter(world)
    for _ in range(5):
        other = await enter(world, group=PC)
        outcome = await race(20, lambda _: world.devices.end(own, other.session.id, HOME))  # noqa: B023
        assert outcome.reasons == {"not_found": 19}
    assert len(told(world)) == 5


async def test_R07_no_refresh_outlives_the_end_of_its_session(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    own = await enter(world)
    for round_ in range(20):
        login = await world.log_in(group=PC)

        async def act(number: int) -> str | None:
            if number == round_ % 5:  # noqa: B023
                await world.devices.end_others(own, HOME)
                return None
            return (await world.refreshed(login.refresh_token)).access_token  # noqa: B023

        outcome = await race(5, act)
        assert set(outcome.reasons) <= {"session_ended"}
        for token in (login.access_token, *filter(None, outcome.winners.values())):
            with pytest.raises(Refusal, match=r"session_ended|token_"):
                await world.authenticate(token)
        assert [group for group, _ in world.live_sessions()] == ["iOS"]


async def test_devices_that_end_each_other_at_once_wait_in_no_circle(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    for _ in range(5):
        devices = [await enter(world, group=group) for group in (IOS, PC, H5)]
        outcome = await race(3, lambda n: world.devices.end_others(devices[n], HOME))  # noqa: B023
        assert set(outcome.reasons) <= {"session_ended"}
        assert outcome.winners
