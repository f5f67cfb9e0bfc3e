"""An import that is killed goes on when it is started again."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from denglu.importing import source as reading
from tests.importing.rageframe import Rageframe
from tests.importing.small import books, bound, bring, pass_, person, rank
from tests.moving.places import Place

_SOURCES = Path(__file__).parents[2] / "src"
_BATCH = 3
_MEMBERS = 11
# Killed at a call of the progress, or when rows have been added and not committed.
BETWEEN = """
    def step(thing, done, total):
        if next(calls) == last:
            os.kill(os.getpid(), signal.SIGKILL)
"""
WITHIN = """
    def step(thing, done, total):
        pass

    whole = Target.note

    async def note(self, kind, marks, known):
        if next(calls) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        await whole(self, kind, marks, known)

    Target.note = note
"""
SCRIPT = """
    import asyncio, itertools, os, signal, sys
    from denglu.clock import Clock
    from denglu.domain.groups import Groups
    from denglu.importing import source
    from denglu.importing.bringing import Terms
    from denglu.importing.rageframe import Order, import_rageframe
    from denglu.importing.target import Target
    from denglu.settings import Settings
    from denglu.store.opening import open_store

    last = int(sys.argv[3])
    source.BATCH = {batch}
    calls = itertools.count(1)
    {how}
    terms = Terms(7200, 30 * 86400, 90 * 86400, Groups(folded=True))
    order = Order(sys.argv[1], sys.argv[2], terms)

    async def work():
        store = open_store(Settings(database_url=sys.argv[2]))
        await import_rageframe(order, store, Clock(), file=None, bringing=step)
        await store.close()

    asyncio.run(work())
"""


def killed(source: Rageframe, place: Place, call: int, how: str) -> bool:
    """Start an import in a process of its own; whether it was killed before its end."""
    script = textwrap.dedent(SCRIPT.format(batch=_BATCH, how=how))
    done = subprocess.run(
        [sys.executable, "-c", script, source.url, place.url, str(call)],
        env={"PYTHONPATH": str(_SOURCES)},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", _BATCH)


def fill(source: Rageframe) -> None:
    numbers = range(1, _MEMBERS + 1)
    source.fill("member", [person(n, merchant_id=n % 3) for n in numbers])
    source.fill("member_account", [books(n, n, f"{n}.01") for n in numbers])
    source.fill("member_level", [rank(n, n, f"l{n}") for n in range(1, 5)])
    source.fill("member_auth", [bound(n, n) for n in numbers])
    source.fill("api_access_token", [pass_(n, n) for n in numbers])


@pytest.mark.parametrize("how", [BETWEEN, WITHIN], ids=["between", "within"])
def test_an_import_goes_on_however_often_it_is_killed(
    source: Rageframe, place: Place, how: str
) -> None:
    fill(source)
    # Each start passes over what is done, so that the same call is further on.
    calls = (2, 4, 7, 3, 5) if how is WITHIN else (5, 9, 14, 19, 25)
    for call in calls:
        assert killed(source, place, call, how)
    came = bring(source, place)
    assert came.of("member").brought.rows == _MEMBERS
    assert came.of("member").unchanged > 0
    assert place.sql("SELECT count(*), count(DISTINCT member_id) FROM session") == [(_MEMBERS,) * 2]
    assert place.sql("SELECT count(*) FROM session_token") == [(2 * _MEMBERS,)]
    whole = place.everything()
    again = bring(source, place)
    assert all(again.counts(tally.table)[:2] == (0, 0) for tally in again.report.tallies)
    assert place.everything() == whole


def test_two_imports_at_once_do_no_harm(source: Rageframe, place: Place) -> None:
    fill(source)
    script = textwrap.dedent(SCRIPT.format(batch=_BATCH, how=WITHIN))
    words = [sys.executable, "-c", script, source.url, place.url, "0"]
    racing = [
        subprocess.Popen(words, env={"PYTHONPATH": str(_SOURCES)}, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    ends = [(process.communicate()[1], process.returncode) for process in racing]
    assert 0 in [code for _, code in ends], ends
    for said, code in ends:
        assert code == 0 or b"MovingTrouble" in said
    came = bring(source, place)
    assert came.of("member").brought.rows == _MEMBERS
    assert place.sql("SELECT count(*) FROM session") == [(_MEMBERS,)]
