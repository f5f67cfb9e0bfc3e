"""What processes tell each other about revoked sessions, through PostgreSQL and through Redis."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from denglu.redis.channel import RedisChannel
from denglu.store.network.channel_feed import Channel, ChannelFeed
from denglu.store.network.feed import Say
from denglu.store.network.link import Times
from denglu.store.postgres_feed import PostgresChannel
from tests.redis.ears import PATIENCE, Ear, ears, until
from tests.servers.postgres import PostgresServer
from tests.servers.process import PrivateServer
from tests.servers.redis import RedisServer

NOWHERE = "127.0.0.1:1"


class Line:
    """A server, how a channel to it is made, and how what it listens with is cut."""

    def __init__(self, server: PrivateServer, channel: Callable[[], Channel]) -> None:
        self.server = server
        self.channel = channel

    def cut(self) -> None:
        if isinstance(self.server, RedisServer):
            self.server.ask("CLIENT KILL TYPE pubsub")
        elif isinstance(self.server, PostgresServer):
            self.server.admin(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'denglu feed'"
            )

    async def say(self, text: str) -> None:
        """As if any program said it."""
        if isinstance(self.server, RedisServer):
            self.server.ask(f"PUBLISH denglu:session {text}")
        elif isinstance(self.server, PostgresServer):
            connection = await asyncpg.connect(self.server.url())
            await connection.execute("SELECT pg_notify('denglu_session', $1)", text)
            await connection.close()


@pytest.fixture(params=["postgresql", "redis"])
def line(request: pytest.FixtureRequest) -> Line:
    if request.param == "redis":
        redis: RedisServer = request.getfixturevalue("redis_server")
        return Line(redis, lambda: RedisChannel(redis.url()))
    postgres: PostgresServer = request.getfixturevalue("postgres")
    times = Times(connect=0.5)
    return Line(postgres, lambda: PostgresChannel(postgres.url(), times))


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "denglu")
    return caplog


async def test_what_one_process_says_every_other_one_hears(line: Line) -> None:
    async with ears(line.channel(), line.channel(), line.channel()) as (one, two, three):
        await two.hears_from(one, "m1")
        await three.hears_from(one, "m2")
        await one.hears_from(three, "s3")
        one.feed.announce(["m7", "s8"])
        await two.hears("m7", "s8")
        await three.hears("m7", "s8")
        assert one.heard.count("s3") >= 1
        assert not {"m1", "m2", "m7", "s8"} & set(one.heard), "it heard itself"


async def test_ten_thousand_words_at_once_arrive_and_more_are_dropped(line: Line) -> None:
    async with ears(line.channel(), line.channel()) as (one, two):
        await two.hears_from(one, "m1")
        one.feed.announce([f"s{number}" for number in range(10**9, 10**9 + 12_000)])
        # All but one: the last "m1" may have been waiting still.
        await two.hears(*(f"s{number}" for number in range(10**9, 10**9 + 9_999)))
        await two.hears_from(one, "m2")
        assert len(set(two.heard)) <= 10_002


async def test_a_command_is_heard_though_it_ends_at_once(line: Line) -> None:
    async with ears(line.channel(), line.channel()) as (one, two):
        await two.hears_from(one, "m1")
        command = Ear(line.channel())
        command.feed.announce(["m5"])
        await command.feed.close()
        await two.hears("m5")


async def test_a_cut_connection_is_made_anew(line: Line, log: pytest.LogCaptureFixture) -> None:
    async with ears(line.channel(), line.channel()) as (one, two):
        await two.hears_from(one, "m1")
        await asyncio.to_thread(line.cut)
        await two.hears_from(one, "m2")
        await one.hears_from(two, "m3")
    assert _said(log, "not told") == 2
    assert _said(log, "at once again") == 2


async def test_a_server_that_comes_back_is_found(line: Line, log: pytest.LogCaptureFixture) -> None:
    async with ears(line.channel(), line.channel()) as (one, two):
        await two.hears_from(one, "m1")
        await asyncio.to_thread(line.server.stop)
        one.feed.announce(["m2"])
        await until(lambda: _said(log, "not told") == 2)
        await asyncio.to_thread(line.server.start)
        await two.hears_from(one, "m3")
        await one.hears_from(two, "m4")
    assert _said(log, "not told") == 2


async def test_nobody_waits_for_a_server_that_hangs(
    line: Line, log: pytest.LogCaptureFixture
) -> None:
    async with ears(line.channel(), line.channel()) as (one, two):
        await two.hears_from(one, "m1")
        line.server.pause()
        try:
            for number in range(50):
                one.feed.announce([f"m{number}"])
            await until(lambda: bool(_said(log, "not told")))
            late = Ear(line.channel())
            late.feed.announce(["m9"])
            async with asyncio.timeout(PATIENCE):
                await late.feed.close()
        finally:
            line.server.resume()
        await two.hears_from(one, "s5")


@pytest.mark.parametrize(
    "channel",
    [
        PostgresChannel(f"postgresql://denglu:hunter2@{NOWHERE}/denglu"),
        RedisChannel(f"redis://:hunter2@{NOWHERE}/0"),
        RedisChannel("rediss://:hunter2@127.0.0.1:1/0"),
        RedisChannel("unix:///nowhere/at/all.sock?password=hunter2"),
        RedisChannel("redis://:hunter2@127.0.0.1:port/0"),
        RedisChannel("redis://:hunter2@127.0.0.1:1/0?no_such_option=1"),
    ],
)
async def test_a_server_that_is_not_there_is_told_in_one_line(
    channel: Channel, log: pytest.LogCaptureFixture
) -> None:
    async with ears(channel) as (one,):
        for number in range(3):
            async with asyncio.timeout(PATIENCE):
                while one.feed._failures <= number:
                    one.feed.announce(["m1"])
                    await asyncio.sleep(0.01)
    assert [record.levelname for record in log.records] == ["WARNING"]
    assert "hunter2" not in log.text


async def test_rubbish_from_elsewhere_harms_nothing(line: Line) -> None:
    async with ears(line.channel(), line.channel()) as (one, two):
        await two.hears_from(one, "m1")
        for text in ("x", "elsewhere", "other m1,,x9,sm,m", "other " + "m1" * 3900, "otherm5"):
            await line.say(f"'{text}'" if isinstance(line.server, RedisServer) else text)
        await two.hears_from(one, "m2")
        assert set(two.heard) <= {"m1", "m2"}


async def test_a_wrong_password_is_told_in_one_line_without_it(
    redis_server: RedisServer, log: pytest.LogCaptureFixture
) -> None:
    redis_server.ask("CONFIG SET requirepass moonlight")
    try:
        url = redis_server.url().replace("redis://", "redis://:hunter2@")
        async with ears(RedisChannel(url)) as (one,):
            await until(lambda: one.feed._failures >= 2)
        assert len(log.records) == 1
        assert "hunter2" not in log.text
    finally:
        redis_server.stop()
        redis_server.start()


class Wall:
    """A channel that takes everything and carries nothing, as PgBouncer may."""

    def __init__(self) -> None:
        self.opened = 0

    @contextlib.asynccontextmanager
    async def open(self, *about: Any) -> AsyncIterator[Say]:
        self.opened += 1

        async def say(text: str) -> None:
            """To nobody."""

        yield say


async def test_a_channel_that_carries_nothing_is_noticed_and_tried_again(
    log: pytest.LogCaptureFixture,
) -> None:
    wall = Wall()
    feed = ChannelFeed(wall, pulse=0.01)
    feed.start(lambda subjects: None)
    await until(lambda: wall.opened >= 3)
    await feed.close()
    assert "nothing is heard" in log.text
    assert len(log.records) == 1


async def test_a_feed_that_was_never_started_takes_everything_in_silence() -> None:
    feed = ChannelFeed(Wall())
    feed.announce(["m1"])
    await feed.close()


def _said(log: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in log.records)
