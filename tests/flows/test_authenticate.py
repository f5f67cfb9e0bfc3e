"""Token checks: garbage costs nothing, and clients keep what a refresh would save."""

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Found
from denglu.flows.ports import T, Work
from tests.flows.world import DAY, IOS, PC, World, refused


class Store:
    """Counts what a store is asked for, and can refuse to write."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.finds = self.writes = 0
        self.full = False
        self._find, self._write = world.store.find_token, world.store.write
        monkeypatch.setattr(world.store, "find_token", self._find_token)
        monkeypatch.setattr(world.store, "write", self._write_work)

    async def _find_token(self, digest: bytes) -> Found | None:
        self.finds += 1
        return await self._find(digest)

    async def _write_work(self, work: Work[T]) -> T:
        self.writes += 1
        if self.full:
            raise Refusal(Reason.busy, retry_after=1)
        return await self._write(work)


@pytest.fixture
def counted(world: World, monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(world, monkeypatch)


@pytest.mark.parametrize("garbage", ["", "x", "A" * 43, "null", "é" * 43, "A" * 100_000])
async def test_T01_garbage_is_refused_without_a_look_at_the_database(
    world: World, counted: Store, garbage: str
) -> None:
    with refused(Reason.token_invalid):
        await world.authenticate(garbage)
    assert not await world.authenticate.verify(garbage)
    with refused(Reason.token_invalid):
        await world.authenticate.known(garbage)
    with refused(Reason.refresh_invalid):
        await world.refreshed(garbage)
    assert (counted.finds, counted.writes) == (0, 0)


async def test_T05_two_hours_to_the_second(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    world.clock.advance(7199)
    await world.authenticate(login.access_token)
    world.clock.advance(1)
    with refused(Reason.token_expired):
        await world.authenticate(login.access_token)


async def test_T09_a_token_of_another_deployment_is_unknown(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    world.sql("delete from session_token")
    with refused(Reason.token_invalid):
        await world.authenticate(login.access_token)
    assert not await world.authenticate.verify(login.access_token)


async def test_the_first_use_of_a_pair_is_written_once(world: World, counted: Store) -> None:
    await world.add_member()
    login = await world.log_in()
    counted.writes = 0
    for _ in range(3):
        await world.authenticate(login.access_token)
    assert counted.writes == 0
    child = await world.refreshed(login.refresh_token)
    counted.writes = 0
    for _ in range(3):
        await world.authenticate(child.access_token)
        await world.authenticate(login.access_token)  # in flight
    assert counted.writes == 1


async def test_F06_a_store_that_cannot_write_stops_no_token_check(
    world: World, counted: Store
) -> None:
    await world.add_member()
    login = await world.log_in()
    child = await world.refreshed(login.refresh_token)
    counted.full = True
    await world.authenticate(child.access_token)
    counted.full = False
    await world.authenticate(child.access_token)
    world.clock.advance(11)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)


async def test_verify_says_true_as_long_as_a_refresh_would_do(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    for second in (0, 7199, 7200, 30 * DAY - 1):
        world.clock.time = login.member.last_time + second
        assert await world.authenticate.verify(login.access_token)
    world.clock.advance(1)
    assert not await world.authenticate.verify(login.access_token)
    await world.retain()
    assert not await world.authenticate.verify(login.access_token)


async def test_verify_says_false_for_what_is_no_current_access_token(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    assert not await world.authenticate.verify(login.refresh_token)
    child = await world.refreshed(login.refresh_token)
    assert await world.authenticate.verify(login.access_token)  # in flight
    assert await world.authenticate.verify(child.access_token)
    world.clock.advance(10)
    assert not await world.authenticate.verify(login.access_token)


async def test_verify_says_false_once_the_session_has_ended(world: World) -> None:
    await world.add_member()
    ios, pc = [await world.log_in(group=group) for group in (IOS, PC)]
    await world.logout(ios.access_token)
    assert not await world.authenticate.verify(ios.access_token)
    assert await world.authenticate.verify(pc.access_token)
    world.sql("update member set status = 0")
    assert not await world.authenticate.verify(pc.access_token)


async def test_a_trouble_of_the_store_is_no_answer_about_a_token(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(digest: bytes) -> Found | None:
        raise Refusal(Reason.busy, retry_after=1)

    await world.add_member()
    login = await world.log_in()
    monkeypatch.setattr(world.store, "find_token", busy)
    for ask in (world.authenticate, world.authenticate.verify, world.authenticate.known):
        with refused(Reason.busy):
            await ask(login.access_token)


async def test_a_trouble_that_has_just_passed_is_no_answer_either(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, troubles = world.store.find_token, [Refusal(Reason.busy, retry_after=1)]

    async def busy_once(digest: bytes) -> Found | None:
        while troubles:
            raise troubles.pop()
        return await find(digest)

    await world.add_member()
    login = await world.log_in()
    world.clock.advance(7200)
    monkeypatch.setattr(world.store, "find_token", busy_once)
    with refused(Reason.busy):
        await world.authenticate.verify(login.access_token)
    assert await world.authenticate.verify(login.access_token)
