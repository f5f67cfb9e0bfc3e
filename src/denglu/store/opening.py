"""Opens the store that the settings name."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from denglu.flows.ports import Store
from denglu.store.network.feed import Feed, NoFeed

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement

    from denglu.store.network.link import Driver

    More = Mapping[str, ClauseElement]


class MissingDriver(Exception):
    """The library for ``kind`` (postgresql, redis, aliyun …) is not installed; the text says what
    to install.
    """

    def __init__(self, kind: str, missing: ModuleNotFoundError) -> None:
        super().__init__(
            f"the library for {kind} is not installed ({missing.name}): "
            f"pip install 'denglu[{kind}]'"
        )


class StoreOptions(Protocol):
    """What a store needs to know. ``Settings`` fulfils it."""

    @property
    def database_kind(self) -> Literal["sqlite", "postgresql", "mysql"]: ...
    @property
    def database_url(self) -> str: ...
    @property
    def database_path(self) -> Path: ...
    @property
    def database_pool(self) -> int: ...
    @property
    def database_connect_timeout(self) -> float: ...
    @property
    def database_statement_timeout(self) -> float: ...
    @property
    def database_pool_timeout(self) -> float: ...
    @property
    def session_cache(self) -> float: ...
    @property
    def sqlite_busy_timeout(self) -> int: ...


def open_store(
    options: StoreOptions, *, feed: Feed | None = None, more: "More | None" = None
) -> Store:
    """To be called on the event loop that will use the store; connects when it is first used.

    ``feed`` replaces the database's own way to tell other processes; ``more`` are statements of
    plugins, by name. Raises MissingDriver.
    """
    if options.database_kind == "sqlite":
        from denglu.store.sqlite import open_store as open_file

        seconds = options.sqlite_busy_timeout
        return open_file(
            options.database_path, busy_seconds=seconds, queue_seconds=seconds, more=more
        )
    return _on_network(options, feed, more or {})


def _on_network(options: StoreOptions, feed: Feed | None, more: "More") -> Store:
    from denglu.store.compiled import reads_in
    from denglu.store.network.store import NetworkStore

    return NetworkStore(
        open_driver(options, more),
        feed or NoFeed(),
        deadline=options.database_statement_timeout,
        cache_age=options.session_cache,
        reads=reads_in(more),
    )


def open_driver(options: StoreOptions, more: "More | None" = None) -> "Driver":
    """The driver of a network database, which connects when it is first used.

    To be called on the event loop that will use it. Raises MissingDriver.
    """
    from denglu.store.network.link import Times

    url, kind = options.database_url, options.database_kind
    times = Times(
        options.database_connect_timeout,
        options.database_statement_timeout,
        options.database_pool_timeout,
    )
    try:
        if kind == "postgresql":
            from denglu.store.postgres import PostgresDriver

            return PostgresDriver(url, pool=options.database_pool, times=times, more=more)
        from denglu.store.mysql import MysqlDriver

        return MysqlDriver(url, pool=options.database_pool, times=times, more=more)
    except ModuleNotFoundError as missing:
        raise MissingDriver(kind, missing) from None
