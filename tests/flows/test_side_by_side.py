"""Several processes on one database: limits are exact, honest rivals are let in, none deadlocks.

A process is a store and flows of its own; all of them share the clock, the phone and the hashes.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from denglu.domain.errors import Reason
from denglu.domain.member import Status
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.flows.ports import T, Work
from denglu.store.network.link import Conflict
from denglu.store.network.store import NetworkStore
from tests.flows.conftest import GroundOf
from tests.flows.rivals import race
from tests.flows.test_turnstile import outcomes, start
from tests.flows.world import DAY, HOME, IOS, PASSWORD, PC, Numbers, World, refused
from tests.store.grounds import Ground

Run = Callable[[Any], Awaitable[Any]]
PROCESSES = 4
ROUNDS = range(5)


@pytest.fixture(params=["postgresql", "mysql"])
def ground(request: pytest.FixtureRequest, ground_of: GroundOf) -> Ground:
    return ground_of(request.param)


@pytest_asyncio.fixture
async def worlds(ground: Ground) -> AsyncIterator[list[World]]:
    """The processes."""
    processes = [World(ground.open(), ground.sql, Numbers()) for _ in range(PROCESSES)]
    first = processes[0]
    for other in processes[1:]:
        other.clock, other.passwords, other.gateway = first.clock, first.passwords, first.gateway
        other.wire(Numbers(patience=60.0))
    first.wire(Numbers(patience=60.0))
    yield processes
    await ground.close()


async def test_R09_fifty_honest_logins_in_four_processes_all_succeed(worlds: list[World]) -> None:
    await worlds[0].add_member()
    for _ in ROUNDS:
        outcome = await race(50, lambda n: worlds[n % PROCESSES].log_in())
        assert not outcome.reasons
        assert worlds[0].live_sessions() == [("iOS", 1)]


async def test_R07_who_logs_out_after_another_process_did_is_out_here_as_well(
    worlds: list[World],
) -> None:
    here, there = worlds[:2]
    await here.add_member()
    token = (await here.log_in()).access_token
    await here.authenticate(token)
    await there.logout(token)
    await here.logout(token)
    with refused(Reason.session_ended):
        await here.authenticate(token)


async def test_P03_wrong_passwords_in_four_processes_are_compared_five_times(
    worlds: list[World],
) -> None:
    world = worlds[0]
    await world.add_member()
    for round_ in ROUNDS:
        outcome = await race(60, lambda n: worlds[n % PROCESSES].log_in(password=f"wrong {n}"))
        assert outcome.reasons == {"bad_credentials": 5, "too_many_attempts": 55}
        assert len(world.passwords.compared) == 5 * (round_ + 1)
        world.clock.advance(DAY)
    assert world.events().count("login_failed") == 5 * len(ROUNDS)


async def test_P10_right_and_wrong_at_once_leave_no_try_behind(worlds: list[World]) -> None:
    await worlds[0].add_member()
    for _ in ROUNDS:
        told = await race(
            40,
            lambda n: worlds[n % PROCESSES].log_in(
                password="moonlit-harbour-17" if n % 2 else "wrong", caller=HOME
            ),
        )
        assert set(told.reasons) <= {"bad_credentials", "too_many_attempts"}
        worlds[0].clock.advance(DAY)
        tallies = worlds[0].sql("select tries from limit_tally")
        assert not any("?" in tries for (tries,) in tallies)


async def test_a_rival_in_another_process_is_waited_for(worlds: list[World]) -> None:
    await worlds[0].add_member()
    worlds[0].passwords.gate.clear()
    first = start(*(worlds[0].log_in() for _ in range(5)))
    await worlds[0].passwords.comparing(5)
    late = start(worlds[1].log_in(), worlds[2].log_in())
    await asyncio.sleep(0.2)  # they look several times
    assert not any(one.done() for one in late)
    worlds[0].passwords.gate.set()
    assert await outcomes(first) == {"ok": 5}
    assert await outcomes(late) == {"ok": 2}


async def test_what_a_process_that_died_was_judging_counts_as_wrong(worlds: list[World]) -> None:
    here, gone = worlds[0], worlds[1]
    here.wire(Numbers(patience=0.01))
    await here.add_member()
    here.passwords.gate.clear()
    tries = start(*(gone.log_in() for _ in range(5)))
    await here.passwords.comparing(5)
    for one in tries:
        one.cancel()
    await asyncio.gather(*tries, return_exceptions=True)
    here.passwords.gate.set()
    with refused(Reason.busy):  # for all that anybody knows they may still be right
        await here.log_in()
    here.clock.advance(70)
    with refused(Reason.too_many_attempts) as refusals:
        await here.log_in()
    assert refusals[0].retry_after == 900 - 70
    here.clock.advance(900 - 70)
    await here.log_in()


def address(n: int) -> Caller:
    return Caller(ip=f"198.51.100.{n}", device="iPhone")


class Crowd:
    """Members who do everything at once, in every process."""

    def __init__(self, worlds: list[World], chance: random.Random) -> None:
        self.worlds = worlds
        self.chance = chance
        self.mobiles = [f"1380000000{n}" for n in range(3)]
        self.tokens: list[str] = []
        self.refreshes: list[str] = []

    async def act(self, number: int) -> None:
        """Something, as somebody, somewhere."""
        world = self.chance.choice(self.worlds)
        mobile = self.chance.choice(self.mobiles)
        where = address(self.chance.randrange(3))
        deeds: list[Callable[[], object]] = [
            lambda: world.log_in(mobile, group=self.chance.choice([IOS, PC]), caller=where),
            lambda: world.log_in(mobile, "wrong", caller=where),
            lambda: world.send_code(mobile=mobile, usage=Usage.login, caller=where),
            lambda: self.with_code(world, mobile, Usage.login, where),
            lambda: self.with_code(world, mobile, Usage.up_pwd, where),
            lambda: self.refresh(world),
            lambda: world.logout(self.chance.choice(self.tokens)),
            lambda: world.authenticate(self.chance.choice(self.tokens)),
            lambda: self.end_others(world, where),
            lambda: self.change_password(world, where),
            lambda: self.operate(world, mobile),
            world.retain,
        ]
        await deeds[number % len(deeds)]()  # type: ignore[misc]

    async def with_code(self, world: World, mobile: str, usage: Usage, where: Caller) -> None:
        code = next(
            (
                m.code
                for m in reversed(world.gateway.sent)
                if (m.mobile, m.usage) == (mobile, usage)
            ),
            "000000",
        )
        if usage is Usage.login:
            grant = await world.mobile_login(mobile=mobile, code=code, group=IOS, caller=where)
        else:
            grant = await world.reset(
                code, mobile=mobile, password="moonlit-harbour-17", caller=where
            )
        self.keep(grant.access_token, grant.refresh_token)

    async def refresh(self, world: World) -> None:
        grant = await world.refreshed(self.chance.choice(self.refreshes))
        self.keep(grant.access_token, grant.refresh_token)

    async def end_others(self, world: World, where: Caller) -> None:
        found = await world.authenticate(self.chance.choice(self.tokens))
        await world.devices.end_others(found, where)

    async def change_password(self, world: World, where: Caller) -> None:
        found = await world.authenticate(self.chance.choice(self.tokens))
        grant = await world.change_password(
            found, old_password=PASSWORD, password=PASSWORD, caller=where
        )
        self.keep(grant.access_token, grant.refresh_token)

    async def operate(self, world: World, mobile: str) -> None:
        member = await world.administer.find(mobile)
        assert member is not None
        await world.administer.revoke(member, None)
        await world.administer.set_status(member, Status.disabled)
        await world.administer.set_status(member, Status.enabled)

    def keep(self, access: str, refresh: str) -> None:
        self.tokens.append(access)
        self.refreshes.append(refresh)


async def test_everything_at_once_deadlocks_nobody(
    worlds: list[World], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    undone = conflicts(worlds, monkeypatch)
    crowd = Crowd(worlds, chance)
    for mobile in crowd.mobiles:
        await worlds[0].add_member(mobile)
    reasons: Counter[str] = Counter()
    for _ in range(30):
        worlds[0].clock.advance(DAY)
        for mobile in crowd.mobiles:
            for usage in (Usage.login, Usage.up_pwd):
                await worlds[0].code_for(mobile, usage)
            grant = await worlds[0].log_in(mobile)
            crowd.keep(grant.access_token, grant.refresh_token)
        outcome = await race(40, crowd.act)
        reasons += outcome.reasons
        del crowd.tokens[:-20], crowd.refreshes[:-20]
    assert Reason.busy.value not in reasons
    assert undone == []
    places = "select count(*) from session where slot is not null group by member_id, client_group"
    assert {count for (count,) in worlds[0].sql(places)} <= {1}


def conflicts(worlds: list[World], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the databases had to undo because transactions waited for each other."""
    undone: list[str] = []
    for world in worlds:
        assert isinstance(world.store, NetworkStore)
        transaction = world.store._transaction

        async def watched(work: Work[T], run: Run = transaction) -> object:
            try:
                return await run(work)
            except Conflict as conflict:
                undone.append(str(conflict))
                raise

        monkeypatch.setattr(world.store, "_transaction", watched)
    return undone
