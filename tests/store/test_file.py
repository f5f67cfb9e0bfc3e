"""The file as a whole: one server, and a look at its health before it is used."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from denglu.store.file import FileTrouble, ServerLock, check_file

HOLD = """
import sys
from pathlib import Path
from denglu.store.file import ServerLock
with ServerLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_F14_a_second_server_on_the_file_is_refused_and_told_who_has_it(path: Path) -> None:
    source = Path(__file__).parents[2] / "src"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(source)},
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(FileTrouble, match=rf"served by another denglu.*{first.pid}"):
            ServerLock(path).__enter__()
        first.communicate("")
    with ServerLock(path):
        pass


def test_F14_a_second_server_in_the_same_process_is_refused_as_well(path: Path) -> None:
    with ServerLock(path), pytest.raises(FileTrouble, match="already served"):
        ServerLock(path).__enter__()
    with ServerLock(path):
        pass


def test_servers_of_different_files_do_not_meet(tmp_path: Path) -> None:
    with ServerLock(tmp_path / "one.db"), ServerLock(tmp_path / "two.db"):
        pass


def test_a_server_that_was_killed_leaves_no_lock_behind(path: Path) -> None:
    lock = path.with_name(path.name + ".lock")
    lock.write_text("999999")
    with ServerLock(path):
        pass


def test_a_sound_file_passes(path: Path) -> None:
    check_file(path)


def test_a_damaged_file_is_found(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executemany("insert into audit_event (event) values (?)", [("x" * 40,)] * 500)
        db.commit()
        db.execute("pragma wal_checkpoint(truncate)")
    whole = bytearray(path.read_bytes())
    whole[4096 * 20 :] = b"\xff" * len(whole[4096 * 20 :])
    path.write_bytes(whole)
    with pytest.raises(FileTrouble, match="damaged"):
        check_file(path)


def test_a_file_that_was_cut_off_is_found(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:8192])
    with pytest.raises(FileTrouble):
        check_file(path)


def test_a_file_of_something_else_is_found(path: Path) -> None:
    path.write_bytes(b"hello, I am a letter\n" * 500)
    with pytest.raises(FileTrouble):
        check_file(path)
