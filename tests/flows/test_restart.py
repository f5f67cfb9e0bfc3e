"""A restart forgets nothing: neither tokens, nor tries, nor cooldowns."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio

from denglu.domain.errors import Reason
from denglu.domain.sms_code import Usage
from tests.flows.world import HOME, MOBILE, Numbers, World, refused, wrong
from tests.store.grounds import Ground

Restart = Callable[[], Awaitable[World]]


@pytest_asyncio.fixture
async def restarted(disk_ground: Ground) -> AsyncIterator[Restart]:
    """Starts a world on the same data; the one before it is closed, its clock goes on."""
    worlds: list[World] = []

    async def start() -> World:
        await disk_ground.close()
        world = World(disk_ground.open(), disk_ground.sql, Numbers())
        if worlds:
            world.clock, world.gateway = worlds[-1].clock, worlds[-1].gateway
            world.wire(Numbers())
        worlds.append(world)
        return world

    yield start
    await disk_ground.close()


async def test_R14_a_rotated_token_is_still_a_thiefs_after_a_restart(restarted: Restart) -> None:
    world = await restarted()
    await world.add_member()
    login = await world.log_in()
    child = await world.refreshed(login.refresh_token)
    await world.authenticate(child.access_token)
    world.clock.advance(11)

    world = await restarted()
    await world.authenticate(child.access_token)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)
    with refused(Reason.session_ended):
        await world.authenticate(child.access_token)


async def test_R14_a_lost_answer_is_given_again_after_a_restart(restarted: Restart) -> None:
    world = await restarted()
    await world.add_member()
    login = await world.log_in()
    lost = await world.refreshed(login.refresh_token)
    world = await restarted()
    again = await world.refreshed(login.refresh_token)
    assert (again.access_token, again.refresh_token) == (lost.access_token, lost.refresh_token)


async def test_R14_counters_and_cooldowns_survive(restarted: Restart) -> None:
    world = await restarted()
    await world.add_member()
    await world.send_code(mobile=MOBILE, usage=Usage.login, caller=HOME)
    code = world.gateway.last_code(MOBILE)
    for _ in range(4):
        with refused(Reason.bad_credentials):
            await world.log_in(password="wrong")
        with refused(Reason.bad_code):
            await world.with_code(MOBILE, wrong(code))

    world = await restarted()
    with refused(Reason.sms_too_frequent):
        await world.send_code(mobile=MOBILE, usage=Usage.login, caller=HOME)
    with refused(Reason.bad_credentials):
        await world.log_in(password="wrong")
    with refused(Reason.too_many_attempts):
        await world.log_in()
    with refused(Reason.bad_code):
        await world.with_code(MOBILE, wrong(code))
    with refused(Reason.bad_code):
        await world.with_code(MOBILE, code)


async def test_R14_a_code_is_still_good_after_a_restart_and_only_once(restarted: Restart) -> None:
    world = await restarted()
    await world.add_member()
    code = await world.code_for()
    world = await restarted()
    await world.with_code(MOBILE, code)
    world = await restarted()
    with refused(Reason.bad_code):
        await world.with_code(MOBILE, code)
