"""Members notice nothing of a copy: what they hold goes on working with the same secret key."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio

from denglu.domain.errors import Reason
from tests.flows.world import MOBILE, OTHER_MOBILE, Numbers, World, refused, wrong
from tests.moving.places import Place, copy_beside

Move = Callable[[World], Awaitable[World]]


@pytest_asyncio.fixture
async def here(source: Place) -> AsyncIterator[World]:
    """A world on the file that will be copied."""
    world = World(source.store(), source.sql, Numbers())
    yield world
    await world.store.close()


@pytest_asyncio.fixture
async def move(source: Place, target: Place) -> AsyncIterator[Move]:
    """Ends a world, copies its file, and gives the same world on the copy."""
    moved: list[World] = []

    async def go(world: World) -> World:
        await world.store.close()
        assert (await copy_beside(source, target)).same
        there = World(target.store(), target.sql, Numbers())
        there.clock, there.gateway = world.clock, world.gateway
        there.wire(Numbers())
        moved.append(there)
        return there

    yield go
    for world in moved:
        await world.store.close()


async def test_a_member_stays_logged_in(here: World, move: Move) -> None:
    member = await here.add_member()
    grant = await here.log_in()
    there = await move(here)
    assert (await there.authenticate(grant.access_token)).member.id == member.id
    new = await there.refreshed(grant.refresh_token)
    assert (await there.authenticate(new.access_token)).member.id == member.id
    assert there.live_sessions() == [("iOS", 2)]


async def test_an_answer_that_was_lost_before_the_copy_is_given_again(
    here: World, move: Move
) -> None:
    await here.add_member()
    grant = await here.log_in()
    lost = await here.refreshed(grant.refresh_token)
    there = await move(here)
    again = await there.refreshed(grant.refresh_token)
    assert (again.access_token, again.refresh_token) == (lost.access_token, lost.refresh_token)


async def test_a_token_that_was_revoked_stays_revoked(here: World, move: Move) -> None:
    await here.add_member()
    grant = await here.log_in()
    await here.log_in()
    there = await move(here)
    with refused(Reason.session_replaced):
        await there.authenticate(grant.access_token)


async def test_a_code_that_is_on_its_way_works_once(here: World, move: Move) -> None:
    await here.add_member()
    code = await here.code_for()
    with refused(Reason.bad_code):
        await here.with_code(MOBILE, wrong(code))
    there = await move(here)
    assert there.sql("SELECT tries FROM sms_code") == [(1,)]
    await there.with_code(MOBILE, code)
    with refused(Reason.bad_code):
        await there.with_code(MOBILE, code)


async def test_a_lockout_holds(here: World, move: Move) -> None:
    await here.add_member()
    for _ in range(5):
        with refused(Reason.bad_credentials):
            await here.log_in(password="not-the-password")
    there = await move(here)
    with refused(Reason.too_many_attempts):
        await there.log_in()


async def test_the_audit_trail_goes_on(here: World, move: Move) -> None:
    await here.add_member()
    await here.log_in()
    before = here.events()
    there = await move(here)
    assert there.events() == before
    await there.add_member(OTHER_MOBILE)
    await there.log_in(OTHER_MOBILE)
    assert there.events()[: len(before)] == before
    assert len(there.events()) > len(before)
