"""Row F06: there is no room on the disk, for the database, the outbox and the log alike."""

import contextlib
import json
import os
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.battery.client import Client, fresh_mobile, new_member
from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Server, running
from tests.battery.shoppers import halves, missing
from tests.battery.test_database_faults import acknowledged, shopping, until

_SITE = {"trusted_proxies": "127.0.0.1", "sms_site_rates": "100000/24h"}
_TMPFS = "size=6m"
# How many refusals are to be seen before there is room again.
_REFUSALS = 40


class SmallDisk:
    """A memory disk of some MiB, filled with one file."""

    told = "a disk of 6 MiB is full"

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, server: Server) -> None:
        """No byte is left."""
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def make_room(self, server: Server) -> None:
        """All is free again."""
        self._ballast.unlink()


class NoMoreWriting:
    """The kernel lets the process write to no file: RLIMIT_FSIZE."""

    told = "no file may be written to"

    def __init__(self) -> None:
        self._before = resource.RLIM_INFINITY, resource.RLIM_INFINITY

    def fill(self, server: Server) -> None:
        """Writes fail from now on."""
        assert server.process is not None
        hard = self._before[1]
        self._before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, hard))

    def make_room(self, server: Server) -> None:
        """They succeed again."""
        assert server.process is not None
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, self._before)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | NoMoreWriting]:
    """A small disk at the folder; where none may be mounted, the next best thing."""
    mount = ["mount", "-t", "tmpfs", "-o", _TMPFS, "none", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        yield NoMoreWriting()
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def no_more_writing(folder: Path) -> Iterator[NoMoreWriting]:
    yield NoMoreWriting()


@pytest.mark.parametrize("place", [small_disk, no_more_writing])
def test_F06_a_full_disk_is_busy_until_there_is_room(
    tmp_path: Path, record: Record, place: Callable[[Path], contextlib.AbstractContextManager]
) -> None:
    """Writes are busy, token checks go on; with room all is well without a restart."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with place(folder) as disk, running(folder, **_SITE) as server, Client(server) as client:
        mobile = fresh_mobile()
        pair = client.register(mobile).data
        newcomer = new_member(other := fresh_mobile(), client.code_for(other, "register"))
        with shopping(server) as shoppers:
            until(lambda: acknowledged(shoppers) > 30)
            disk.fill(server)
            # What the write-ahead log has room for is written first.
            until(lambda: all(shopper.refused > _REFUSALS for shopper in shoppers))
            refused = _while_full(server, client, mobile, pair, newcomer)
            disk.make_room(server)
            begun = time.perf_counter()
            back = until(lambda: client.login(mobile).code == 200)
            assert server.call("GET", "/readyz").status == 200
            assert client.site("register", newcomer).code == 200
            before = acknowledged(shoppers)
            until(lambda: acknowledged(shoppers) > before + 40)
        lives = [life for shopper in shoppers for life in shopper.lives]
        assert missing(server, lives) == []
        assert halves(server) == {}
        assert server.rows("PRAGMA integrity_check") == [("ok",)]
        record("F06", tried=f"sqlite: {disk.told} under load",
               figure=f"{refused} writes busy, token checks OK; written again "
               f"{back - begun:.1f} s after there was room; {acknowledged(shoppers)} acknowledged, "
               f"0 missing; {_lines(server)} lines of the log, none torn")  # fmt: skip


def test_F06_an_outbox_and_a_log_that_cannot_be_written(any_server: Server, record: Record) -> None:
    """The server's own disk is full, wherever its database is: only messages wait for room."""
    server, disk = any_server, NoMoreWriting()
    with Client(server) as client:
        mobile, asked = fresh_mobile(), {"mobile": fresh_mobile(), "usage": "register"}
        pair = client.register(mobile).data
        disk.fill(server)
        told = client.site("sms-code", asked)
        assert told.reason == ("busy" if server.database_kind == "sqlite" else "sms_failed")
        for _ in range(20):
            assert client.who_am_i(pair["access_token"]).code == 200
        login = client.login(mobile)
        assert login.code == (503 if server.database_kind == "sqlite" else 200)
        assert server.outbox(asked["mobile"]) == []
        disk.make_room(server)
        other = {"mobile": fresh_mobile(), "usage": "register"}
        until(lambda: client.site("sms-code", other).code == 200)
        assert len(server.outbox(other["mobile"])) == 1
        assert client.login(mobile).code == 200
    _lines(server)
    record("F06", tried=f"{server.database_kind}: the outbox and the log may not be written to",
           figure=f"sms-code: {told.reason}; token checks OK; all well with room, no line torn"
    )  # fmt: skip


def _while_full(
    server: Server,
    client: Client,
    mobile: str,
    pair: dict[str, str],
    newcomer: dict[str, object],
) -> int:
    """Every write is refused with 503, every check is answered; how many writes."""
    seen: Counter[str] = Counter()
    code = {"mobile": fresh_mobile(), "usage": "register"}
    for _ in range(10):
        for answer in (
            client.login(mobile, PASSWORD),
            client.site("sms-code", code),
            client.refresh(pair["refresh_token"]),
            client.logout(pair["access_token"]),
            client.site("register", newcomer),
        ):
            assert answer.status == 200
            assert (answer.code, answer.reason) == (503, "busy"), answer.text
            assert answer.data["retry_after"] >= 1
            assert int(answer.headers["retry-after"]) == answer.data["retry_after"]
            seen["busy"] += 1
        assert client.who_am_i(pair["access_token"]).code == 200
        assert client.verify(pair["access_token"]).data == {"token": True}
    assert server.call("GET", "/readyz").status == 503
    assert server.call("GET", "/healthz").status == 200
    return seen["busy"]


def _lines(server: Server) -> int:
    """How many lines the log has, each of them whole."""
    lines = server.log.rpartition("Ctrl+C stops it.\n")[2].splitlines()
    for line in lines:
        assert json.loads(line)["time"]
    return len(lines)
