"""Retention: what is over goes when its time has come, and what is needed stays."""

from denglu.domain.errors import Reason
from denglu.domain.sms_code import Usage
from denglu.domain.spend import Cap, Kind
from denglu.flows.budget import Budget
from tests.flows.conftest import MakeWorld
from tests.flows.world import DAY, IOS, PC, Numbers, World, refused


async def test_nothing_is_left_to_do_at_once(world: World) -> None:
    await world.add_member()
    await world.log_in()
    await world.code_for()
    assert not await world.retain()


async def test_F18_what_is_over_goes_in_its_time(world: World) -> None:
    await world.add_member()
    login = await world.log_in(group=IOS)
    kept = await world.log_in(group=PC)
    await world.code_for(usage=Usage.up_pwd)
    await world.logout(login.access_token)

    world.clock.advance(DAY + 300)
    while await world.retain():
        pass
    assert world.count("sms_code") == 0
    assert world.count("session") == 2

    kept = await world.refreshed(kept.refresh_token)
    world.clock.advance(30 * DAY - 1)
    while await world.retain():
        pass
    assert world.count("session") == 1
    assert world.count("session_token") == 4
    assert world.count("limit_tally") == 0
    assert world.count("audit_event") > 0
    await world.refreshed(kept.refresh_token)

    assert world.count("sms_message") == 1
    world.clock.advance(180 * DAY)
    while await world.retain():
        pass
    assert world.count("audit_event") == world.count("sms_message") == 0


async def test_what_was_spent_is_kept_for_more_than_a_year(make_world: MakeWorld) -> None:
    world = make_world(Numbers(budget=Budget(site=dict.fromkeys(Kind, Cap(messages=9)))))
    await world.code_for()
    begun = world.clock.now()
    world.clock.advance(395 * DAY)
    while await world.retain():
        pass
    assert world.count("sms_spend") == 3
    world.clock.time = begun + 432 * DAY
    while await world.retain():
        pass
    assert world.count("sms_spend") == 0


async def test_a_session_nobody_refreshed_is_ended_and_its_place_is_free(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    world.clock.advance(30 * DAY)
    assert await world.retain()
    assert world.live_sessions() == []
    with refused(Reason.refresh_expired):
        await world.refreshed(login.refresh_token)
    await world.log_in()
    assert "session_replaced" not in world.events()
