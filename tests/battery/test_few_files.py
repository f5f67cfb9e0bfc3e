"""Row F16: the server may open few files, and many people come."""

import contextlib
import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.battery.client import Client
from tests.battery.conftest import Record
from tests.battery.harness import Server, running
from tests.battery.machine import core_seconds_of, files_of
from tests.battery.test_database_faults import until

pytestmark = pytest.mark.release
_SITE = {"trusted_proxies": "127.0.0.1", "sms_site_rates": "100000/24h"}
_FILES, _PEOPLE = 128, 500
_WATCHED = 4.0


def test_F16_few_files_and_many_connections(tmp_path: Path, record: Record) -> None:
    """500 connections where 128 files may be open: the server neither spins nor falls over."""
    with running(tmp_path, **_SITE) as server, contextlib.ExitStack() as people:
        assert server.process is not None
        _restart_with(server, _FILES)
        pid = server.process.pid
        early = people.enter_context(Client(server))
        pair = early.register().data
        before = files_of(pid)
        for _ in range(_PEOPLE):
            person = people.enter_context(socket.socket())
            person.settimeout(5)
            with contextlib.suppress(OSError):
                person.connect((server.host, server.port))
        begun, used = time.perf_counter(), core_seconds_of(pid)
        most = 0
        while time.perf_counter() < begun + _WATCHED:
            most = max(most, files_of(pid))
            # Who was there before is served all the time.
            assert early.who_am_i(pair["access_token"]).code == 200
            time.sleep(0.1)
        busy = (core_seconds_of(pid) - used) / (time.perf_counter() - begun)
        people.close()
        left = time.perf_counter()
        back = until(lambda: _serves(server)) - left
        until(lambda: files_of(pid) <= before + 5)
        assert before < most <= _FILES
        with Client(server) as client:
            client.register()
    record("F16", tried=f"{_PEOPLE} idle connections with {_FILES} files at the most",
           figure=f"{busy:.0%} of a core meanwhile, {most} files open; served again {back:.1f} s "
           f"after they left, files back to {before}")  # fmt: skip


def _restart_with(server: Server, files: int) -> None:
    server.stop()
    server.wrapper = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"]
    server.start()


def _serves(server: Server) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return server.call("GET", "/readyz").status == 200
    return False
