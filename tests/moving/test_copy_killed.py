"""A copy that is killed goes on where it was, and finds out what changed meanwhile."""

import asyncio
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from denglu.moving import copying
from denglu.moving.copying import tables
from denglu.moving.opening import open_side
from denglu.moving.side import MovingTrouble
from denglu.settings import Settings
from denglu.store.migrate import WrongSchema, check_schema, migrate_database
from denglu.store.schema import member
from tests.moving.conftest import Empty
from tests.moving.places import Place, copy, fill, row_of

_SOURCES = Path(__file__).parents[2] / "src"
_ROWS = 40
_BATCH = 9
# Every table: a call at its start and one after each batch; then the same to compare.
_CALLS = len(list(tables())) * (1 + -(-_ROWS // _BATCH))

# Killed at a call of the progress, or while the rows of a batch are on their way.
BETWEEN = """
    def step(thing, done, total):
        if next(calls) == last:
            die()
"""
WITHIN = """
    def step(thing, done, total):
        pass

    async def insert(self, table, rows):
        await whole(self, table, dying(rows) if next(calls) == last else rows)

    def dying(rows):
        for row in rows[:-1]:
            yield row
        die()

    side = next(side for kind, side in SIDES.items() if target.startswith(kind))
    whole, side.insert = side.insert, insert
"""
SCRIPT = """
    import itertools, os, signal, sys
    from denglu.moving import copying
    from denglu.moving.copy import copy_database
    from denglu.moving.mysql_side import MysqlSide
    from denglu.moving.postgres_side import PostgresSide
    from denglu.moving.sqlite_side import SqliteSide

    SIDES = {{"mysql": MysqlSide, "postgresql": PostgresSide, "sqlite": SqliteSide}}
    source, target, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
    copying.BATCH = {batch}
    calls = itertools.count(1)

    def die():
        os.kill(os.getpid(), signal.SIGKILL)
    {how}
    copy_database(source, target, restart=False, copying=step, comparing=step)
"""


def killed(source: Place, target: Place, call: int, how: str = BETWEEN) -> None:
    """Start a copy in a process of its own, which is killed."""
    script = textwrap.dedent(SCRIPT.format(batch=_BATCH, how=how))
    done = subprocess.run(
        [sys.executable, "-c", script, source.url, target.url, str(call)],
        env={"PYTHONPATH": str(_SOURCES)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BATCH", _BATCH)


def test_a_copy_goes_on_however_often_it_is_killed(source: Place, target: Place) -> None:
    fill(source, _ROWS)
    came = 0
    # Each start passes over what is done, so a later call is further on.
    for call in (1, 4, 9, 16, 22, _CALLS - 4):
        killed(source, target, call)
        now = sum(len(rows) for rows in target.everything().values())
        assert came <= now <= _ROWS * len(list(tables()))
        came = now
    assert came > _ROWS
    report = copy(source, target)
    assert report.resumed
    assert report.copied.kept == came
    assert report.copied.kept + report.copied.added == _ROWS * len(list(tables()))
    assert target.everything() == source.everything()


def test_half_a_copy_is_not_served(source: Place, target: Place) -> None:
    fill(source, _ROWS)
    killed(source, target, 9)
    settings = Settings(database_url=target.url)
    with pytest.raises(WrongSchema, match="a copy that is not done"):
        check_schema(settings)
    copy(source, target)
    assert not check_schema(settings)


def test_a_copy_that_is_killed_while_it_compares_compares_again(
    source: Place, target: Place
) -> None:
    fill(source, _ROWS)
    killed(source, target, _CALLS + 10)
    report = copy(source, target)
    assert (report.resumed, report.copied.added, report.same) == (True, 0, True)


async def test_a_batch_is_there_whole_or_not_at_all(target: Place) -> None:
    await asyncio.to_thread(migrate_database, target.url)
    side = await open_side(target.url, frozen=False)
    # More than goes into one statement; the last row cannot be added.
    long = {"tree": "月" * 16_000}
    twice = [row_of(member, number, **long) for number in (*range(1, 60), 1)]
    with pytest.raises(MovingTrouble, match=r"table member: .*(?i:unique|duplicate)"):
        await side.insert(member, twice)
    await side.close()
    assert target.rows(member) == []


def test_a_copy_goes_on_after_a_kill_within_a_batch(source: Place, target: Place) -> None:
    fill(source, _ROWS)
    killed(source, target, 5, WITHIN)
    # The first thing that is inserted is the copy's own note.
    assert len(target.rows(member)) == 3 * _BATCH
    report = copy(source, target)
    assert (report.copied.kept, report.same) == (3 * _BATCH, True)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE member SET nickname = 'moved' WHERE id = 6", "6 (differs)"),
        ("DELETE FROM member WHERE id = 6", "6 (missing in the source)"),
        (
            "INSERT INTO member (id, tree, mobile_key) VALUES (5, '', '13800000000')",
            "5 (missing in the target)",
        ),
    ],
)
def test_a_source_that_changed_between_two_starts_is_found_out(
    source: Place, empty: Empty, change: str, found: str
) -> None:
    target = empty("sqlite")
    fill(source, _ROWS)
    killed(source, target, 5)
    source.sql(change)
    report = copy(source, target)
    assert not report.same
    (one,) = [table for table in report.compared if not table.same]
    assert (one.table, one.differing, one.first) == ("member", 1, [found])
    # What is there is no copy yet, and the next start knows it.
    assert not copy(source, target).same
    anew = copy(source, target, restart=True)
    assert (anew.same, anew.resumed, anew.copied.kept) == (True, False, 0)
    assert target.everything() == source.everything()


def test_a_copy_of_another_source_is_not_gone_on_with(
    source: Place, target: Place, tmp_path: Path
) -> None:
    fill(source, _ROWS)
    killed(source, target, 5)
    other = Place(f"sqlite:///{tmp_path / 'other.db'}", source.sql)
    other.path.write_bytes(source.path.read_bytes())
    with pytest.raises(MovingTrouble, match=r"begun from .*--restart"):
        copy(other, target)
    assert copy(other, target, restart=True).same


def test_a_network_source_is_read_as_it_was_at_one_instant(
    source: Place, empty: Empty, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, _ROWS)
    middle, end = empty("postgresql"), empty("sqlite")
    copy(source, middle)
    shifted = _Shift(middle)
    monkeypatch.setattr("tests.moving.places.quiet", shifted)
    assert copy(middle, end).same
    assert shifted.done
    assert end.everything() == source.everything()
    assert middle.sql("SELECT count(*) FROM audit_event") == [(0,)]


class _Shift:
    """A progress that changes a database once, in the middle of the copy."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.done = False

    def __call__(self, thing: str, done: int, total: int) -> None:
        if thing == "session" and not self.done:
            self.done = True
            self._place.sql("UPDATE member SET nickname = 'moved'")
            self._place.sql("DELETE FROM audit_event")
