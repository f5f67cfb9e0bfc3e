"""A token that was revoked, at the door of a protected back end: two servers of two workers."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.battery.conftest import Record
from tests.cli.desk import Serving
from tests.deploy.asking import trusting
from tests.deploy.back_end import Shop, shop_open
from tests.deploy.nginx_sample import protecting_nginx
from tests.deploy.pair import two_desks
from tests.servers.nginx import NginxServer
from tests.servers.postgres import PostgresServer

_PROMISED = 0.3
_CUSTOMERS = 6


@dataclass(frozen=True)
class Street:
    """Two servers, nginx before them, and the shop behind it."""

    servers: list[Serving]
    nginx: NginxServer
    shop: Shop


@pytest.fixture(scope="module")
def street(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Street]:
    url = postgres_server.create_database()
    desks = two_desks(tmp_path_factory.mktemp("pair"), url, ["ming"])
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(desk.serving("--port", str(port), "--workers", "2"))
            for port, desk in desks.items()
        ]
        shop = stack.enter_context(shop_open())
        nginx = stack.enter_context(protecting_nginx(list(desks), shop))
        yield Street(servers, nginx, shop)
    postgres_server.drop_database(url)


@pytest.mark.parametrize("path", ["/orders", "/api/orders"])
def test_R13_a_revoked_token_gets_nobody_through_nginx(
    street: Street, path: str, record: Record
) -> None:
    street.shop.seen.clear()
    late = asyncio.run(_late(street, path))
    assert late < _PROMISED, "a revoked token went through for too long"
    record("R13", tried=f"a token in use at a back end behind nginx ({path}), then logged out",
           figure=f"{max(0.0, late) * 1000:.0f} ms; two servers of two workers")  # fmt: skip


async def _late(street: Street, path: str) -> float:
    """Seconds from the logout to the last request, by when it was sent, that went through."""
    server = street.servers[0]
    token = server.login("ming")
    passed: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        for _ in range(_CUSTOMERS):
            tasks.create_task(_until_refused(street.nginx, token, path, passed))
        async with asyncio.timeout(20):
            while len(passed) < 20 * _CUSTOMERS:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        answer = await asyncio.to_thread(server.call, "/v1/site/logout", {}, token)
        revoked = time.perf_counter()
        assert answer.code == 200
    assert len(street.shop.seen) == len(passed)
    return max(passed) - revoked


async def _until_refused(nginx: NginxServer, token: str, path: str, passed: list[float]) -> None:
    """One customer, who goes on asking until refused, and a while longer."""
    headers = {"Host": "shop.example", "X-Api-Key": token}
    refused = 0
    async with httpx.AsyncClient(verify=trusting(), trust_env=False, timeout=20) as client:
        async with asyncio.timeout(20):
            while refused < 20:
                sent = time.perf_counter()
                answer = await client.get(f"https://127.0.0.1:{nginx.port}{path}", headers=headers)
                said = answer.json()
                if "seen" in said:
                    passed.append(sent)
                else:
                    assert said["code"] == 401, said
                    refused += 1
