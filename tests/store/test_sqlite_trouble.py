"""SQLite in trouble: a full disk, a locked file, a bad neighbour in the same commit."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
import pytest_asyncio

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import NewMember
from denglu.flows.ports import Transaction
from denglu.store.sqlite import SqliteStore, _statements, open_store
from tests.store.making import NOW, access, add_member, found, new_session, open_session


class Plug:
    """Work that keeps the writer busy until the test lets go, so that what is handed in
    meanwhile ends up in one commit.
    """

    def __init__(self, store: SqliteStore) -> None:
        self.reached = threading.Event()
        self._go = threading.Event()
        self._task = asyncio.ensure_future(store.write(self._work))

    async def _work(self, tx: Transaction) -> None:
        self.reached.set()
        assert self._go.wait(10)

    async def pull(self) -> None:
        self._go.set()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest_asyncio.fixture
async def plug(sqlite: SqliteStore) -> AsyncIterator[Plug]:
    plug = Plug(sqlite)
    assert await asyncio.to_thread(plug.reached.wait, 10)
    yield plug
    await plug.pull()


class Commits:
    """Counts the commits of a store."""

    def __init__(self, store: SqliteStore) -> None:
        self.count = 0
        store._writing.set_commit_hook(self._add)

    def _add(self) -> bool:
        self.count += 1
        return False


async def add(store: SqliteStore, name: str) -> int:
    return await store.write(lambda tx: tx.members.add(NewMember(username=name), NOW))


async def hand_in(*work: Any) -> "list[asyncio.Task[Any]]":
    """Start all, and go on when each has been handed in."""
    tasks = [asyncio.ensure_future(one) for one in work]
    await asyncio.sleep(0)
    return tasks


async def answers(tasks: "list[asyncio.Task[Any]]") -> list[str]:
    done = await asyncio.gather(*tasks, return_exceptions=True)
    return [str(one) for one in done]


async def test_what_waits_together_is_committed_together(sqlite: SqliteStore, plug: Plug) -> None:
    commits = Commits(sqlite)
    tasks = await hand_in(*(add(sqlite, f"m{n}") for n in range(20)))
    await plug.pull()
    await asyncio.gather(*tasks)
    assert commits.count == 1


async def test_a_fault_in_a_shared_commit_is_its_own_works_alone(
    sqlite: SqliteStore, plug: Plug, neighbour: apsw.Connection
) -> None:
    async def broken(tx: Transaction) -> None:
        await tx.members.add(NewMember(username="half"), NOW)
        await tx.trail.write(None)  # type: ignore[arg-type]

    async def wrong_sql(tx: Any) -> None:
        await tx.members.add(NewMember(username="half"), NOW)
        tx.db.db.execute("insert into member (id) values (1), (1)")

    commits = Commits(sqlite)
    tasks = await hand_in(
        add(sqlite, "before"), sqlite.write(broken), sqlite.write(wrong_sql), add(sqlite, "after")
    )
    await plug.pull()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(told[1], AttributeError)
    assert isinstance(told[2], apsw.ConstraintError)
    assert commits.count == 1
    assert list(neighbour.execute("select username from member")) == [("before",), ("after",)]


async def test_F06_a_full_disk_is_busy_for_all_of_a_commit_and_nothing_of_it_stays(
    sqlite: SqliteStore, plug: Plug, neighbour: apsw.Connection
) -> None:
    fill_disk(sqlite)
    tasks = await hand_in(add(sqlite, "before"), sqlite.write(much), add(sqlite, "after"))
    await plug.pull()
    told = await answers(tasks)
    assert told[:2] == ["busy", "busy"]
    kept = [name for (name,) in neighbour.execute("select username from member")]
    assert kept == (["after"] if told[2] != "busy" else [])


async def test_F06_token_checks_go_on_while_the_disk_is_full_and_writes_once_there_is_room(
    sqlite: SqliteStore,
) -> None:
    await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    fill_disk(sqlite)
    with pytest.raises(Refusal, match="busy"):
        await sqlite.write(much)
    assert await sqlite.find_token(access(session_id))
    assert await sqlite.read(lambda tx: tx.members.get(1))

    sqlite._writing.execute("pragma max_page_count = 100000").fetchall()
    assert await add(sqlite, "room again")
    assert sqlite._writing.execute("pragma integrity_check").get == "ok"


async def much(tx: Transaction) -> None:
    """More than one page has room for."""
    for n in range(400):
        await tx.members.add(NewMember(username=f"{n}", nickname="x" * 60), NOW)


def fill_disk(store: SqliteStore) -> None:
    """No page more than there is."""
    store._writing.execute("pragma max_page_count = 1").fetchall()


class Failing:
    """A connection whose next statements of these kinds fail as those of a sick disk do."""

    def __init__(self, db: apsw.Connection, *statements: str) -> None:
        self._db = db
        self._failing = list(statements)

    def execute(self, sql: str, *params: Any) -> Any:
        if sql in self._failing:
            self._failing.remove(sql)
            raise apsw.IOError(sql)
        return self._db.execute(sql, *params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


@pytest.mark.parametrize(
    "failing",
    [["BEGIN IMMEDIATE"], ["SAVEPOINT job"], ["RELEASE job"], ["COMMIT"], ["COMMIT", "ROLLBACK"]],
)
async def test_a_sick_disk_is_busy_and_the_writer_goes_on(
    sqlite: SqliteStore, failing: list[str]
) -> None:
    writer: Any = sqlite._writer
    writer._db = Failing(sqlite._writing, *failing)
    async with asyncio.timeout(10):
        with pytest.raises(Refusal, match="busy"):
            await add(sqlite, "lost")
        while not await sqlite.ready():
            pass
        await add(sqlite, "kept")
    members = await sqlite.read(lambda tx: tx.roster.page(0, 9))
    assert [member.username for member in members] == ["kept"]


async def test_F07_a_locked_file_is_busy_and_reads_go_on(
    path: Path, neighbour: apsw.Connection
) -> None:
    store = open_store(path, busy_seconds=0.05, queue_seconds=5)
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    neighbour.execute("begin exclusive")

    with pytest.raises(Refusal) as refused:
        await add(store, "late")
    assert refused.value.reason is Reason.busy
    assert refused.value.retry_after == 1
    assert not await store.ready()
    assert (await found(store, access(session_id))).session.id == session_id
    assert await store.read(lambda tx: tx.members.get(1))

    neighbour.execute("rollback")
    assert await store.ready()
    assert await add(store, "late")
    await store.close()


async def test_F07_whoever_waits_behind_a_locked_file_runs_out_of_time_with_the_first(
    path: Path, neighbour: apsw.Connection
) -> None:
    # Were each to try for the whole busy time, this would take an hour.
    store = open_store(path, busy_seconds=60, queue_seconds=0.05)
    neighbour.execute("begin exclusive")
    async with asyncio.timeout(30):
        told = await answers(await hand_in(*(add(store, f"m{n}") for n in range(60))))
    assert told == ["busy"] * 60
    neighbour.execute("rollback")
    await store.close()


async def test_work_that_waited_too_long_in_the_queue_is_not_begun(
    path: Path, neighbour: apsw.Connection
) -> None:
    store = open_store(path, queue_seconds=-1)
    with pytest.raises(Refusal, match="busy"):
        await add(store, "late")
    assert not list(neighbour.execute("select 1 from member"))
    await store.close()


async def test_closing_finishes_what_was_handed_in(
    sqlite: SqliteStore, plug: Plug, neighbour: apsw.Connection
) -> None:
    tasks = await hand_in(*(add(sqlite, f"m{n}") for n in range(100)))
    closing = asyncio.ensure_future(sqlite.close())
    await plug.pull()
    await closing
    assert len(await asyncio.gather(*tasks)) == 100
    assert list(neighbour.execute("select count(*) from member")) == [(100,)]


async def test_a_caller_who_went_away_does_not_stop_the_others(
    sqlite: SqliteStore, plug: Plug
) -> None:
    tasks = await hand_in(*(add(sqlite, f"m{n}") for n in range(3)))
    tasks[1].cancel()
    await plug.pull()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in told] == [int, asyncio.CancelledError, int]


async def test_too_long_a_queue_is_busy_at_once(
    sqlite: SqliteStore, plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("denglu.store.sqlite._QUEUE", 3)
    tasks = await hand_in(*(add(sqlite, f"m{n}") for n in range(5)))
    await plug.pull()
    assert [told == "busy" for told in await answers(tasks)] == [False] * 3 + [True] * 2


async def test_the_file_is_written_durably(sqlite: SqliteStore) -> None:
    pragmas = ("journal_mode", "synchronous", "mmap_size")
    told = [sqlite._writing.execute(f"pragma {name}").get for name in pragmas]
    assert told == ["wal", 2, 0]
    # The writer is the only checkpointer, and readers cannot write.
    assert sqlite._reading.execute("pragma wal_autocheckpoint").get == 0
    assert sqlite._reading.execute("pragma query_only").get == 1


async def test_a_read_does_not_hold_the_log_open(sqlite: SqliteStore) -> None:
    await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    await found(sqlite, access(session_id))
    await sqlite.read(lambda tx: tx.members.get(1))
    await sqlite.has_legacy_hashes()
    (checkpoint,) = sqlite._writing.execute("pragma wal_checkpoint(truncate)").fetchall()
    assert checkpoint == (0, 0, 0)


# Their users are one list, each merchant's found by a key of its own.
_OF_ALL_MERCHANTS = {"merchant_hold", "user_by_email", "user_by_mobile", "user_by_username"}


@pytest.mark.parametrize("name", sorted(_statements()))
def test_no_statement_reads_a_whole_table(path: Path, name: str) -> None:
    statement = _statements()[name]
    with closing(apsw.Connection(str(path))) as db:
        plan = db.execute("explain query plan " + statement.sql, (None,) * len(statement.order))
        steps = [step for *_, step in plan]
    scanned = [step for step in steps if step.startswith("SCAN ")]
    if name in _OF_ALL_MERCHANTS:
        scanned = [step for step in scanned if step.split()[1] not in ("merchant", "owner")]
    assert not [s for s in scanned if "CONSTANT" not in s and "VALUES CLAUSE" not in s]
