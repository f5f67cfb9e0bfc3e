"""The nightly backup of a server's own SQLite file: when it is due, and that nobody notices it.

Whether one is due is read from the names in the folder, so a night that was missed is made up
for at the next start, and nothing else need be remembered.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from denglu.moving.backup import Stopped, back_up, newest_in
from denglu.moving.side import MovingTrouble
from denglu.security.lanes import lower_priority
from denglu.store.file import FileTrouble

_log = logging.getLogger(__name__)
# By the machine's own time: when fewest members are awake.
_HOUR, _MINUTE = 3, 15
_LOOK_SECONDS = 60.0
_AFTER_TROUBLE_SECONDS = 900.0
_NICENESS = 19


class BackupOptions(Protocol):
    """What the nightly backup needs to know. ``Settings`` fulfils it."""

    @property
    def database_kind(self) -> Literal["sqlite", "postgresql", "mysql"]: ...
    @property
    def database_path(self) -> Path: ...
    @property
    def backup_folder(self) -> Path | None: ...
    @property
    def backup_keep(self) -> int: ...


@contextlib.asynccontextmanager
async def nightly_backups(options: BackupOptions) -> AsyncIterator[None]:
    """Inside, the file is backed up every night, if a folder is set; one that has begun is
    broken off at the end. To be entered by the one server of the file.
    """
    if options.backup_folder is None or options.database_kind != "sqlite":
        yield
        return
    task = asyncio.create_task(
        _every_night(options.database_path, options.backup_folder, options.backup_keep)
    )
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def is_due(now: float, newest: float | None) -> bool:
    """Whether a backup is due, the newest being of that time (Unix seconds; None: none)."""
    night = datetime.fromtimestamp(now).replace(hour=_HOUR, minute=_MINUTE, second=0, microsecond=0)
    if night.timestamp() > now:
        night -= timedelta(days=1)
    return newest is None or newest < night.timestamp()


async def _every_night(database: Path, folder: Path, keep: int) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(1, "denglu-backup", lower_priority, (_NICENESS,)) as thread:
        try:
            while True:
                pause = await asyncio.get_running_loop().run_in_executor(
                    thread, look, database, folder, keep, stop
                )
                await asyncio.sleep(pause)
        finally:
            stop.set()


def look(database: Path, folder: Path, keep: int, stop: threading.Event) -> float:
    """Make a backup if one is due; returns the seconds until the next look. Blocks."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if is_due(time.time(), newest_in(folder, time.time())):
            made = back_up(database, folder, keep=keep, stop=stop)
            _log.info("the database was backed up to %s (%d bytes)", made.path, made.size)
    except Stopped:
        pass
    except (MovingTrouble, FileTrouble, OSError) as error:
        _log.error("the nightly backup failed, and will be tried again: %s", error)
        return _AFTER_TROUBLE_SECONDS
    except Exception:
        _log.exception("the nightly backup failed, and will be tried again")
        return _AFTER_TROUBLE_SECONDS
    return _LOOK_SECONDS
