"""Servers that take no writes, or none from us."""

import asyncio

import pytest

from denglu.domain.errors import Refusal
from denglu.store.migrate import migrate_database
from denglu.store.mysql import MysqlDriver
from denglu.store.network.feed import NoFeed
from denglu.store.network.link import Driver
from denglu.store.network.store import NetworkStore
from denglu.store.postgres import PostgresDriver
from tests.servers.fixtures import installed
from tests.servers.postgres import PostgresServer
from tests.servers.shell import Shell
from tests.store.making import add_member


async def test_a_replica_reads_and_is_not_ready() -> None:
    with installed(PostgresServer) as server:
        url = server.create_database()
        await asyncio.to_thread(migrate_database, url)
        server.stop()
        (server.folder / "data" / "standby.signal").touch()
        server.start()
        store = NetworkStore(PostgresDriver(url, pool=2), NoFeed(), deadline=3, cache_age=0)
        assert await store.read(lambda tx: tx.members.get(1)) is None
        assert not await store.ready()
        with pytest.raises(Refusal, match="busy"):
            await add_member(store)
        await store.close()


def _readers(request: pytest.FixtureRequest, kind: str) -> Driver:
    """A migrated database, as a user who may only read."""
    server = request.getfixturevalue("postgres" if kind == "postgresql" else "mariadb")
    url = str(request.getfixturevalue("postgres_url" if kind == "postgresql" else "mysql_url"))
    migrate_database(url)
    shell = Shell(url)
    try:
        if kind == "postgresql":
            server.admin("DROP ROLE IF EXISTS reader")
            server.admin("CREATE ROLE reader LOGIN")
            shell("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
            return PostgresDriver(url.replace("denglu@", "reader@"), pool=2)
        name = url.rpartition("/")[2]
        server.admin("CREATE USER IF NOT EXISTS reader@'127.0.0.1'")
        server.admin(f"GRANT SELECT ON {name}.* TO reader@'127.0.0.1'")
        return MysqlDriver(url.replace("denglu@", "reader@"), pool=2)
    finally:
        shell.close()


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
async def test_a_missing_right_is_busy_and_no_fault(
    request: pytest.FixtureRequest, kind: str
) -> None:
    driver = await asyncio.to_thread(_readers, request, kind)
    store = NetworkStore(driver, NoFeed(), deadline=3, cache_age=0)
    assert await store.read(lambda tx: tx.members.get(1)) is None
    with pytest.raises(Refusal, match="busy"):
        await add_member(store)
    await store.close()
