"""Which way processes tell each other what was revoked."""

import sys

import pytest

from denglu.feeds import open_feed
from denglu.redis.channel import RedisChannel
from denglu.settings import Settings
from denglu.store.network.channel_feed import ChannelFeed
from denglu.store.opening import MissingDriver
from denglu.store.postgres_feed import PostgresChannel

REDIS = "redis://127.0.0.1:6379/0"


def settings(database: str, redis: str | None = None) -> Settings:
    return Settings(database_url=database, redis_url=redis)


POSTGRES = "postgresql://denglu@127.0.0.1/denglu"
MYSQL = "mysql://denglu@127.0.0.1/denglu"


@pytest.mark.parametrize(
    ("database", "redis", "channel"),
    [
        ("sqlite:///denglu.db", None, None),
        ("sqlite:///denglu.db", REDIS, None),
        (POSTGRES, None, PostgresChannel),
        (POSTGRES, REDIS, RedisChannel),
        (MYSQL, None, None),
        (MYSQL, REDIS, RedisChannel),
    ],
)
async def test_redis_where_there_is_one_else_what_the_database_has(
    database: str, redis: str | None, channel: type | None
) -> None:
    feed = open_feed(settings(database, redis))
    if channel is None:
        assert feed is None
    else:
        assert isinstance(feed, ChannelFeed)
        assert isinstance(feed._channel, channel)


@pytest.mark.parametrize(
    ("database", "redis", "missing", "extra"),
    [
        (POSTGRES, None, "asyncpg", "denglu[postgresql]"),
        (POSTGRES, REDIS, "redis.asyncio", "denglu[redis]"),
    ],
)
async def test_a_driver_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, database: str, redis: str | None, missing: str, extra: str
) -> None:
    for name in ("denglu.redis.channel", "denglu.redis.link", "denglu.store.postgres_feed"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingDriver, match=missing) as caught:
        open_feed(settings(database, redis))
    assert extra in str(caught.value)
