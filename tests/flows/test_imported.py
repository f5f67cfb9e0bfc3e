"""Tokens of another server, after an import has brought them."""

import asyncio
import hashlib
from typing import Any

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Kind, Lives
from denglu.flows.imported import ImportedTokens
from denglu.flows.ports import TokenDigests, Transaction
from denglu.security.tokens import HmacTokens
from tests.flows.world import DAY, IOS, KEY, NOW, PC, FakeClock, World, refused
from tests.store.making import new_session

# As RageFrame made them, at NOW.
ACCESS = "Zq3-_xY9" * 4 + f"_{NOW}"
REFRESH = "hT5_-U1w" * 4 + f"_{NOW}"
ACCESS_LIFE, REFRESH_LIFE = 7200, 30 * DAY


async def bring(world: World, *, mark: bool = True) -> None:
    """What an import makes of a member and a row of tokens."""
    member = await world.add_member()
    pair = TokenDigests(*(hashlib.sha256(token.encode()).digest() for token in (ACCESS, REFRESH)))
    session = new_session(
        member.id,
        lives=Lives(NOW + ACCESS_LIFE, NOW + REFRESH_LIFE),
        absolute_expires_at=NOW + 90 * DAY,
    )

    async def work(tx: Transaction) -> None:
        session_id, _ = await tx.sessions.open(session)
        await tx.sessions.add_pair(session_id, member.id, 1, pair)

    await world.store.write(work)
    if mark:
        note(world, NOW + REFRESH_LIFE)


def note(world: World, until: int) -> None:
    """What it leaves for the servers."""
    world.sql(
        "insert into import_mark (kind, source_id, digest, target_id) "
        f"values ('tokens', 0, '{'0' * 32}', {until})"
    )


async def test_a_token_from_before_the_move_works_after_it(any_world: World) -> None:
    world = any_world
    await bring(world)
    found = await world.authenticate(ACCESS)
    assert (found.session.group, found.session.generation) == ("iOS", 1)
    assert await world.authenticate.verify(ACCESS)
    world.clock.advance(ACCESS_LIFE)
    with refused(Reason.token_expired):
        await world.authenticate(ACCESS)
    # A client that asks may keep its tokens: a refresh will do.
    assert await world.authenticate.verify(ACCESS)


async def test_its_refresh_token_gives_a_pair_of_ours(any_world: World) -> None:
    world = any_world
    await bring(world)
    grant = await world.refreshed(REFRESH, IOS)
    for kind, token in ((Kind.access, grant.access_token), (Kind.refresh, grant.refresh_token)):
        assert world.tokens.digest(kind, token)
    assert (await world.authenticate(grant.access_token)).session.generation == 2
    # The session is the one that there was, and goes on as any other.
    again = await world.refreshed(grant.refresh_token, IOS)
    assert (await world.authenticate(again.access_token)).session.generation == 3
    assert world.live_sessions() == [("iOS", 3)]


async def test_R03_all_who_refresh_it_at_once_get_one_pair(any_world: World) -> None:
    world = any_world
    await bring(world)
    grants = await asyncio.gather(*(world.refreshed(REFRESH) for _ in range(20)))
    assert len({(grant.access_token, grant.refresh_token) for grant in grants}) == 1
    # Nor does an answer get lost: the same again, until the pair is used.
    world.clock.advance(30)
    assert (await world.refreshed(REFRESH)).refresh_token == grants[0].refresh_token
    assert world.live_sessions() == [("iOS", 2)]


async def test_R04_whoever_replays_it_later_ends_the_session(any_world: World) -> None:
    world = any_world
    await bring(world)
    grant = await world.refreshed(REFRESH)
    await world.authenticate(grant.access_token)
    world.clock.advance(11)
    with refused(Reason.refresh_invalid):
        await world.refreshed(REFRESH)
    assert world.live_sessions() == []
    assert "refresh_reuse" in world.events()


async def test_the_access_token_from_before_ends_with_the_refresh(any_world: World) -> None:
    world = any_world
    await bring(world)
    await world.refreshed(REFRESH)
    await world.authenticate(ACCESS)  # requests that are under way
    world.clock.advance(11)
    with refused(Reason.token_expired):
        await world.authenticate(ACCESS)
    assert not await world.authenticate.verify(ACCESS)


async def test_T04_neither_of_them_is_taken_for_the_other(any_world: World) -> None:
    world = any_world
    await bring(world)
    with refused(Reason.token_invalid):
        await world.authenticate(REFRESH)
    assert not await world.authenticate.verify(REFRESH)
    with refused(Reason.token_invalid):
        await world.logout(REFRESH)
    for group in (IOS, None):
        with refused(Reason.refresh_invalid):
            await world.refreshed(ACCESS, group)
    with refused(Reason.refresh_invalid):
        await world.refreshed(REFRESH, PC)
    # Nothing of it burnt anything.
    await world.authenticate(ACCESS)
    assert (await world.refreshed(REFRESH, IOS)).access_token


async def test_a_member_logs_out_with_it(any_world: World) -> None:
    world = any_world
    await bring(world)
    world.clock.advance(ACCESS_LIFE + 60)
    await world.logout(ACCESS)
    with refused(Reason.session_ended):
        await world.refreshed(REFRESH)
    assert world.live_sessions() == []


async def test_a_login_ends_the_session_from_before_in_its_group(any_world: World) -> None:
    world = any_world
    await bring(world)
    await world.log_in(group=PC)
    await world.authenticate(ACCESS)
    await world.log_in(group=IOS)
    # On a network database, this process knows at once what it has done itself.
    with refused(Reason.session_replaced):
        await world.authenticate(ACCESS)
    with refused(Reason.session_replaced):
        await world.refreshed(REFRESH)


async def test_who_comes_too_late_is_told_so(any_world: World) -> None:
    world = any_world
    await bring(world)
    world.clock.advance(REFRESH_LIFE - 1)
    assert await world.authenticate.verify(ACCESS)
    world.clock.advance(1)
    with refused(Reason.refresh_expired):
        await world.refreshed(REFRESH)
    with refused(Reason.token_expired):
        await world.authenticate(ACCESS)
    assert not await world.authenticate.verify(ACCESS)


async def test_where_nothing_was_imported_such_a_token_is_garbage(any_world: World) -> None:
    """Even where its digest is known: what makes it a token is the import's note."""
    world = any_world
    await bring(world, mark=False)
    with refused(Reason.token_invalid):
        await world.authenticate(ACCESS)
    with refused(Reason.refresh_invalid):
        await world.refreshed(REFRESH)
    assert not await world.authenticate.verify(ACCESS)


class Watched:
    """A store that only knows of imports, slowly, and counts who asks."""

    def __init__(self) -> None:
        self.until = 0
        self.asked = 0
        self.answer = asyncio.Event()
        self.answer.set()
        self.broken = False

    async def imported_until(self) -> int:
        self.asked += 1
        await self.answer.wait()
        if self.broken:
            raise Refusal(Reason.busy, retry_after=1)
        return self.until


class Ticks:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def imported(watched: Watched, ticks: Ticks, clock: FakeClock) -> ImportedTokens:
    store: Any = watched
    return ImportedTokens(store, clock, HmacTokens(KEY), monotonic=ticks)


async def test_garbage_of_their_shape_asks_the_store_once_a_second_at_most(
    imported: ImportedTokens, watched: Watched, ticks: Ticks
) -> None:
    for _ in range(3):
        assert await imported.digest(ACCESS) is None
        ticks.now += 0.25
    assert watched.asked == 1
    ticks.now += 0.25
    assert await imported.digest(REFRESH) is None
    assert watched.asked == 2


async def test_any_other_garbage_does_not_ask_it(
    imported: ImportedTokens, watched: Watched
) -> None:
    for garbage in ("", "A" * 43, ACCESS[:-1], ACCESS + "0", f"{ACCESS}\n", "月" * 43):
        assert await imported.digest(garbage) is None
    assert watched.asked == 0


async def test_an_import_is_known_a_second_later(
    imported: ImportedTokens, watched: Watched, ticks: Ticks
) -> None:
    assert await imported.digest(ACCESS) is None
    watched.until = NOW + REFRESH_LIFE
    ticks.now += 0.875
    assert await imported.digest(ACCESS) is None
    ticks.now += 0.125
    assert await imported.digest(ACCESS) == hashlib.sha256(ACCESS.encode()).digest()


async def test_while_such_tokens_are_alive_nobody_asks_again(
    imported: ImportedTokens, watched: Watched, ticks: Ticks, clock: FakeClock
) -> None:
    watched.until = NOW + REFRESH_LIFE
    for _ in range(20):
        assert await imported.digest(ACCESS)
        ticks.now += 10
        clock.advance(DAY)
    assert watched.asked == 1


async def test_a_while_after_the_last_one_they_are_garbage_again(
    imported: ImportedTokens, watched: Watched, ticks: Ticks, clock: FakeClock
) -> None:
    watched.until = NOW + REFRESH_LIFE
    clock.advance(REFRESH_LIFE + 30 * DAY - 1)
    assert await imported.digest(ACCESS)
    clock.advance(1)
    ticks.now += 1
    assert await imported.digest(ACCESS) is None
    # Unless another import has brought more.
    watched.until += DAY
    ticks.now += 1
    assert await imported.digest(ACCESS)


async def test_all_who_ask_at_once_wait_for_one_answer(
    imported: ImportedTokens, watched: Watched
) -> None:
    """A good token is not refused because somebody else has just asked."""
    watched.answer.clear()
    watched.until = NOW + 1
    asking = [asyncio.create_task(imported.digest(ACCESS)) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()  # a client that has gone takes nobody along
    watched.answer.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert set(answers[1:]) == {hashlib.sha256(ACCESS.encode()).digest()}
    assert watched.asked == 1


async def test_a_store_that_cannot_say_is_busy_and_asked_again(
    imported: ImportedTokens, watched: Watched, ticks: Ticks
) -> None:
    watched.broken = True
    for _ in range(2):
        with refused(Reason.busy):
            await imported.digest(ACCESS)
    watched.broken, watched.until = False, NOW + 1
    ticks.now += 1
    assert await imported.digest(ACCESS)
