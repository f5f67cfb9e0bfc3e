"""Two servers on PostgreSQL behind the nginx sample, restarted one after the other."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from tests.battery.conftest import Record
from tests.cli.desk import Desk, Serving
from tests.deploy.nginx_sample import shipped_nginx
from tests.deploy.pair import two_desks
from tests.deploy.shoppers import Shopper

GROUPS = ("pc", "h5", "app", "iOS", "android", "default")
# So many that a slow answer holds up few of the others.
MEMBERS = ("ming", "lan", "yue", "fang")
_RATE = 200
_EVERY = len(GROUPS) * len(MEMBERS) / _RATE


def test_F15_a_rolling_restart_behind_nginx_fails_no_request(
    tmp_path: Path, postgres_url: str, record: Record
) -> None:
    """Two servers behind nginx, restarted one after the other: no request fails."""
    desks = two_desks(tmp_path, postgres_url, MEMBERS)
    with shipped_nginx(list(desks)) as nginx:
        access_log = nginx.folder / "denglu.access.log"
        shoppers = [
            Shopper(nginx.port, username, group, f"127.0.1.{number}", every=_EVERY)
            for number, (username, group) in enumerate(
                [(username, group) for username in MEMBERS for group in GROUPS], start=1
            )
        ]
        seconds = asyncio.run(_restart_in_turn(desks, shoppers, access_log))
        lines = [line.split('"') for line in access_log.read_text().splitlines()]
    assert [shopper.failures for shopper in shoppers] == [[]] * len(shoppers)
    done = sum((shopper.done for shopper in shoppers), start=type(shoppers[0].done)())
    assert min(done["login"], done["refresh"], done["look"]) > 0
    assert done.total() == len(lines)
    # nginx learns that a server has gone from the requests that it then sends to the other.
    asked = [tuple(line[3].split(", ")) for line in lines]
    for port in desks:
        assert any(len(each) > 1 and each[0] == f"127.0.0.1:{port}" for each in asked)
    record("F15", tried=f"rolling restart behind nginx, {_RATE} requests a second wanted",
           figure=f"{done.total() / seconds:.0f} requests a second for {seconds:.0f} s, "
           f"{done.total()} answers, 0 failed")  # fmt: skip


async def _restart_in_turn(
    desks: Mapping[int, Desk], shoppers: Sequence[Shopper], log: Path
) -> float:
    """How many seconds people shopped."""
    async with contextlib.AsyncExitStack() as running:
        servers = [
            await running.enter_async_context(_serving(desk, port)) for port, desk in desks.items()
        ]
        stop, begun = asyncio.Event(), time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for shopper in shoppers:
                tasks.create_task(shopper.shop(stop))
            await _until(lambda: all(shopper.done.total() > 10 for shopper in shoppers))
            for server, (port, desk) in zip(servers, desks.items(), strict=True):
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
