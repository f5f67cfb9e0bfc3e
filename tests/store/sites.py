"""A network database and its server, for tests that make trouble between it and a store."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import pytest

from denglu.store.mysql import MysqlDriver
from denglu.store.network.feed import NoFeed
from denglu.store.network.link import Driver, Link, Times
from denglu.store.network.store import NetworkStore
from denglu.store.postgres import PostgresDriver
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.shell import Shell
from tests.store.grounds import Ground

Server = PostgresServer | MariadbServer
# Long enough that nobody is refused because this machine is slow.
PATIENT = Times(connect=30, statement=30, pool=30)


class Counted:
    """A driver that counts the links and probes that are asked for."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.links = 0
        self.probes = 0

    def link(self) -> AbstractAsyncContextManager[Link]:
        self.links += 1
        return self._driver.link()

    async def probe(self) -> None:
        self.probes += 1
        await self._driver.probe()

    def renew(self) -> None:
        self._driver.renew()

    async def close(self) -> None:
        await self._driver.close()


@dataclass
class Site:
    """A migrated, emptied database. ``sql`` is a shell on it, whatever becomes of the stores."""

    kind: str
    url: str
    server: Server
    sql: Shell
    driver: Counted = field(init=False)

    @contextlib.asynccontextmanager
    async def store(
        self, *, times: Times = PATIENT, pool: int = 4, port: int = 0, url: str = ""
    ) -> AsyncIterator[NetworkStore]:
        """A store, by way of another ``port`` or ``url`` if that is said."""
        url = (url or self.url).replace(f":{self.server.port}/", f":{port or self.server.port}/")
        make = PostgresDriver if self.kind == "postgresql" else MysqlDriver
        self.driver = Counted(make(url, pool=pool, times=times))
        store = NetworkStore(self.driver, NoFeed(), deadline=times.statement, cache_age=0.25)
        try:
            yield store
        finally:
            await store.close()

    def kill_connections(self) -> None:
        """As an administrator would, those of stores only."""
        for number in self.connections():
            if self.kind == "postgresql":
                self.sql("SELECT pg_terminate_backend(?)", number)
            else:
                self.sql(f"KILL {number}")

    def connections(self) -> list[int]:
        """The numbers of those that the server has of stores."""
        return [number for (number,) in self.sql(_OURS[self.kind])]


_OURS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE application_name = 'denglu' "
    "AND datname = current_database()",
    "mysql": "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() "
    "AND ID <> CONNECTION_ID()",
}


@pytest.fixture(params=["postgresql", "mysql"])
def site(request: pytest.FixtureRequest, ground_of: Callable[[str], Ground]) -> Site:
    kind: str = request.param
    names = ("postgres", "migrated_postgres") if kind == "postgresql" else (
        "mariadb", "migrated_mysql",
    )  # fmt: skip
    server, (url, shell) = (request.getfixturevalue(name) for name in names)
    ground_of(kind)
    return Site(kind, url, server, shell)
