"""What hashes took is given back when nobody logs in: seen from outside, and from inside."""

import ctypes
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from denglu import memory
from tests.battery.harness import PASSWORD, Raw, running
from tests.battery.machine import memory_of

NAMES = ("ming", "hong")
MEBIBYTE = 1 << 20
PATIENCE = 60


def is_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


@pytest.fixture
def anew() -> Iterator[None]:
    """What is known of the allocator is found out again, before and after."""
    memory._glibc.cache_clear()
    yield
    memory._glibc.cache_clear()


@pytest.mark.skipif(not is_glibc(), reason="another allocator keeps what it wants")
def test_a_server_is_as_small_as_before_when_nobody_logs_in_any_more(tmp_path: Path) -> None:
    bodies = [{"username": name, "password": PASSWORD, "group": "pc"} for name in NAMES]
    with running(tmp_path, hash_workers="2") as server:
        assert server.process is not None
        for name in NAMES:
            server.add_member(name)
        before = memory_of(server.process.pid)
        answers = server.race([Raw("/v1/site/login", body) for body in bodies * 3])
        assert [answer.code for answer in answers] == [200] * 6
        after = smallest(server.process.pid, before + 15 * MEBIBYTE)
    assert after <= before + 15 * MEBIBYTE


def smallest(pid: int, enough: int) -> int:
    """The least that the process has in memory until it is little enough, or for long."""
    least, until = memory_of(pid), time.monotonic() + PATIENCE
    while least > enough and time.monotonic() < until:
        time.sleep(0.05)
        least = min(least, memory_of(pid))
    return least


def test_without_glibc_nothing_is_done(anew: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    memory.give_back_end()
    memory.give_back_gaps()
    monkeypatch.setattr(sys, "platform", "darwin")
    memory._glibc.cache_clear()
    monkeypatch.delattr(ctypes, "CDLL")
    memory.give_back_end()


def test_the_threshold_is_low_only_while_memory_is_given_back(
    anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[object, ...]] = []

    class Allocator:
        """Writes down what is asked of it."""

        def __getattr__(self, name: str) -> object:
            def call(*words: int) -> int:
                done.append((name, *words))
                return 7

            setattr(self, name, call)
            return call

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Allocator())
    memory.give_back_end()
    low, up = 1 << 16, 1 << 26
    assert done == [("mallopt", -1, low), ("malloc", low), ("free", 7), ("mallopt", -1, up)]
