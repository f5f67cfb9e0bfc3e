"""Two servers on PostgreSQL behind the nginx sample, restarted one after the other."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from tests.battery.conftest import Record
from tests.cli.desk import Desk, Serving
from tests.deploy.nginx_sample import shipped_nginx
from tests.deploy.shoppers import PASSWORD, Shopper
from tests.servers.process import free_port

GROUPS = ("pc", "h5", "app", "iOS", "android", "default")
# So many that a slow answer holds up few of the others.
MEMBERS = ("ming", "lan", "yue", "fang")
_RATE = 200
_EVERY = len(GROUPS) * len(MEMBERS) / _RATE


def test_F15_a_rolling_restart_behind_nginx_fails_no_request(
    tmp_path: Path, postgres_url: str, record: Record
) -> None:
    """Two servers behind nginx, restarted one after the other: no request fails."""
    ports = free_port(), free_port()
    desks = [Desk(tmp_path / str(port), settings(postgres_url)) for port in ports]
    for desk in desks:
        desk.folder.mkdir()
    desks[0].ok("migrate")
    for username in MEMBERS:
        desks[0].add(username, password=PASSWORD)
    with shipped_nginx(ports) as nginx:
        access_log = nginx.folder / "denglu.access.log"
        shoppers = [
            Shopper(nginx.port, username, group, f"127.0.1.{number}", every=_EVERY)
            for number, (username, group) in enumerate(
                [(username, group) for username in MEMBERS for group in GROUPS], start=1
            )
        ]
        seconds = asyncio.run(_restart_in_turn(desks, ports, shoppers, access_log))
        lines = [line.split('"') for line in access_log.read_text().splitlines()]
    assert [shopper.failures for shopper in shoppers] == [[]] * len(shoppers)
    done = sum((shopper.done for shopper in shoppers), start=type(shoppers[0].done)())
    assert min(done["login"], done["refresh"], done["look"]) > 0
    assert done.total() == len(lines)
    # nginx learns that a server has gone from the requests that it then sends to the other.
    asked = [tuple(line[3].split(", ")) for line in lines]
    for port in ports:
        assert any(len(each) > 1 and each[0] == f"127.0.0.1:{port}" for each in asked)
    record("F15", tried=f"rolling restart behind nginx, {_RATE} requests a second wanted",
           figure=f"{done.total() / seconds:.0f} requests a second for {seconds:.0f} s, "
           f"{done.total()} answers, 0 failed")  # fmt: skip


def settings(url: str) -> dict[str, str]:
    return {
        "DENGLU_DATABASE_URL": url,
        "DENGLU_SECRET_KEY": "s" * 32,
        "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
        # A machine that is busy with other things is not what this is about.
        "DENGLU_HASH_DEADLINE": "10",
    }


async def _restart_in_turn(
    desks: Sequence[Desk], ports: Sequence[int], shoppers: Sequence[Shopper], log: Path
) -> float:
    """How many seconds people shopped."""
    async with contextlib.AsyncExitStack() as running:
        servers = [
            await running.enter_async_context(_serving(desk, port))
            for desk, port in zip(desks, ports, strict=True)
        ]
        stop, begun = asyncio.Event(), time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for shopper in shoppers:
                tasks.create_task(shopper.shop(stop))
            await _until(lambda: all(shopper.done.total() > 10 for shopper in shoppers))
            for server, desk, port in zip(servers, desks, ports, strict=True):
                assert await asyncio.to_thread(server.stop) == 0
                await running.enter_async_context(_serving(desk, port))
                # The next one may go when nginx uses this one again.
                served = _answered(log, port)
                await _until(lambda: _answered(log, port) > served + 20)  # noqa: B023
            stop.set()
        return time.perf_counter() - begun


@contextlib.asynccontextmanager
async def _serving(desk: Desk, port: int) -> AsyncIterator[Serving]:
    manager = desk.serving("--port", str(port), "--workers", "2")
    server = await asyncio.to_thread(manager.__enter__)
    try:
        yield server
    finally:
        manager.__exit__(None, None, None)


def _answered(log: Path, port: int) -> int:
    return log.read_text().count(f'127.0.0.1:{port}" "200"')


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
