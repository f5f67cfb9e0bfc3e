"""A worker beside the others: what it alone does, and what they share."""

import logging
import socket
from pathlib import Path

import pytest

from denglu.serving import process
from denglu.serving.listener import bound
from denglu.serving.process import Process
from denglu.serving.run import shared_out
from denglu.serving.workers import READY
from denglu.settings import Settings, load_settings
from denglu.store.migrate import migrate


@pytest.mark.parametrize(("workers", "each"), [(1, 8), (2, 4), (3, 2), (4, 2), (16, 1)])
def test_workers_share_the_cpus_for_hashing(
    monkeypatch: pytest.MonkeyPatch, workers: int, each: int
) -> None:
    cpus = Settings.model_construct(hash_workers=8)
    monkeypatch.setattr(Settings, "source_of", lambda self, name: "default")
    assert shared_out(cpus, workers).hash_workers == each


def test_a_number_of_hash_workers_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    settings = load_settings({"DENGLU_HASH_WORKERS": "8"}, tmp_path)
    assert shared_out(settings, 4).hash_workers == 8


@pytest.mark.parametrize(("number", "tidies"), [(1, True), (2, False)])
def test_the_first_worker_alone_tidies_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, tidies: bool
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    begun: list[bool] = []

    async def note(retain: object) -> None:
        begun.append(True)

    monkeypatch.setattr(process, "_retain", note)
    migrate(tmp_path / "denglu.db")
    settings = load_settings({}, tmp_path)
    ours, theirs = socket.socketpair()
    with bound("127.0.0.1", 0) as sockets, ours, theirs:
        ours.shutdown(socket.SHUT_WR)  # as when the parent has gone
        Process(settings=settings, key=b"k" * 32, host="127.0.0.1", sockets=sockets).work(
            number, theirs
        )
        assert ours.recv(9) == READY
    assert begun == [True] * tidies
