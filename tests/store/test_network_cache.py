"""Token look-ups that are kept for a moment: how old they may be, and what is known at once."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Found, Kind, TokenRecord
from denglu.store.network import cache as module
from denglu.store.network.cache import TokenCache
from tests.domain.people import MEMBER, SESSION

AGE = 0.25
TOKEN = b"t" * 32
MEMBERS = f"m{MEMBER.id}"
SESSIONS = f"s{SESSION.id}"


def found(generation: int = 1, *, session_id: int = SESSION.id) -> Found:
    token = TokenRecord(Kind.access, generation, None, None)
    return Found(token, replace(SESSION, id=session_id, generation=generation), MEMBER)


class Database:
    """Answers look-ups with what is true when they arrive, at once or when it is let go."""

    def __init__(self) -> None:
        self.true: dict[bytes, Found] = {TOKEN: found()}
        self.asked: list[bytes] = []
        self.time = 100.0
        self.go = asyncio.Event()
        self.go.set()

    async def look_up(self, digest: bytes) -> Found | None:
        self.asked.append(digest)
        answer = self.true.get(digest)
        await self.go.wait()
        return answer

    def clock(self) -> float:
        return self.time


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def cache(database: Database) -> TokenCache:
    return TokenCache(database.look_up, age=AGE, clock=database.clock)


async def started(look_up: Awaitable[Found | None]) -> "asyncio.Future[Found | None]":
    """The look-up, when the database has been asked."""
    future = asyncio.ensure_future(look_up)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return future


async def test_a_look_up_is_used_until_it_is_too_old(database: Database, cache: TokenCache) -> None:
    first = await cache.find(TOKEN)
    database.time += AGE - 0.01
    assert await cache.find(TOKEN) is first
    assert len(database.asked) == 1

    database.true[TOKEN] = found(2)
    database.time += 0.01
    assert await cache.find(TOKEN) == found(2)
    assert len(database.asked) == 2


async def test_whoever_asks_again_and_again_waits_for_no_look_up(
    database: Database, cache: TokenCache
) -> None:
    await cache.find(TOKEN)
    database.true[TOKEN] = found(2)
    database.go.clear()  # from now on the database is slow
    database.time += AGE * 0.7
    for _ in range(3):
        assert await cache.find(TOKEN) == found()  # at once: it is not too old
    await asyncio.sleep(0)
    assert len(database.asked) == 2
    database.go.set()
    await cache.close()
    database.time += AGE * 0.5
    database.go.clear()
    assert await cache.find(TOKEN) == found(2)
    database.go.set()


async def test_a_look_up_that_left_early_brings_nothing_back_that_was_dropped(
    database: Database, cache: TokenCache
) -> None:
    await cache.find(TOKEN)
    database.go.clear()
    database.time += AGE * 0.7
    await cache.find(TOKEN)
    await asyncio.sleep(0)
    cache.drop([SESSIONS])
    database.true[TOKEN] = found(2)
    database.go.set()
    assert await cache.find(TOKEN) == found(2)
    await cache.close()
    assert await cache.find(TOKEN) == found(2)


async def test_what_is_unchanged_stays_the_same_object(
    database: Database, cache: TokenCache
) -> None:
    first = await cache.find(TOKEN)
    database.time += AGE
    database.true[TOKEN] = found()
    assert await cache.find(TOKEN) is first


async def test_a_look_up_counts_from_when_it_was_asked(
    database: Database, cache: TokenCache
) -> None:
    database.go.clear()
    slow = await started(cache.find(TOKEN))
    database.time += AGE
    database.go.set()
    assert await slow == found()
    await cache.find(TOKEN)
    assert len(database.asked) == 2


async def test_those_who_ask_together_share_one_look_up(
    database: Database, cache: TokenCache
) -> None:
    database.go.clear()
    asking = [await started(cache.find(TOKEN)) for _ in range(50)]
    database.go.set()
    assert await asyncio.gather(*asking) == [found()] * 50
    assert len(database.asked) == 1


async def test_nobody_joins_a_look_up_that_is_too_old(
    database: Database, cache: TokenCache
) -> None:
    database.go.clear()
    early = await started(cache.find(TOKEN))
    del database.true[TOKEN]  # another process revokes it
    database.time += AGE
    late = await started(cache.find(TOKEN))
    database.go.set()
    assert (await early, await late) == (found(), None)


@pytest.mark.parametrize("subject", [MEMBERS, SESSIONS])
async def test_what_was_dropped_is_looked_up_anew(
    database: Database, cache: TokenCache, subject: str
) -> None:
    await cache.find(TOKEN)
    del database.true[TOKEN]
    cache.drop({subject})
    assert await cache.find(TOKEN) is None


async def test_others_are_kept_when_something_is_dropped(
    database: Database, cache: TokenCache
) -> None:
    await cache.find(TOKEN)
    cache.drop({"m8", "s4"})
    cache.drop(set())
    await cache.find(TOKEN)
    assert len(database.asked) == 1


async def test_R13_who_asks_after_a_revocation_shares_no_look_up_from_before_it(
    database: Database, cache: TokenCache
) -> None:
    database.go.clear()
    before = await started(cache.find(TOKEN))
    del database.true[TOKEN]
    cache.drop({SESSIONS})
    after = await started(cache.find(TOKEN))
    database.go.set()
    assert (await before, await after) == (found(), None)


@pytest.mark.parametrize("subject", [MEMBERS, SESSIONS])
async def test_R13_a_look_up_from_before_a_revocation_is_not_kept(
    database: Database, cache: TokenCache, subject: str
) -> None:
    database.go.clear()
    before = await started(cache.find(TOKEN))
    del database.true[TOKEN]
    cache.drop({"m8"})
    cache.drop({subject})
    cache.drop({"s4"})
    database.go.set()
    assert await before == found()
    assert await cache.find(TOKEN) is None


async def test_a_look_up_about_somebody_else_is_kept_though_something_was_dropped_meanwhile(
    database: Database, cache: TokenCache
) -> None:
    database.go.clear()
    first = await started(cache.find(TOKEN))
    cache.drop({"m8"})
    database.go.set()
    await first
    await cache.find(TOKEN)
    assert len(database.asked) == 1


async def test_an_older_look_up_that_is_answered_last_changes_nothing(
    database: Database, cache: TokenCache
) -> None:
    database.go.clear()
    old = await started(cache.find(TOKEN))
    database.time += AGE
    release_old, database.go = database.go, asyncio.Event()
    database.go.set()
    database.true[TOKEN] = found(2)
    assert await cache.find(TOKEN) == found(2)
    release_old.set()
    assert await old == found()
    assert await cache.find(TOKEN) == found(2)
    assert len(database.asked) == 2


async def test_who_gives_up_does_not_take_the_others_answer_away(
    database: Database, cache: TokenCache
) -> None:
    database.go.clear()
    first, second = [await started(cache.find(TOKEN)) for _ in range(2)]
    first.cancel()
    database.go.set()
    assert await second == found()
    assert len(database.asked) == 1


async def test_a_look_up_that_failed_is_told_to_all_who_shared_it_and_to_nobody_else(
    database: Database,
) -> None:
    failing = True

    async def look_up(digest: bytes) -> Found | None:
        answer = await database.look_up(digest)
        if failing:
            raise Refusal(Reason.busy, retry_after=1)
        return answer

    cache = TokenCache(look_up, age=AGE, clock=database.clock)
    database.go.clear()
    asking = [await started(cache.find(TOKEN)) for _ in range(3)]
    database.go.set()
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(answer) for answer in told] == [Refusal] * 3
    failing = False
    assert await cache.find(TOKEN) == found()


async def test_a_token_that_is_unknown_is_looked_up_each_time(
    database: Database, cache: TokenCache
) -> None:
    del database.true[TOKEN]
    assert await cache.find(TOKEN) is None
    database.true[TOKEN] = found()
    assert await cache.find(TOKEN) == found()


async def test_without_an_age_nothing_is_kept_or_shared(database: Database) -> None:
    cache = TokenCache(database.look_up, age=0, clock=database.clock)
    database.go.clear()
    asking = [await started(cache.find(TOKEN)) for _ in range(3)]
    database.go.set()
    await asyncio.gather(*asking)
    await cache.find(TOKEN)
    assert len(database.asked) == 4


async def test_memory_is_bounded_whatever_is_asked_and_dropped(
    database: Database, cache: TokenCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CAPACITY", 10)
    for n in range(100):
        digest = n.to_bytes(32, "big")
        database.true[digest] = found(session_id=n)
        await cache.find(digest)
        cache.drop({f"s{n + 1000}"})
    assert held(cache) == [10, 11, 0, 0]  # ten sessions, and the one member they are of
    cache.drop({MEMBERS})
    assert held(cache) == [0, 0, 0, 0]


async def test_a_token_that_another_process_replaced_is_kept_no_longer(
    database: Database, cache: TokenCache
) -> None:
    tokens = [bytes([n]) * 32 for n in range(4)]
    for generation, digest in enumerate(tokens):
        database.true[digest] = found(generation)
        await cache.find(digest)
    other = b"o" * 32
    database.true[other] = found(0, session_id=SESSION.id + 1)
    await cache.find(other)
    assert held(cache) == [2, 3, 0, 0]  # of two sessions of a member the latest

    # A late one is kept beside the latest: both are asked for in a moment of grace.
    for _ in range(2):
        await cache.find(tokens[0])
        assert await cache.find(tokens[3]) == found(3)
    assert len(database.asked) == 6
    assert held(cache) == [3, 3, 0, 0]


def held(cache: TokenCache) -> list[int]:
    return [
        len(part) for part in (cache._entries, cache._digests, cache._flights, cache._under_way)
    ]


async def test_closing_waits_for_the_look_ups_under_way(
    database: Database, cache: TokenCache
) -> None:
    database.go.clear()
    abandoned = await started(cache.find(TOKEN))
    abandoned.cancel()
    closing = asyncio.ensure_future(cache.close())
    await asyncio.sleep(0)
    database.go.set()
    await closing
    assert len(asyncio.all_tasks()) <= 2  # this one, and the one that was given up
    assert held(cache)[2:] == [0, 0]
