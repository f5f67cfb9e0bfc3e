"""Every night once, also where a night was missed; and a server does not wait for it."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import pytest

from denglu.moving import nightly
from denglu.moving.backup import back_up, newest_in
from denglu.moving.nightly import is_due, look, nightly_backups
from tests.cli.desk import Desk
from tests.moving.places import Place, fill


@pytest.fixture(autouse=True)
def _in_china(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("now", "newest", "due"),
    [
        ("2026-11-22 12:00", None, True),
        ("2026-11-22 03:14", "2026-11-21 03:15", False),
        ("2026-11-22 03:15", "2026-11-21 03:15", True),
        ("2026-11-22 03:16", "2026-11-22 03:15", False),
        ("2026-11-22 23:59", "2026-11-22 03:15", False),
        # A night that was missed is made up for; an extra backup by day replaces none.
        ("2026-11-22 09:00", "2026-11-20 03:15", True),
        ("2026-11-22 03:15", "2026-11-21 17:00", True),
        ("2026-11-22 09:00", "2026-11-22 08:00", False),
    ],
)
def test_a_backup_is_due_once_a_night(now: str, newest: str | None, due: bool) -> None:
    assert is_due(at(now), at(newest) if newest else None) is due


def test_the_newest_is_read_from_the_names_and_none_from_the_future(tmp_path: Path) -> None:
    now = at("2026-11-22 12:00")  # 04:00 in UTC
    assert newest_in(tmp_path, now) is None
    for name in ("denglu-20261120T191500Z.db", "denglu-20261121T191500Z.db"):
        (tmp_path / name).touch()
    for name in (
        "denglu-20271121T191500Z.db",
        "denglu-20261399T999999Z.db",
        "notes.txt",
        "denglu-20261122T000000Z.db.part",
    ):
        (tmp_path / name).touch()
    assert newest_in(tmp_path, now) == at("2026-11-22 03:15")


@dataclass
class Options:
    """What settings say."""

    database_path: Path
    backup_folder: Path | None
    database_kind: Literal["sqlite", "postgresql", "mysql"] = "sqlite"
    backup_keep: int = 2


def test_a_look_makes_the_folder_and_one_backup(source: Place, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    for _ in range(2):
        assert look(source.path, folder, 2, threading.Event()) == 60
        assert len(list(folder.iterdir())) == 1
    assert folder.stat().st_mode & 0o777 == 0o700


def test_old_nights_are_removed(source: Place, tmp_path: Path) -> None:
    for day in (18, 19, 20):
        (tmp_path / f"denglu-202511{day}T191500Z.db").touch()
    look(source.path, tmp_path, 2, threading.Event())
    names = sorted(path.name for path in tmp_path.glob("denglu-*.db"))
    assert names[0] == "denglu-20251120T191500Z.db"
    assert len(names) == 2


def test_a_night_that_failed_is_told_and_tried_again_later(
    source: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert look(source.path, tmp_path / "file", 2, threading.Event()) == 900
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "the nightly backup failed" in record.getMessage()


@pytest.mark.parametrize("change", [{"backup_folder": None}, {"database_kind": "postgresql"}])
async def test_nothing_happens_unless_it_is_asked_for(
    source: Place, tmp_path: Path, change: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "look", lambda *_: pytest.fail("nobody asked"))
    options = Options(source.path, tmp_path)
    for name, value in change.items():
        setattr(options, name, value)
    async with nightly_backups(options):
        assert len(asyncio.all_tasks()) == 1


async def test_a_server_that_stops_breaks_a_backup_off(
    source: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 900)
    folder = tmp_path / "backups"
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    whole, told = back_up, list[bool]()

    def slow(*words: Path, keep: int, stop: threading.Event) -> object:
        loop.call_soon_threadsafe(begun.set)
        told.append(stop.wait(20))
        return whole(*words, keep=keep, stop=stop)

    monkeypatch.setattr(nightly, "back_up", slow)
    async with asyncio.timeout(30):
        async with nightly_backups(Options(source.path, folder)):
            await begun.wait()
    assert told == [True]
    assert list(folder.iterdir()) == []


def test_a_server_backs_its_file_up_by_itself(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.add("ming")
    folder = tmp_path / "backups"
    with desk.serving(backup_folder=str(folder)) as server:
        until = time.monotonic() + 20
        while not list(folder.glob("*.db")) if folder.exists() else True:
            assert time.monotonic() < until, server.errors.read_text()
            time.sleep(0.02)
        assert server.call("/v1/site/login", {"username": "ming"}).code == 422
    (backup,) = folder.iterdir()
    restored = Desk(tmp_path / "restored")
    restored.folder.mkdir()
    backup.rename(restored.database)
    assert "ming" in restored.ok("member", "list")
