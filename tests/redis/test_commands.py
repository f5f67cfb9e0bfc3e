"""What an operator does beside the servers is heard by them at once."""

import asyncio
from pathlib import Path

import pytest

from denglu.redis.channel import RedisChannel
from denglu.store.postgres_feed import PostgresChannel
from tests.battery.harness import Server
from tests.redis.ears import ears
from tests.servers.redis import RedisServer


@pytest.mark.parametrize("through", ["postgresql", "redis"])
async def test_a_member_who_is_disabled_by_command(
    postgres_url: str, redis_server: RedisServer, tmp_path: Path, through: str
) -> None:
    settings = {"DENGLU_DATABASE_URL": postgres_url, "DENGLU_SECRET_KEY": "k" * 40}
    if through == "redis":
        settings["DENGLU_REDIS_URL"] = redis_server.url()
    desk = Server(tmp_path, settings)
    channels = [
        RedisChannel(redis_server.url()) if through == "redis" else PostgresChannel(postgres_url)
        for _ in range(2)
    ]
    await asyncio.to_thread(desk.migrate)
    await asyncio.to_thread(desk.add_member, "ming")
    async with ears(*channels) as (server, other):
        await server.hears_from(other, "m99")
        done = await asyncio.to_thread(desk.cli, "member", "disable", "ming")
        assert done.returncode == 0, done.stderr
        await server.hears("m1")
