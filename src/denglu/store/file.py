"""The SQLite file as a whole: one server on it, and a look at its health before it is used."""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType

import apsw

# A check reads the whole file. Larger files are checked by `denglu doctor`, not at each start.
_CHECKED_AT_START = 1 << 30


class FileTrouble(Exception):
    """The file cannot be served; the text says why and what to do, in one line."""


class ServerLock:
    """Held by the one server of a file; another one is refused. Commands need no lock."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._database = database
        self._descriptor = -1

    def __enter__(self) -> "ServerLock":
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            who = f" (process {holder})" if holder else ""
            raise FileTrouble(
                f"{self._database} is already served by another denglu{who}; "
                "an SQLite file takes one server: stop that one, or use another DENGLU_DATABASE_URL"
            ) from None
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


def check_file(database: Path, *, whatever_size: bool = False) -> None:
    """SQLite's ``quick_check``. Raises FileTrouble when the file is damaged."""
    if not whatever_size and database.stat().st_size > _CHECKED_AT_START:
        return
    try:
        with contextlib.closing(apsw.Connection(str(database))) as db:
            answers = [row[0] for row in db.execute("PRAGMA quick_check(3)")]
    except apsw.Error as error:
        answers = [str(error)]
    if answers != ["ok"]:
        raise FileTrouble(
            f"{database} is damaged ({'; '.join(answers)}); restore a backup, "
            "or move the file aside and start anew"
        )
