"""The doctor's look at the SQLite file and the disk it is on."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw

from denglu.doctor.finding import Finding, Level
from denglu.store.file import (
    OLD_SQLITE,
    FileTrouble,
    check_file,
    holder,
    is_old_sqlite,
    make_sure_of_folder,
    open_file,
    trouble,
)
from denglu.store.migrate import HEAD, WrongSchema, current_revision, is_due

_MIB = 1 << 20
_LEAST_FREE, _LITTLE_FREE = 100 * _MIB, 1024 * _MIB
_LARGE_WAL = 64 * _MIB
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "afs"})


def examine_file(database: Path) -> Iterator[Finding]:
    """Findings about the file; those after a fault that hides the rest are left out."""
    version = apsw.sqlite_lib_version()
    if is_old_sqlite(version):
        yield _finding(Level.warning, OLD_SQLITE.format(version=version))
    try:
        make_sure_of_folder(database)
        yield from _disk(database)
        if current_revision(database) is None:
            yield _finding(
                Level.note,
                f"{database} is not made yet",
                "`denglu serve` or `denglu migrate` makes it",
            )
            return
        yield from _schema(database)
        check_file(database, whatever_size=True)
        yield _finding(Level.ok, f"{database} can be read, and SQLite {version} finds it sound")
        yield from _writing(database)
    except (FileTrouble, WrongSchema) as error:
        yield _finding(Level.fault, str(error))
    yield from _files(database)


def _finding(level: Level, message: str, advice: str = "") -> Finding:
    return Finding("database", level, message, advice)


def _disk(database: Path) -> Iterator[Finding]:
    folder = database.parent
    free = shutil.disk_usage(folder).free
    size = database.stat().st_size if database.exists() else 0
    text = f"{free // _MIB} MiB are free in {folder}"
    if free < _LEAST_FREE:
        yield _finding(Level.fault, text, "make room: logins fail when the disk is full")
    elif free < max(_LITTLE_FREE, 2 * size):
        yield _finding(Level.warning, text, "make room for growth and for a backup")
    else:
        yield _finding(Level.ok, text)
    if (kind := _file_system(folder)) in _NETWORK:
        yield _finding(
            Level.fault,
            f"{folder} is on a network file system ({kind}), where SQLite's WAL does not work",
            "move the database to a local disk",
        )


def _schema(database: Path) -> Iterator[Finding]:
    if is_due(database):
        yield _finding(
            Level.fault,
            f"{database} is at revision {current_revision(database)}, older than this denglu "
            f"({HEAD})",
            "stop the server and run `denglu migrate`",
        )
    else:
        yield _finding(Level.ok, f"the schema is current (revision {HEAD})")


def _writing(database: Path) -> Iterator[Finding]:
    server = holder(database)
    if server is None:
        yield _finding(Level.note, "no server is running on it")
    else:
        yield _finding(Level.ok, f"served by process {server}")
    with contextlib.closing(open_file(database)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
        except apsw.Error as error:
            raise trouble(database, error) from None
    yield _finding(Level.ok, "it can be written to")


def _files(database: Path) -> Iterator[Finding]:
    wal = database.with_name(database.name + "-wal")
    if wal.exists() and (size := wal.stat().st_size) > _LARGE_WAL:
        yield _finding(
            Level.warning,
            f"{wal} has {size // _MIB} MiB: some program keeps reading the file",
            "end that program, or restart the server",
        )
    beside = (database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm"))
    open_to_others = [path for path in beside if path.exists() and path.stat().st_mode & 0o077]
    for path in open_to_others:
        mode = path.stat().st_mode & 0o777
        yield _finding(
            Level.fault if mode & 0o007 else Level.warning,
            f"{path} has mode {mode:03o}: others can get at members and password hashes",
            f"chmod 600 {path}",
        )
    if not open_to_others:
        yield _finding(Level.ok, "only its owner can read it")


def _file_system(folder: Path) -> str:
    """The kind of file system; empty where the machine does not tell."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    here = str(folder.resolve()) + "/"
    best, kind = "", ""
    for line in lines:
        mount, name = line.split(" ")[1:3]
        if here.startswith(mount.rstrip("/") + "/") and len(mount) >= len(best):
            best, kind = mount, name
    return kind
