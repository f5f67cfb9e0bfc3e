"""What a writer without work lets go of, and that it goes on as before."""

import queue

import apsw
import pytest

from denglu.domain.member import NewMember
from denglu.store import sqlite as module
from denglu.store.sqlite import SqliteStore
from tests.store.making import add_member, member_of

LONG = 600.0


@pytest.fixture(autouse=True)
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer's own thread waits; the test does what it would do after a pause."""
    monkeypatch.setattr(module, "_IDLE", LONG)


class Nothing:
    """A queue in which nobody puts anything; ``done`` is what was waited for."""

    def __init__(self, done: list[object]) -> None:
        self._done = done

    def get(self, timeout: float | None = None) -> None:
        self._done.append(timeout)
        if timeout is not None:
            raise queue.Empty


def pages_of(store: SqliteStore) -> int:
    """Bytes of the file that the writing connection keeps."""
    return store._writing.status(apsw.SQLITE_DBSTATUS_CACHE_USED)[0]


async def test_pages_are_let_go_once_when_a_while_without_a_write_is_over(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    first = await add_member(sqlite, NewMember("ming"))
    kept = pages_of(sqlite)
    with monkeypatch.context() as patch:
        patch.setattr(module, "give_back_gaps", lambda: done.append(pages_of(sqlite)))
        patch.setattr(sqlite._writer, "_jobs", Nothing(done))
        assert sqlite._writer._next() is None
    left = done.pop(1)
    assert isinstance(left, int)
    assert left < kept / 4
    assert done == [LONG, None]

    second = await add_member(sqlite, NewMember("hong"))
    assert [await member_of(sqlite, each.id) for each in (first, second)] == [first, second]


async def test_a_file_that_fails_meanwhile_does_not_end_the_writer(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def execute(self, _: str) -> None:
            raise apsw.IOError

    with monkeypatch.context() as patch:
        patch.setattr(sqlite._writer, "_db", Broken())
        patch.setattr(sqlite._writer, "_jobs", Nothing([]))
        assert sqlite._writer._next() is None
