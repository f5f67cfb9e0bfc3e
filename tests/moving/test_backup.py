"""A backup is whole, checked and private, or it is not there; and nobody has to stop for it."""

import asyncio
import fcntl
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from denglu.moving import backup
from denglu.moving.backup import Stopped, back_up
from denglu.moving.side import MovingTrouble
from denglu.store.file import FileTrouble
from tests.flows.world import Numbers, World
from tests.moving.places import Place, fill
from tests.store.files import sql_on_file

_SOURCES = Path(__file__).parents[2] / "src"
_NAME = re.compile(r"denglu-\d{8}T\d{6}Z\.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "backups"
    path.mkdir()
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_holds_everything_under_a_name_of_its_time(source: Place, folder: Path) -> None:
    fill(source, 7)
    made = back_up(source.path, folder)
    assert names(folder) == [made.path.name]
    assert _NAME.fullmatch(made.path.name)
    assert made.size == made.path.stat().st_size
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    there = Place(f"sqlite:///{made.path}", sql_on_file(made.path))
    assert there.everything() == source.everything()
    assert there.sql("SELECT version_num FROM alembic_version") == source.sql(
        "SELECT version_num FROM alembic_version"
    )


def test_a_file_of_another_name_can_be_the_target_once(source: Place, folder: Path) -> None:
    target = folder / "before-the-upgrade.db"
    assert back_up(source.path, target).path == target
    with pytest.raises(MovingTrouble, match="there already"):
        back_up(source.path, target)


async def test_a_backup_under_load_holds_every_write_that_was_answered_before_it(
    source: Place, folder: Path
) -> None:
    world = World(source.store(), source.sql, Numbers())
    answered: list[int] = []
    over = asyncio.Event()

    async def join(number: int) -> None:
        while not over.is_set():
            mobile = str(13_000_000_000 + number * 10_000_000 + len(answered))
            answered.append((await world.add_member(mobile)).id)

    members = [asyncio.create_task(join(number)) for number in range(8)]
    try:
        for number in range(6):
            async with asyncio.timeout(20):
                while len(answered) < (number + 1) * 20:  # noqa: ASYNC110 - rounds, not time
                    await asyncio.sleep(0)
            before = set(answered)
            made = await asyncio.to_thread(back_up, source.path, folder / f"{number}.db")
            with closing(apsw.Connection(str(made.path))) as db:
                assert db.execute("PRAGMA integrity_check").get == "ok"
                held = {row[0] for row in db.execute("SELECT id FROM member")}
                # Neither half a member nor a gap in the order of what was answered.
                assert before <= held
                assert (
                    db.execute(
                        "SELECT count(*) FROM member LEFT JOIN member_account AS account "
                        "ON account.member_id = member.id WHERE account.id IS NULL"
                    ).get
                    == 0
                )
    finally:
        over.set()
        await asyncio.gather(*members)
        await world.store.close()


def test_only_the_newest_are_kept_and_nothing_else_is_touched(source: Place, folder: Path) -> None:
    others = ["denglu-20250101T000000Z.db.key", "notes.txt", "denglu.db", "denglu-2025.db"]
    old = [f"denglu-2025010{day}T031500Z.db" for day in range(1, 6)]
    for name in [*others, *old]:
        (folder / name).touch()
    made = back_up(source.path, folder, keep=3)
    assert [path.name for path in made.removed] == old[:3]
    assert names(folder) == sorted([*others, *old[3:], made.path.name])


def test_without_a_number_every_backup_is_kept(source: Place, folder: Path) -> None:
    (folder / "denglu-20250101T000000Z.db").touch()
    assert back_up(source.path, folder).removed == ()
    assert len(names(folder)) == 2


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from denglu.moving import backup

    left = [{steps}]

    class Stop:
        def is_set(self):
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return False

    backup._STEPS = 500
    if {before_rename}:
        backup._check = lambda part, stop: os.kill(os.getpid(), signal.SIGKILL)
    backup.back_up(Path(sys.argv[1]), Path(sys.argv[2]), stop=Stop())
"""


@pytest.mark.parametrize("steps", [1, 2, 5, 20, 60, None])
def test_F04_a_backup_that_is_killed_leaves_a_sound_database_and_no_backup(
    source: Place, folder: Path, steps: int | None
) -> None:
    fill(source, 900)
    before = source.everything()
    script = textwrap.dedent(KILLED).format(steps=steps or 10**9, before_rename=steps is None)
    done = subprocess.run(
        [sys.executable, "-c", script, str(source.path), str(folder)],
        env={"PYTHONPATH": str(_SOURCES)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = names(folder)
    assert left
    assert all(".db.part" in name for name in left)
    assert source.everything() == before
    assert source.sql("PRAGMA integrity_check") == [("ok",)]
    made = back_up(source.path, folder)
    assert names(folder) == [made.path.name]


@pytest.mark.parametrize("where", ["_fill", "_check"])
def test_a_backup_that_is_told_to_stop_stops_and_leaves_nothing(
    source: Place, folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    fill(source, 300)
    monkeypatch.setattr(backup, "_STEPS", 500)
    if where == "_fill":
        monkeypatch.setattr(backup, "_check", lambda *_: pytest.fail("it went on"))
    else:
        monkeypatch.setattr(backup, "_fill", lambda db, part, _: shutil.copy(db, part))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        back_up(source.path, folder, stop=stop)
    assert names(folder) == []


def test_one_backup_at_a_time_is_made_in_a_folder(source: Place, folder: Path) -> None:
    part = folder / "denglu-20250101T000000Z.db.part"
    part.touch()
    other = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(MovingTrouble, match="another backup is being made"):
            back_up(source.path, folder)
    finally:
        os.close(other)
    assert names(folder) == [part.name]


def test_F06_a_full_disk_is_one_line_and_leaves_nothing(source: Place, folder: Path) -> None:
    fill(source, 900)
    assert source.path.stat().st_size > 400_000
    script = f"ulimit -f 200; exec {sys.executable} -m denglu backup {folder}"
    done = subprocess.run(
        ["bash", "-c", script],  # ulimit counts in KiB here
        cwd=source.path.parent,
        env={"PYTHONPATH": str(_SOURCES)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"denglu: no backup at {folder}/denglu-")
    assert line.endswith("is there room on the disk?")
    assert names(folder) == []
    assert source.sql("PRAGMA integrity_check") == [("ok",)]


def test_a_place_that_cannot_be_written_is_one_line(source: Place, folder: Path) -> None:
    (folder / "file").touch()
    for target in (folder / "missing" / "x.db", folder / "file" / "x.db"):
        with pytest.raises(MovingTrouble, match=r"^no backup at .*x\.db: ") as refused:
            back_up(source.path, target)
        assert "\n" not in str(refused.value)


def test_a_backup_that_is_not_sound_does_not_get_the_name(
    source: Place, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, 50)
    whole = backup._fill

    def harmed(database: Path, part: Path, stop: threading.Event) -> None:
        whole(database, part, stop)
        with part.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(4096))

    monkeypatch.setattr(backup, "_fill", harmed)
    with pytest.raises((MovingTrouble, FileTrouble)):
        back_up(source.path, folder)
    assert names(folder) == []


def test_what_a_backup_wrote_is_on_disk_before_it_has_its_name(
    source: Place, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        told.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    def renamed(path: Path, target: Path) -> Path:
        told.append("renamed")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    back_up(source.path, folder)
    assert told == ["file", "renamed", "folder"]
