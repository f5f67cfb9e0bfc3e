"""A server that takes no writes."""

import asyncio

import pytest

from denglu.domain.errors import Refusal
from denglu.store.migrate import migrate_database
from denglu.store.network.feed import NoFeed
from denglu.store.network.store import NetworkStore
from denglu.store.postgres import PostgresDriver
from tests.servers.fixtures import installed
from tests.servers.postgres import PostgresServer
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
