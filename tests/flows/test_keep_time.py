"""How late it has been: kept in the database, and held against a clock that went back."""

import logging

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.flows.keep_time import KeepTime
from tests.flows.world import DAY, NOW, FakeClock, World, refused

HOUR = 3600


class HeldClock(FakeClock):
    """A machine's clock that can be told better."""

    def run_on_from(self, at: int) -> None:
        self.time = max(self.time, at)


class Site:
    """A database that was in use until some time, and processes that start on it."""

    def __init__(self, world: World) -> None:
        self._store = world.store

    async def used_until(self, at: int) -> None:
        await KeepTime(self._store, HeldClock(at)).mark()

    async def time_after_start(self, machine: int) -> int:
        """What a new process takes for now where the machine's clock says ``machine``."""
        clock = HeldClock(machine)
        await KeepTime(self._store, clock).mark()
        return clock.now()


@pytest.fixture
def site(world: World) -> Site:
    return Site(world)


async def test_the_first_process_believes_the_machine(site: Site) -> None:
    assert await site.time_after_start(NOW) == NOW


@pytest.mark.parametrize("back", [61, HOUR, 3 * HOUR])
async def test_F12_a_start_after_the_clock_went_back_goes_on_from_where_it_was(
    site: Site, back: int
) -> None:
    await site.used_until(NOW)
    assert await site.time_after_start(NOW - back) == NOW


@pytest.mark.parametrize("off", [-60, -1, 0, 1, HOUR, 10 * 365 * DAY])
async def test_F12_a_clock_that_is_right_or_ahead_is_believed(site: Site, off: int) -> None:
    await site.used_until(NOW)
    assert await site.time_after_start(NOW + off) == NOW + off


async def test_F12_a_mark_that_is_many_hours_ahead_is_not_believed_and_one_line_says_so(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    await site.used_until(NOW + 3 * HOUR + 1)
    with caplog.at_level(logging.WARNING):
        assert await site.time_after_start(NOW) == NOW
    (line,) = caplog.messages
    assert "3 hours after" in line
    # Whoever serves now writes down the time that is believed.
    await site.used_until(NOW)
    assert await site.time_after_start(NOW - HOUR) == NOW


async def test_F12_a_machine_that_is_behind_the_others_turns_nothing_back(site: Site) -> None:
    await site.used_until(NOW)
    await site.used_until(NOW - HOUR)
    assert await site.time_after_start(NOW - HOUR) == NOW


async def test_F12_a_database_that_is_up_later_than_the_process_is_asked_again(
    world: World, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.used_until(NOW)
    clock = HeldClock(NOW - HOUR)
    keep_time = KeepTime(world.store, clock)

    async def down(_: object) -> None:
        raise Refusal(Reason.busy)

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "write", down)
        with refused(Reason.busy):
            await keep_time.mark()
        assert not keep_time.resumed
    await keep_time.mark()
    assert keep_time.resumed
    assert clock.now() == NOW
    assert await site.time_after_start(NOW - HOUR) == NOW


async def test_the_mark_is_kept_while_it_says_something(world: World, site: Site) -> None:
    await site.used_until(world.clock.now())
    world.clock.advance(DAY)
    while await world.retain():
        pass
    assert world.count("limit_tally") == 1
    world.clock.advance(DAY + 1)
    while await world.retain():
        pass
    assert world.count("limit_tally") == 0


async def test_F12_processes_of_one_database_tell_the_same_time(world: World) -> None:
    """Limits and codes rely on it: the clocks of two machines may differ by an hour."""
    ahead, behind = HeldClock(NOW + HOUR), HeldClock(NOW)
    one, other = KeepTime(world.store, ahead), KeepTime(world.store, behind)
    await other.mark()
    await one.mark()
    await other.mark()
    assert ahead.now() == behind.now() == NOW + HOUR
