"""A backup of an SQLite file, made while a server writes to it.

It is written under another name, read through, made durable, and only then renamed: a name that
a backup has stands for a whole one. What a killed backup left is removed by the next.
"""

import calendar
import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw

from denglu.moving.alone import alone_in, make_durable
from denglu.moving.side import MovingTrouble
from denglu.store.file import open_file, trouble

_FORMAT = "denglu-%Y%m%dT%H%M%SZ.db"
_NAME = re.compile(r"denglu-\d{8}T\d{6}Z\.db")
_LEFTOVER = re.compile(_NAME.pattern + r"\.part(-journal)?")
# How many steps SQLite makes between two looks at whether to stop: some milliseconds.
_STEPS = 50_000
# What the target's disk says. Whatever else SQLite says is about the database.
_UNWRITTEN = (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.PermissionsError)


class Stopped(Exception):
    """The backup was told to stop; nothing is left of it."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup: its size in bytes, and the older ones that were removed for it."""

    path: Path
    size: int
    removed: tuple[Path, ...]


def back_up(
    database: Path, target: Path, *, keep: int | None = None, stop: threading.Event | None = None
) -> Backup:
    """Back the file up to ``target``: a folder, or a file that is not there yet.

    In a folder it is named by the time in UTC, and of those with such names the newest ``keep``
    stay. ``stop`` ends it early. Blocks. Raises MovingTrouble, FileTrouble and Stopped.
    """
    named = target.is_dir()
    path = target / time.strftime(_FORMAT, time.gmtime()) if named else target
    with _told(path), alone_in(path.parent, "backup", linked=True):
        if path.exists():
            raise MovingTrouble(f"{path} is there already: name another file, or a folder")
        part = path.with_name(path.name + ".part")
        _remove_leftovers(part)
        try:
            size = _write(database, part, stop or threading.Event())
            part.rename(path)
        finally:
            _remove_leftovers(part)
        make_durable(path.parent)
        removed = _older(path.parent, keep) if named and keep is not None else []
        for old in removed:
            old.unlink()
    return Backup(path, size, tuple(removed))


def newest_in(folder: Path, now: float) -> float | None:
    """When the newest backup in a folder was made, in Unix seconds; None where there is none.

    Names that lie in the future are of a clock that was wrong.
    """
    newest = None
    for path in _backups(folder):
        with contextlib.suppress(ValueError):  # digits that are no time
            at = calendar.timegm(time.strptime(path.name, _FORMAT))
            newest = at if at <= now else newest
    return newest


def _backups(folder: Path) -> list[Path]:
    """Those that are named by their time, oldest first."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _older(folder: Path, keep: int) -> list[Path]:
    return _backups(folder)[:-keep]


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system refuses, as one line."""
    try:
        yield
    except OSError as error:
        raise MovingTrouble(f"no backup at {path}: {error.strerror}") from None


def _remove_leftovers(part: Path) -> None:
    for path in (part, part.with_name(part.name + "-journal")):
        path.unlink(missing_ok=True)
    for path in part.parent.iterdir():
        if _LEFTOVER.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _write(database: Path, part: Path, stop: threading.Event) -> int:
    """Write, check, and make durable; returns the size."""
    # SQLite fills an empty file, and leaves it the mode it has.
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _fill(database, part, stop)
        _check(part, stop)
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def _fill(database: Path, part: Path, stop: threading.Event) -> None:
    with contextlib.closing(open_file(database)) as db:
        # While a server runs, it alone carries its log over into the file.
        db.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        db.set_progress_handler(stop.is_set, _STEPS)
        try:
            db.execute("VACUUM INTO ?", (str(part),))
        except apsw.InterruptError:
            raise Stopped from None
        except _UNWRITTEN as error:
            raise MovingTrouble(
                f"no backup at {part.with_suffix('')}: {error}; is there room on the disk?"
            ) from None
        except apsw.Error as error:
            raise trouble(database, error) from None


def _check(part: Path, stop: threading.Event) -> None:
    with contextlib.closing(open_file(part)) as db:
        db.set_progress_handler(stop.is_set, _STEPS)
        try:
            answers = db.execute("PRAGMA quick_check(1)").fetchall()
        except apsw.InterruptError:
            raise Stopped from None
        except apsw.Error as error:
            raise trouble(part, error) from None
    if answers != [("ok",)]:
        raise MovingTrouble(f"the backup is not sound ({answers[0][0]}): is a disk failing?")
