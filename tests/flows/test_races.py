"""Races on a real SQLite file: twenty rounds each, rivals released by a barrier.

Each row's story is told once with few rivals on the memory store; here it meets the writer
thread, group commit and many rivals. That the race itself can catch a fault is tested too.
"""

import asyncio

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Status
from denglu.domain.session import Caller, EndReason
from denglu.domain.sms_code import Usage
from denglu.flows.ports import Store, Transaction
from tests.flows.rivals import race
from tests.flows.world import DAY, H5, IOS, PC, World, refused

ROUNDS = range(20)


def mobile_of(round_: int) -> str:
    """A number for each round."""
    return f"138{round_:08d}"


def address_of(rival: int) -> Caller:
    return Caller(ip=f"198.51.100.{rival}", device="iPhone")


async def fresh_code(world: World, round_: int, usage: Usage) -> str:
    """A code on a new day, so that no limit but the code's own is in the way."""
    world.clock.advance(DAY)
    return await world.code_for(mobile_of(round_), usage)


# The race catches what it is there for.


class Toy:
    """A voucher that is good once. Broken: it reads, and then writes what it made of it."""

    def __init__(self, store: Store, *, broken: bool) -> None:
        self._store = store
        self._broken = broken

    async def fill(self) -> None:
        await self._store.write(lambda tx: self._put(tx, "good"))

    async def spend(self, _: int) -> str:
        if self._broken:
            await self._store.write(self._check)
            await self._store.write(lambda tx: self._put(tx, "spent"))
        else:
            await self._store.write(self._check_and_spend)
        return "yours"

    async def _check(self, tx: Transaction) -> None:
        if (await tx.tallies.load([b"v" * 32])).get(b"v" * 32) != "good":
            raise Refusal(Reason.bad_code)

    async def _check_and_spend(self, tx: Transaction) -> None:
        await self._check(tx)
        await self._put(tx, "spent")

    async def _put(self, tx: Transaction, state: str) -> None:
        await tx.tallies.load([b"v" * 32])
        await tx.tallies.save({b"v" * 32: (state, 0)})


@pytest.mark.parametrize("broken", [True, False])
async def test_the_race_catches_whoever_reads_and_then_writes(
    any_world: World, broken: bool
) -> None:
    toy = Toy(any_world.store, broken=broken)
    for _ in ROUNDS:
        await toy.fill()
        winners = (await race(20, toy.spend)).winners
        assert (len(winners) > 1) == broken


async def test_the_race_lets_no_other_fault_through_as_a_refusal() -> None:
    async def faulty(number: int) -> None:
        if number == 3:
            raise LookupError(number)

    with pytest.raises(LookupError):
        await race(5, faulty)


# The rows.


async def test_R01_one_code_a_hundred_logins(disk_world: World) -> None:
    world = disk_world
    for round_ in ROUNDS:
        mobile = mobile_of(round_)
        await world.add_member(mobile)
        code = await fresh_code(world, round_, Usage.login)
        outcome = await race(100, lambda n: world.with_code(mobile, code, address_of(n)))  # noqa: B023
        assert len(outcome.winners) == 1
        assert outcome.reasons == {"bad_code": 99}
        (grant,) = outcome.winners.values()
        await world.authenticate(grant.access_token)
        assert grant.member.visit_count == 1
        assert world.count("session") == round_ + 1


async def test_R02_one_number_a_hundred_registrations(disk_world: World) -> None:
    world = disk_world
    for round_ in ROUNDS:
        mobile = mobile_of(round_)
        code = await fresh_code(world, round_, Usage.register)
        outcome = await race(
            100,
            lambda n: world.join(
                code,  # noqa: B023
                mobile=mobile,  # noqa: B023
                password=f"harbour-of-{n}",
                caller=address_of(n),
            ),
        )
        assert len(outcome.winners) == 1
        assert set(outcome.reasons) <= {"bad_code", "mobile_taken"}
        assert world.count("member") == world.count("member_account") == round_ + 1
        (winner,) = outcome.winners
        await world.log_in(mobile, f"harbour-of-{winner}")


async def test_R03_one_refresh_token_a_hundred_refreshes(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    for _ in ROUNDS:
        login = await world.log_in()
        pairs = []
        for _ in range(2):
            outcome = await race(100, lambda _: world.refreshed(login.refresh_token, IOS))  # noqa: B023
            assert not outcome.reasons
            pairs += [(g.access_token, g.refresh_token) for g in outcome.winners.values()]
            assert world.live_sessions() == [("iOS", 2)]
            world.clock.advance(30)
        assert len(pairs) == 200
        assert len(set(pairs)) == 1
        with refused(Reason.token_expired):
            await world.authenticate(login.access_token)
        await world.authenticate(pairs[0][0])
    assert "refresh_reuse" not in world.events()


async def test_R07_refresh_and_logout_at_once(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    for round_ in ROUNDS:
        login = await world.log_in()

        async def act(number: int) -> str | None:
            if number == round_:  # noqa: B023
                await world.logout(login.access_token)  # noqa: B023
                return None
            return (await world.refreshed(login.refresh_token)).refresh_token  # noqa: B023

        outcome = await race(21, act)
        assert set(outcome.reasons) <= {"session_ended"}
        assert world.live_sessions() == []
        for token in {login.refresh_token, *filter(None, outcome.winners.values())}:
            with refused(Reason.session_ended):
                await world.refreshed(token)


async def test_R08_refresh_and_reset_and_disable_at_once(disk_world: World) -> None:
    world = disk_world
    for round_ in ROUNDS:
        mobile = mobile_of(round_)
        member = await world.add_member(mobile)
        code = await fresh_code(world, round_, Usage.up_pwd)
        logins = [await world.log_in(mobile, group=group) for group in (IOS, PC, H5)]

        async def act(number: int) -> str | None:
            if number == 4:
                await world.reset(code, mobile=mobile)  # noqa: B023
            elif number == 8:
                await world.administer.set_status(member, Status.disabled)  # noqa: B023
            else:
                token = logins[number % 3].refresh_token  # noqa: B023
                return (await world.refreshed(token)).refresh_token
            return None

        outcome = await race(12, act)
        tokens = {login.refresh_token for login in logins}
        for token in tokens | set(filter(None, outcome.winners.values())):
            with pytest.raises(Refusal):
                await world.refreshed(token)
        assert await world.administer.sessions(member) == []


async def test_R09_fifty_logins_in_one_group(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    pc = await world.log_in(group=PC)
    for _ in ROUNDS:
        outcome = await race(50, lambda _: world.log_in())
        assert not outcome.reasons
        assert world.live_sessions() == [("pc", 1), ("iOS", 1)]
        good = []
        for grant in outcome.winners.values():
            try:
                good.append(await world.authenticate(grant.access_token))
            except Refusal as refusal:
                assert refusal.reason is Reason.session_replaced  # noqa: PT017
        assert len(good) == 1
    await world.authenticate(pc.access_token)


async def test_R11_one_code_fifty_new_passwords(disk_world: World) -> None:
    world = disk_world
    for round_ in ROUNDS:
        mobile = mobile_of(round_)
        await world.add_member(mobile)
        before = await world.log_in(mobile)
        code = await fresh_code(world, round_, Usage.up_pwd)
        outcome = await race(
            50,
            lambda n: world.reset(
                code,  # noqa: B023
                mobile=mobile,  # noqa: B023
                password=f"harbour-of-{n}",
                caller=address_of(n),
            ),
        )
        assert len(outcome.winners) == 1
        assert outcome.reasons == {"bad_code": 49}
        ((winner, grant),) = outcome.winners.items()
        await world.authenticate(grant.access_token)
        with refused(Reason.session_ended) as refusals:
            await world.authenticate(before.access_token)
        assert refusals[0].details["end_reason"] == EndReason.password_changed
        await world.log_in(mobile, f"harbour-of-{winner}")


async def test_S02_two_hundred_wrong_guesses_at_once(disk_world: World) -> None:
    world = disk_world
    for round_ in ROUNDS:
        code = await fresh_code(world, round_, Usage.login)
        guesses = [f"{(int(code) + n + 1) % 10**6:06d}" for n in range(200)]
        outcome = await race(
            200,
            lambda n: world.with_code(mobile_of(round_), guesses[n], address_of(n)),  # noqa: B023
        )
        assert outcome.reasons == {"bad_code": 200}
        assert world.events().count("sms_code_compared") == 5 * (round_ + 1)


async def test_S12_fifty_askings_for_one_number(disk_world: World) -> None:
    world = disk_world
    for round_ in ROUNDS:
        world.clock.advance(DAY)
        outcome = await race(
            50,
            lambda n: world.send_code(
                mobile=mobile_of(round_),  # noqa: B023
                usage=list(Usage)[n % 6],
                caller=address_of(n),
            ),
        )
        assert outcome.reasons == {"sms_too_frequent": 49}
        assert len(world.gateway.sent) == round_ + 1


async def test_P03_two_hundred_wrong_passwords_from_many_addresses(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    for _ in range(3):
        compared = len(world.passwords.compared)
        await race(60, lambda n: world.log_in(password="wrong", caller=address_of(n)))
        assert len(world.passwords.compared) == compared + 10
        world.clock.advance(DAY)
        await asyncio.sleep(0)
