"""The SQLite file as a whole: one server on it, and a look at its health before it is used.

Nothing here opens the file but through SQLite: closing any other descriptor of it would drop
the locks that SQLite holds in this process.
"""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

import apsw

# A check reads the whole file. Larger files are checked by `denglu doctor`, not at each start.
_CHECKED_AT_START = 1 << 30
# A look at the lock (`holder`) takes it for an instant: a server that starts then tries again.
_LOCK_TRIES, _LOCK_PAUSE = 5, 0.05
# How long a look at the file waits for a program that holds it.
BUSY_MILLISECONDS = 5000
_OPEN = apsw.SQLITE_OPEN_READWRITE
_UNUSABLE = (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.BusyError)

_SOUND_SQLITE = (3, 51, 3)

OLD_SQLITE = (
    "SQLite {version} can damage a file that several programs write at once; 3.51.3 or newer is "
    "recommended: upgrade apsw, which carries its own"
)


class FileTrouble(Exception):
    """The file cannot be served; the text says why and what to do, in one line."""


class AlreadyServed(FileTrouble):
    """Another server has the file."""


class ServerLock:
    """Held by the one server of a file; another one is refused. Commands need no lock."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = lock_path(database)
        self._descriptor = -1

    def __enter__(self) -> "ServerLock":
        make_sure_of_folder(self._database)
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FileTrouble(f"{self._path} cannot be written: {error.strerror}") from None
        if not _take(self._descriptor):
            holder = _read_process(self._descriptor)
            os.close(self._descriptor)
            who = f" (process {holder})" if holder else ""
            raise AlreadyServed(
                f"{self._database} is already served by another denglu{who}; "
                "an SQLite file takes one server: stop that one, or use another DENGLU_DATABASE_URL"
            )
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def is_old_sqlite(version: str) -> bool:
    """Whether an SQLite of this version is older than the one that is recommended."""
    return tuple(int(part) for part in version.split(".")[:3]) < _SOUND_SQLITE


def lock_path(database: Path) -> Path:
    """The lock's file: one for a database, whatever links lead to it."""
    real = database.resolve()
    return real.with_name(real.name + ".lock")


def holder(database: Path) -> str | None:
    """The process that serves the file (its id, or ``?``); None when nobody does."""
    try:
        descriptor = os.open(lock_path(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        return _read_process(descriptor) or "?"
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    for tried in range(_LOCK_TRIES):
        if tried:
            time.sleep(_LOCK_PAUSE)
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _read_process(descriptor: int) -> str:
    text = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
    return text if text.isdecimal() else ""


def make_sure_of_folder(database: Path) -> None:
    """Raise FileTrouble when the folder of the file is missing or closed to us."""
    folder = database.parent
    if not folder.is_dir():
        raise FileTrouble(f"{folder}: there is no such folder; make it, or set DENGLU_DATABASE_URL")
    if database.is_dir():
        raise FileTrouble(f"{database} is a folder; set DENGLU_DATABASE_URL to a file")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileTrouble(
            f"{folder}: this user may not write here, and SQLite keeps files beside the database; "
            "change the folder's owner, or run denglu as that user"
        )


def open_file(database: Path) -> apsw.Connection:
    """A plain connection to an existing file, for looks at it. Raises FileTrouble."""
    try:
        db = apsw.Connection(str(database), flags=_OPEN)
        db.set_busy_timeout(BUSY_MILLISECONDS)
        db.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except apsw.Error as error:
        raise trouble(database, error) from None
    return db


def trouble(database: Path, error: apsw.Error) -> FileTrouble:
    """What an error of SQLite means to an operator."""
    if isinstance(error, apsw.BusyError):
        return FileTrouble(f"{database} is locked by another program; try again when it is done")
    if isinstance(error, _UNUSABLE):
        return FileTrouble(
            f"{database} cannot be opened for writing ({error}); check its owner and mode, "
            "and those of its folder"
        )
    if isinstance(error, apsw.FullError):
        return FileTrouble(f"{database}: the disk is full; make room and try again")
    if isinstance(error, apsw.NotADBError):
        return FileTrouble(
            f"{database} is no SQLite file; move it aside, or set DENGLU_DATABASE_URL"
        )
    return _damaged(database, str(error))


def _damaged(database: Path, how: str) -> FileTrouble:
    return FileTrouble(
        f"{database} is damaged ({how}); restore a backup, or move the file aside and start anew"
    )


def check_file(database: Path, *, whatever_size: bool = False) -> None:
    """SQLite's ``quick_check``. Raises FileTrouble when the file is damaged or not writable."""
    with contextlib.closing(open_file(database)) as db:
        if db.readonly("main"):
            raise trouble(database, apsw.ReadOnlyError("it is read-only for this user"))
        if not whatever_size and database.stat().st_size > _CHECKED_AT_START:
            return
        try:
            answers = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
        except apsw.Error as error:
            raise trouble(database, error) from None
    if answers != ["ok"]:
        raise _damaged(database, "; ".join(answers).replace("\n", " "))
