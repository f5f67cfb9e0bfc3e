"""Counts of requests that several processes share through Redis, and how they do without."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from denglu.domain.limits import Rate
from denglu.domain.request_limit import RequestLimit
from denglu.redis.counts import SharedCounts
from tests.redis.ears import PATIENCE, until
from tests.servers.redis import RedisServer

NOW = 1_800_000_000
IP = "10.0.0.1"


@contextlib.asynccontextmanager
async def processes(url: str, count: int) -> AsyncIterator[list[RequestLimit]]:
    """What so many processes would count with."""
    limits = [RequestLimit([Rate(100, 3600)], shared=True) for _ in range(count)]
    shared = [SharedCounts(url, limit) for limit in limits]
    for each in shared:
        each.start()
    try:
        yield limits
    finally:
        for each in shared:
            await each.close()


async def hammer(limits: list[RequestLimit], ip: str = IP, rounds: int = 1000) -> int:
    """A request to each in turn, with time to tell each other; how many got through."""
    good = 0
    for _ in range(rounds):
        through = [limit.claim(ip, NOW) == 0 for limit in limits]
        good += sum(through)
        if not any(through):
            break
        await asyncio.sleep(0.02)
    return good


async def test_processes_count_the_requests_of_an_address_together(
    redis_server: RedisServer,
) -> None:
    async with processes(redis_server.url(), 4) as limits:
        good = await hammer(limits)
        # A tenth of a second's requests, of each process, may get through beside the limit.
        assert 100 <= good < 200
        assert await hammer(limits, "10.0.0.2") >= 100


async def test_what_was_counted_is_forgotten_with_its_window(redis_server: RedisServer) -> None:
    async with processes(redis_server.url(), 2) as limits:
        await hammer(limits)
    key = f"denglu:requests:100/1h:{NOW // 3600}"
    assert redis_server.ask(f"EXISTS {key}") == ":1"
    assert 0 < int(redis_server.ask(f"TTL {key}")[1:]) <= 7200


@pytest.mark.parametrize(
    "trouble", ["down", "hangs", "full", "wrong type", "wrong password", "no such place"]
)
async def test_each_process_counts_alone_where_redis_is_of_no_use(
    redis_server: RedisServer,
    trouble: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("denglu.redis.counts._PAUSE", 0.05)
    url = redis_server.url()
    if trouble == "down":
        redis_server.stop()
    elif trouble == "hangs":
        redis_server.pause()
    elif trouble == "full":
        redis_server.ask("CONFIG SET maxmemory 1")
    elif trouble == "wrong type":
        redis_server.ask(f"SET denglu:requests:100/1h:{NOW // 3600} x")
    elif trouble == "wrong password":
        url = url.replace("redis://", "redis://:hunter2@")
        redis_server.ask("CONFIG SET requirepass moonlight")
    else:
        url = "unix:///nowhere/at/all.sock"
    try:
        async with processes(url, 2) as limits:
            for limit in limits:
                limit.claim(IP, NOW)
            await until(lambda: caplog.text.count("by each process alone") == 2)
            assert await hammer(limits) == 198
        assert len(caplog.records) == 2, "one line for each process"
        assert "hunter2" not in caplog.text
    finally:
        redis_server.resume()
        redis_server.stop()
        redis_server.start()


async def test_processes_count_together_again_when_redis_is_back(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "denglu")
    monkeypatch.setattr("denglu.redis.counts._PAUSE", 0.05)
    async with processes(redis_server.url(), 2) as limits:
        one, two = limits
        redis_server.stop()
        for limit in limits:
            limit.claim(IP, NOW)
        await until(lambda: caplog.text.count("by each process alone") == 2)
        await asyncio.to_thread(redis_server.start)
        for _ in range(60):
            one.claim("10.0.0.9", NOW)
        async with asyncio.timeout(PATIENCE):
            while caplog.text.count("together again") < 2:
                two.claim("10.0.0.8", NOW)
                await asyncio.sleep(0.01)
        assert 40 <= await hammer([two], "10.0.0.9") < 70
        redis_server.ask("FLUSHALL")
        assert await hammer(limits, "10.0.0.7") >= 100
    assert len(caplog.records) == 4
