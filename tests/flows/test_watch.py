"""The watch: what all processes saw, what they do about it, and what an operator is told."""

import asyncio
import logging

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.domain.watch import Alarms, Alert, Sight
from denglu.flows.sms_code import SmsLimits
from denglu.flows.watch import Watch
from tests.flows.captchas import NamedCaptcha
from tests.flows.conftest import GroundOf, MakeWorld
from tests.flows.world import HOME, IOS, MOBILE, PASSWORD, Numbers, World, refused, wrong
from tests.store.grounds import Ground

FEW = Alarms((Rate(5, 300),), (Rate(10, 300),))
GENEROUS = Limit("generous", (Rate(1000, 60),))


def address(n: int) -> Caller:
    return Caller(ip=f"198.51.{n // 250}.{n % 250 + 1}")


def alerts(world: World) -> list[str]:
    """What the trail says an operator was told."""
    rows = world.sql("select note from audit_event where event = 'alert' order by id")
    return [note for (note,) in rows]


async def fail_everywhere(world: World, times: int, first: int = 0) -> None:
    for n in range(first, first + times):
        with refused(Reason.bad_credentials):
            await world.log_in(f"nobody{n}", "wrong", caller=address(n))


async def guess_everywhere(world: World, first: int, times: int) -> None:
    """One wrong guess at each of so many live codes."""
    for n in range(first, first + times):
        mobile = f"1380000{n:04d}"
        await world.send_code(mobile=mobile, usage=Usage.login, caller=address(n))
        with refused(Reason.bad_code):
            await world.with_code(mobile, wrong(world.gateway.last_code(mobile)), address(n))


# P05.


async def test_P05_stuffing_from_everywhere_asks_everybody_for_a_captcha(
    any_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = any_world
    world.wire(Numbers(alarms=FEW, captcha=NamedCaptcha()))
    await world.add_member()
    await fail_everywhere(world, 5)
    await world.log_in()
    await world.watch.tell()
    assert alerts(world) == []
    await fail_everywhere(world, 1)
    await world.watch.tell()

    assert alerts(world) == ["login_failures"]
    assert [r.alert for r in caplog.records if hasattr(r, "alert")] == ["login_failures"]
    compared = len(world.passwords.compared)
    with refused(Reason.captcha_required) as refusals:
        await world.log_in()
    assert refusals[0].details == {"captcha": {"kind": "name yourself"}}
    assert refusals[0].retry_after is None
    assert len(world.passwords.compared) == compared
    await world.login(
        username=MOBILE, password=PASSWORD, group=IOS, caller=HOME, captcha_token="person 1"
    )
    await world.with_code(MOBILE, await world.code_for())  # codes are none of its business
    world.clock.advance(300)
    await world.log_in()


async def test_P05_without_a_captcha_there_is_the_alert_alone(make_world: MakeWorld) -> None:
    world = make_world(Numbers(alarms=FEW))
    await world.add_member()
    await fail_everywhere(world, 6)
    await world.watch.tell()
    await world.log_in()
    assert alerts(world) == ["login_failures"]


async def test_P05_one_alert_in_five_minutes(make_world: MakeWorld) -> None:
    world = make_world(Numbers(alarms=FEW))
    for minute in range(12):
        await fail_everywhere(world, 6, 6 * minute)
        await world.watch.tell()
        world.clock.advance(60)
    assert alerts(world) == ["login_failures"] * 3


# S05.


async def test_S05_guessing_everywhere_leaves_two_tries_for_each_code(any_world: World) -> None:
    world = any_world
    world.wire(Numbers(alarms=FEW))
    await world.add_member()
    code = await world.code_for()
    world.clock.advance(-60)
    for _ in range(2):
        with refused(Reason.bad_code):
            await world.with_code(MOBILE, wrong(code), address(900))
    await guess_everywhere(world, 100, 8)
    await world.watch.tell()

    assert alerts(world) == ["code_guessing"]
    with refused(Reason.bad_code):  # its two tries are used up
        await world.with_code(MOBILE, code)
    before = world.events().count("sms_code_compared")
    await world.send_code(mobile="13900000001", usage=Usage.login, caller=HOME)
    code = world.gateway.last_code("13900000001")
    for _ in range(5):
        with refused(Reason.bad_code):
            await world.with_code("13900000001", wrong(code), address(901))
    assert world.events().count("sms_code_compared") == before + 2


async def test_S05_many_codes_that_are_right_are_a_busy_day(make_world: MakeWorld) -> None:
    world = make_world(Numbers(alarms=FEW))
    for n in range(20):
        mobile = f"1380000{n:04d}"
        await world.add_member(mobile)
        await world.send_code(mobile=mobile, usage=Usage.login, caller=address(n))
        await world.with_code(mobile, world.gateway.last_code(mobile), address(n))
        if n % 2:
            await guess_everywhere(world, 100 + n, 1)
    await world.watch.tell()
    assert alerts(world) == []
    assert world.watch.code_tries(5) == 5


# S15.


async def test_S15_half_of_the_sites_budget_and_all_of_it_are_told(any_world: World) -> None:
    world, limits = any_world, Numbers().sms
    site = Limit("site", (Rate(7, 3600), Rate(1000, 86400)))
    world.wire(Numbers(sms=SmsLimits(limits.cooldown, GENEROUS, GENEROUS, GENEROUS, site)))
    told = []
    for n in range(7):
        await world.send_code(mobile=f"1380000000{n}", usage=Usage.login, caller=HOME)
        await world.watch.tell()
        told.append(len(alerts(world)))
    assert told == [0, 0, 0, 1, 1, 1, 2]
    assert alerts(world) == ["sms_budget_half", "sms_budget_spent"]
    with refused(Reason.sms_too_frequent):
        await world.send_code(mobile=MOBILE[:-1] + "9", usage=Usage.login, caller=HOME)
    await world.add_member("13800000000")
    await world.with_code("13800000000", world.gateway.last_code("13800000000"))


# Many processes.


@pytest.fixture(params=["postgresql", "mysql"])
def shared(request: pytest.FixtureRequest, ground_of: GroundOf) -> Ground:
    return ground_of(request.param)


async def test_what_every_process_saw_counts_together_and_is_told_once(shared: Ground) -> None:
    worlds = [World(shared.open(), shared.sql, Numbers(alarms=FEW)) for _ in range(4)]
    for world in worlds:
        world.clock = worlds[0].clock
        world.wire(Numbers(alarms=FEW))
        world.watch.saw(Sight.login_failed, Sight.login_failed)
    await asyncio.gather(*(world.watch.tell() for world in worlds))
    for world in worlds:
        await world.watch.tell()
        assert world.watch.suspects_logins()
    assert alerts(worlds[0]) == ["login_failures"]
    await shared.close()


# The process itself.


class Slow:
    """A store that is busy as long as a test says so, and counts what is written."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.busy = False
        self.writes = 0
        self._write = world.store.write
        monkeypatch.setattr(world.store, "write", self.write)

    async def write(self, work: object) -> object:
        self.writes += 1
        if self.busy:
            raise Refusal(Reason.busy, retry_after=1)
        return await self._write(work)  # type: ignore[arg-type]


async def test_a_store_that_is_busy_fails_nobody_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.wire(Numbers(alarms=FEW))
    slow = Slow(world, monkeypatch)
    slow.busy = True
    for _ in range(6):
        world.watch.saw(Sight.login_failed)
        await world.watch.tell()
    world.watch.note(Alert.sms_budget_half)
    world.watch.note(Alert.sms_pumping, about="1380000")
    await world.watch.tell()
    world.watch.note(Alert.sms_pumping, about="198.51.100.0/24")
    await world.watch.tell()
    assert world.watch.suspects_logins()  # what this process saw itself
    slow.busy = False
    await world.watch.tell()
    assert alerts(world) == [
        "login_failures",
        "sms_budget_half",
        "sms_pumping 1380000 198.51.100.0/24",
    ]


async def test_a_burst_is_one_write_and_a_quiet_process_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(world, monkeypatch)
    watch = Watch(world.store, world.clock, world.secrets, FEW, pause=0.01)
    for _ in range(1000):
        watch.saw(Sight.code_compared)
    async with asyncio.timeout(10):
        while not world.count("limit_tally"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert slow.writes == 1
    assert watch.code_tries(5) == 5
    await watch.close()
    await watch.close()


async def test_a_process_that_only_looks_learns_what_others_saw_and_writes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    here, there = (
        Watch(world.store, world.clock, world.secrets, FEW, pause=0.001) for _ in range(2)
    )
    there.saw(*[Sight.login_failed] * 6)
    await there.tell()
    before = world.sql("select tries, expires_at from limit_tally")
    world.clock.advance(10)
    async with asyncio.timeout(10):
        while not here.suspects_logins():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert world.sql("select tries, expires_at from limit_tally") == before
    assert len([r for r in caplog.records if hasattr(r, "alert")]) == 1
    for watch in (here, there):
        await watch.close()
