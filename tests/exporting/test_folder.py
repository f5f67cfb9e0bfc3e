"""All or nothing: when an export has its name, and what is left of one that did not come so far."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from denglu.moving.side import MovingTrouble
from tests.exporting.conftest import Export
from tests.exporting.reading import read
from tests.moving.places import Place, fill


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where exports of these tests go."""
    return tmp_path / "out"


def left(out: Path) -> list[str]:
    """What stands beside or in place of the export."""
    return sorted(path.name for path in out.parent.iterdir() if path.name.startswith("out"))


def test_only_the_owner_may_read_it(source: Place, export: Export, out: Path) -> None:
    before = os.umask(0)
    try:
        export(source)
    finally:
        os.umask(before)
    assert out.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}


def _file(out: Path) -> None:
    out.write_text("mine")


def _folder(out: Path) -> None:
    out.mkdir()


def _full_folder(out: Path) -> None:
    out.mkdir()
    (out / "members.jsonl").write_text("mine")


def _dangling_link(out: Path) -> None:
    out.symlink_to("nowhere")


THERE = [_file, _folder, _full_folder, _dangling_link]


@pytest.mark.parametrize("make", THERE)
def test_what_is_there_is_never_overwritten(
    source: Place, export: Export, out: Path, make: Callable[[Path], None]
) -> None:
    make(out)
    before = (out.lstat(), [path.read_text() for path in out.glob("*")])
    with pytest.raises(MovingTrouble, match="is there already"):
        export(source, progress=lambda *said: pytest.fail("everything was read first"))
    assert (out.lstat(), [path.read_text() for path in out.glob("*")]) == before
    assert left(out) == ["out"]


def test_a_name_that_can_be_no_new_folder_is_told_in_a_line(source: Place, export: Export) -> None:
    for name in ("/", "."):
        with pytest.raises(MovingTrouble, match="is there already"):
            export(source, name=name)


@pytest.mark.parametrize("make", THERE)
def test_what_came_there_meanwhile_is_not_overwritten_either(
    source: Place, export: Export, out: Path, make: Callable[[Path], None]
) -> None:
    def meddle(name: str, done: int, total: int) -> None:
        if name == "cancellations":
            make(out)

    with pytest.raises(MovingTrouble, match="is there already"):
        export(source, progress=meddle)
    assert left(out) == ["out"]
    assert [path.read_text() for path in out.glob("*")] in ([], ["mine"])


def test_one_that_failed_leaves_nothing(source: Place, export: Export, out: Path) -> None:
    def fail(name: str, done: int, total: int) -> None:
        if name == "levels":
            assert (out.with_name("out.part") / "members.jsonl").exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(source, progress=fail)
    assert left(out) == []


def test_a_disk_that_is_full_is_told_in_a_line(
    source: Place, export: Export, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MovingTrouble, match=f"no export at {out}: No space left on device"):
        export(source)
    assert left(out) == []


def test_where_no_folder_can_be_made_it_is_told_in_a_line(source: Place, export: Export) -> None:
    with pytest.raises(MovingTrouble, match="No such file or directory"):
        export(source, name="no/such/folder")


_KILLED = """
import os, sys
from pathlib import Path
from denglu.exporting.export import export_database

def die(name, done, total):
    if name == "levels":
        os.kill(os.getpid(), 9)

export_database(sys.argv[1], Path(sys.argv[2]), form="csv", with_hashes=True, now=0, progress=die)
"""


def test_what_a_killed_one_left_is_removed_by_the_next(
    source: Place, export: Export, out: Path
) -> None:
    fill(source, 3)
    done = subprocess.run([sys.executable, "-c", _KILLED, source.url, str(out)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert left(out) == ["out.part"]
    assert out.with_name("out.part").stat().st_mode & 0o777 == 0o700
    report = export(source)
    assert left(out) == ["out"]
    assert len(read(out / "members.jsonl")) == 3
    assert {path.name for path in out.iterdir()} == {*report.files, "export.json"}


def test_a_folder_of_that_name_that_is_no_export_is_left_alone(
    source: Place, export: Export, out: Path
) -> None:
    part = out.with_name("out.part")
    part.mkdir()
    for name in ("letters.txt", "members.csv"):
        (part / name).write_text("mine")
    with pytest.raises(MovingTrouble, match=r"letters\.txt is not of an export"):
        export(source)
    assert {path.read_text() for path in part.iterdir()} == {"mine"}


def test_two_at_once_do_not_mix(source: Place, export: Export, out: Path) -> None:
    fill(source, 3)
    inside, go_on = threading.Event(), threading.Event()

    def pause(name: str, done: int, total: int) -> None:
        inside.set()
        assert go_on.wait(20)

    first = threading.Thread(target=export, args=(source,), kwargs={"progress": pause})
    first.start()
    try:
        assert inside.wait(20)
        with pytest.raises(MovingTrouble, match="another export is being made"):
            export(source)
    finally:
        go_on.set()
        first.join()
    assert len(read(out / "members.jsonl")) == 3
    assert left(out) == ["out"]
