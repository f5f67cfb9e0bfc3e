"""Chooses how the processes that share a database tell each other what was revoked.

The server and the commands both open their feed here: a session that an operator ends is
refused everywhere as soon as one that its member ends.
"""

from typing import Literal, Protocol

from denglu.store.network.feed import Feed
from denglu.store.opening import MissingDriver


class FeedOptions(Protocol):
    """What a feed needs to know. ``Settings`` fulfils it."""

    @property
    def database_kind(self) -> Literal["sqlite", "postgresql", "mysql"]: ...
    @property
    def database_url(self) -> str: ...
    @property
    def database_connect_timeout(self) -> float: ...
    @property
    def redis_url(self) -> str | None: ...


def open_feed(options: FeedOptions) -> Feed | None:
    """Redis where there is one, else what the database offers; to be made on the running loop.

    None for SQLite, where every look-up sees what was committed, and for MySQL without a Redis:
    then a look-up's age is all. Raises MissingDriver.
    """
    if options.database_kind == "sqlite":
        return None
    from denglu.store.network.channel_feed import ChannelFeed
    from denglu.store.network.link import Times

    try:
        if options.redis_url is not None:
            from denglu.redis.channel import RedisChannel

            return ChannelFeed(RedisChannel(options.redis_url))
        if options.database_kind == "postgresql":
            from denglu.store.postgres_feed import PostgresChannel

            times = Times(connect=options.database_connect_timeout)
            return ChannelFeed(PostgresChannel(options.database_url, times))
    except ModuleNotFoundError as missing:
        kind = "redis" if options.redis_url else options.database_kind
        raise MissingDriver(kind, missing) from None
    return None
