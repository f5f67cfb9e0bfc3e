"""Failures in a row: after a hundred of them an account's passwords are refused until a reset."""

import asyncio
import itertools
from dataclasses import dataclass

import pytest
import pytest_asyncio

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.member import Status
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from tests.flows.conftest import MakeWorld
from tests.flows.rivals import race
from tests.flows.world import (
    DAY,
    HOME,
    MOBILE,
    OTHER_MOBILE,
    PASSWORD,
    PC,
    Numbers,
    World,
    refused,
)

YEAR = 366 * DAY
# Nothing but failures in a row closes this account.
ROW = Numbers(
    account_address=Limit("account-address", (Rate(9999, 60),), lockouts=(60,)),
    account=Limit("account", (Rate(9999, 60),), lockouts=(60,), streak=4),
    address=Limit("address", (Rate(9999, 60),)),
)


def address(n: int) -> Caller:
    return Caller(ip=f"198.51.{n // 250}.{n % 250 + 1}")


@dataclass
class Knocker:
    """Somebody who guesses at a name from an address after the other."""

    world: World
    name: str
    judged: list[int]
    told: list[tuple[str, int | None]]

    async def knock(self, caller: Caller) -> None:
        with pytest.raises(Refusal) as info:
            await self.world.log_in(self.name, "not-the-password", caller=caller)
        self.told.append((info.value.reason.value, info.value.retry_after))
        if info.value.reason is Reason.bad_credentials:
            self.judged.append(self.world.clock.now())


async def fail(world: World, times: int = 1, name: str = MOBILE) -> None:
    for _ in range(times):
        with refused(Reason.bad_credentials):
            await world.log_in(name, "not-the-password")


async def closed_for_good(world: World, name: str = MOBILE) -> None:
    """The right password is not even compared, and no wait is told."""
    compared = len(world.passwords.compared)
    with refused(Reason.too_many_attempts) as refusals:
        await world.log_in(name)
    assert refusals[0].retry_after is None
    assert len(world.passwords.compared) == compared


@pytest_asyncio.fixture
async def strict(make_world: MakeWorld) -> World:
    """A world in which four failures in a row are the end, with one member."""
    world = make_world(ROW)
    await world.add_member()
    return world


async def test_P02_E07_five_hundred_addresses_have_a_hundred_guesses_in_all(
    disk_world: World,
) -> None:
    world = disk_world
    await world.add_member()
    session = await world.log_in(group=PC)
    member, nobody = (Knocker(world, name, [], []) for name in (MOBILE, "nobody@example.com"))
    for n in range(600):
        await member.knock(address(n % 500))
        await nobody.knock(address(n % 500))
        world.clock.advance(60)

    assert member.told == nobody.told
    judged = member.judged
    assert len(judged) == 100
    assert max(sum(end - 900 < at <= end for at in judged) for end in judged) == 10
    pauses = [later - before for before, later in itertools.pairwise(judged)]
    assert [pause for pause in pauses if pause > 60] == [900, 1800, *[3600] * 7]
    assert member.told[-1] == ("too_many_attempts", None)

    # A hundred years later it is as closed as before, and everything else works.
    await world.refreshed(session.refresh_token)
    await world.refreshed(session.refresh_token)
    world.clock.advance(100 * YEAR)
    while await world.retain():
        pass
    await closed_for_good(world)
    await world.with_code(MOBILE, await world.code_for())
    await closed_for_good(world)
    await world.reset(await world.code_for(usage=Usage.up_pwd), password="a-new-harbour-18")
    await world.log_in(password="a-new-harbour-18")


async def test_P02_rivals_have_the_last_guess_once(disk_world: World) -> None:
    world = disk_world
    world.wire(ROW)
    await world.add_member()
    await fail(world, 3)
    outcome = await race(50, lambda n: world.log_in(password="wrong", caller=address(n)))
    assert outcome.reasons == {"bad_credentials": 1, "too_many_attempts": 49}
    await closed_for_good(world)


async def test_P10_honest_rivals_at_the_last_guess_all_get_in(disk_world: World) -> None:
    world = disk_world
    world.wire(ROW)
    await world.add_member()
    await fail(world, 3)
    outcome = await race(20, lambda n: world.log_in(caller=address(n)))
    assert not outcome.reasons
    await fail(world, 3)
    await world.log_in()


async def test_P02_an_own_success_forgets_them(strict: World) -> None:
    for _ in range(5):
        await fail(strict, 3)
        await strict.log_in()


async def test_P02_time_codes_and_the_success_of_others_forget_nothing(strict: World) -> None:
    await strict.add_member(OTHER_MOBILE)
    for _ in range(4):
        await fail(strict)
        strict.clock.advance(30 * DAY)
        await strict.with_code(MOBILE, await strict.code_for())
        await strict.log_in(OTHER_MOBILE)
        while await strict.retain():
            pass
    for years in (0, 2, 100):
        strict.clock.advance(years * YEAR)
        while await strict.retain():
            pass
        await closed_for_good(strict)


async def test_P02_another_name_of_the_member_has_no_guesses_of_its_own(
    make_world: MakeWorld,
) -> None:
    world = make_world(ROW)
    await world.add_member(username="harbour")
    for name in (MOBILE, "harbour", "HARBOUR", "+86" + MOBILE):
        await fail(world, name=name)
    await closed_for_good(world)
    await closed_for_good(world, "harbour")


async def test_P10_what_nobody_had_time_to_judge_is_no_failure_in_the_row(strict: World) -> None:
    strict.passwords.busy = 20
    for _ in range(20):
        with refused(Reason.busy):
            await strict.log_in()
    await fail(strict, 3)
    await strict.log_in()


async def test_P02_an_operator_opens_the_account_of_who_has_no_mobile(strict: World) -> None:
    member = await strict.add_member("", username="harbour")
    await fail(strict, 4, "harbour")
    await closed_for_good(strict, "harbour")
    await strict.administer.set_status(member, Status.enabled)
    await strict.log_in("harbour")


async def test_P02_who_registers_a_name_that_was_closed_gets_in(strict: World) -> None:
    await fail(strict, 4, OTHER_MOBILE)
    await closed_for_good(strict, OTHER_MOBILE)
    await strict.join(await strict.code_for(OTHER_MOBILE, Usage.register), mobile=OTHER_MOBILE)
    await strict.log_in(OTHER_MOBILE)


async def test_P02_what_was_guessed_at_a_name_of_nobody_is_forgotten_after_a_year(
    strict: World,
) -> None:
    await fail(strict, 4, OTHER_MOBILE)
    for days, left in ((365, 1), (1, 1), (1, 0)):
        strict.clock.advance(days * DAY)
        while await strict.retain():
            pass
        assert strict.count("limit_tally") == left
    await fail(strict, 4, OTHER_MOBILE)
    await closed_for_good(strict, OTHER_MOBILE)


async def test_who_logs_in_leaves_nothing_behind(strict: World) -> None:
    for _ in range(3):
        await fail(strict)
        await strict.log_in()
    strict.clock.advance(DAY)
    while await strict.retain():
        pass
    assert strict.count("limit_tally") == 0


async def test_the_trail_says_that_only_a_reset_helps(strict: World) -> None:
    await fail(strict, 4)
    await closed_for_good(strict)
    await closed_for_good(strict)
    notes = strict.sql("select note from audit_event where event = 'too_many_attempts'")
    assert notes == [("until the password is reset",)]


async def test_a_new_password_beside_the_last_guess_leaves_the_account_open(strict: World) -> None:
    await fail(strict, 3)
    code = await strict.code_for(usage=Usage.up_pwd)
    strict.passwords.gate.clear()
    guess = asyncio.ensure_future(strict.log_in(password="wrong", caller=HOME))
    await strict.passwords.comparing()
    await strict.reset(code, password=PASSWORD)
    strict.passwords.gate.set()
    with refused(Reason.bad_credentials):
        await guess
    await fail(strict, 3)
    await strict.log_in()


@pytest.mark.parametrize("years", [0, 100])
async def test_P09_the_longest_lock_holds_to_the_second_on_any_clock(
    disk_world: World, years: int
) -> None:
    world = disk_world
    day = Limit("account", (Rate(10, 900),), lockouts=(DAY,), streak=100)
    world.wire(Numbers(account=day))
    world.clock.advance(years * YEAR)
    await world.add_member()
    for n in range(10):
        with refused(Reason.bad_credentials):
            await world.log_in(password="wrong", caller=address(n))
    start = world.clock.now()
    for second in (0, DAY // 2, DAY - 1):
        world.clock.time = start + second
        with refused(Reason.too_many_attempts) as refusals:
            await world.log_in(caller=address(99))
        assert refusals[0].retry_after == DAY - second
        while await world.retain():
            pass
    world.clock.time = start + DAY
    await world.log_in()
