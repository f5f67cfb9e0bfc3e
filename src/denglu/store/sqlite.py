"""The embedded store: one file, one writer thread, group commit, reads at once.

Writes queue up for the writer. It runs all that are waiting in one transaction, each in a
savepoint of its own, and commits once; nobody is answered before that commit is on disk.
Reads run on the event loop's own connection, in microseconds.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import apsw
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Found
from denglu.flows.ports import T, Work
from denglu.memory import give_back_gaps
from denglu.store.compiled import Compiled, Params, Row
from denglu.store.connection import Duplicate
from denglu.store.driving import drive
from denglu.store.repositories import SqlTransaction
from denglu.store.statements import compile_all, compile_more

_log = logging.getLogger(__name__)
_BATCH = 64
_QUEUE = 4096
# Seconds without a write.
_IDLE = 1.0
_CACHED_TOKENS = 20_000
_UNREADABLE = (apsw.BusyError, apsw.IOError, apsw.CantOpenError, apsw.ConnectionClosedError)

_DIALECT = sqlite_dialect(paramstyle="qmark")
STATEMENTS: dict[str, Compiled] = {}


def _statements() -> dict[str, Compiled]:
    if not STATEMENTS:
        STATEMENTS.update(compile_all(_DIALECT))
    return STATEMENTS


class SqliteConnection:
    """Fulfils ``store.connection.Connection``; its coroutines never wait. ``more``: statements of
    plugins.
    """

    def __init__(
        self, db: apsw.Connection, more: Mapping[str, ClauseElement] | None = None
    ) -> None:
        self.db = db
        self._statements = _statements() | compile_more(more, _DIALECT)

    async def one(self, name: str, params: Params) -> Row | None:
        statement = self._statements[name]
        return cast(Row | None, self.db.execute(statement.sql, statement.bind(params)).fetchone())

    async def all(self, name: str, params: Params) -> list[Row]:
        statement = self._statements[name]
        return cast(list[Row], self.db.execute(statement.sql, statement.bind(params)).fetchall())

    async def run(self, name: str, params: Params) -> int:
        statement = self._statements[name]
        try:
            self.db.execute(statement.sql, statement.bind(params))
        except apsw.ConstraintError as error:
            raise Duplicate(str(error)) from None
        return self.db.changes()

    async def insert(self, name: str, params: Params) -> int:
        await self.run(name, params)
        return self.db.last_insert_rowid()


class _Job:
    __slots__ = ("deadline", "done", "error", "future", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any], deadline: float) -> None:
        self.work = work
        self.future = future
        self.deadline = deadline
        self.done: Any = None
        self.error: BaseException | None = None

    def resolve(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.done)
        else:
            self.future.set_exception(self.error)


class _Writer:
    """The thread that owns the writing connection."""

    def __init__(
        self, connection: SqliteConnection, loop: asyncio.AbstractEventLoop, busy_seconds: float
    ) -> None:
        self._db = connection.db
        self._busy_seconds = busy_seconds
        self._loop = loop
        self._transaction = SqlTransaction(connection)
        # A commit failed, and no write was seen to succeed since.
        self.doubted = False
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="denglu-writer", daemon=True)
        self._thread.start()

    def put(self, job: _Job) -> None:
        if self._jobs.qsize() >= _QUEUE:
            raise Refusal(Reason.busy, retry_after=1)
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish what is queued, then end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            batch = [job]
            try:
                self._commit(batch)
            except apsw.Error as error:
                self._give_up(batch, error)
            self._loop.call_soon_threadsafe(_resolve, batch)

    def _next(self) -> _Job | None:
        """The next job. When there is none for a while, the pages of the file are let go, once:
        the system has them too, 3 us away.
        """
        with contextlib.suppress(queue.Empty):
            return self._jobs.get(timeout=_IDLE)
        with contextlib.suppress(apsw.Error):
            self._db.execute("PRAGMA shrink_memory")
        give_back_gaps()
        return self._jobs.get()

    def _commit(self, batch: list[_Job]) -> None:
        """Run the first job and all that wait behind it in one transaction."""
        # While another program holds the file, jobs run out of time side by side, not in turn.
        left = max(0.0, min(self._busy_seconds, batch[0].deadline - time.monotonic()))
        self._db.set_busy_timeout(int(left * 1000))
        self._db.execute("BEGIN IMMEDIATE")
        self._attempt(batch[0])
        while len(batch) < _BATCH and not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                self._jobs.put(None)
                break
            batch.append(job)
            self._attempt(job)
        self._db.execute("COMMIT")

    def _attempt(self, job: _Job) -> None:
        if time.monotonic() > job.deadline:
            job.error = Refusal(Reason.busy, retry_after=1)
            return
        self._db.execute("SAVEPOINT job")
        try:
            job.done = drive(job.work, self._transaction)
        except (apsw.ConstraintError, apsw.SQLError) as error:
            job.error = error  # a fault of this job alone
        except apsw.Error:
            raise  # the disk or the file: nothing of the batch can be kept
        except BaseException as error:
            job.error = error
        if job.error is not None:
            job.done = None
            self._db.execute("ROLLBACK TO job")
        self._db.execute("RELEASE job")

    def _give_up(self, batch: list[_Job], error: apsw.Error) -> None:
        self.doubted = True
        _log.warning("a transaction could not be committed: %s", error)
        # A rollback that fails is tried again when the next transaction cannot begin.
        with contextlib.suppress(apsw.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        for job in batch:
            job.done, job.error = None, Refusal(Reason.busy, retry_after=1)


def _resolve(batch: list[_Job]) -> None:
    for job in batch:
        job.resolve()


class SqliteStore:
    """Fulfils ``flows.ports.Store`` on one SQLite file. Made with ``open_store``."""

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float,
        queue_seconds: float,
        more: Mapping[str, ClauseElement] | None = None,
    ) -> None:
        self._queue_seconds = queue_seconds
        self._loop = asyncio.get_running_loop()
        self._writing = _connect(path, busy_seconds)
        self._reading = _connect(path, busy_seconds, read_only=True)
        writing = SqliteConnection(self._writing, more)
        self._writer = _Writer(writing, self._loop, busy_seconds)
        self._reader = SqlTransaction(SqliteConnection(self._reading, more))
        self._tokens: dict[bytes, tuple[int, Found]] = {}
        # Which of them each session has.
        self._token_of: dict[int, bytes] = {}
        self._version: int | None = None
        self._closed = False

    async def write(self, work: Work[T]) -> T:
        if self._closed:
            raise Refusal(Reason.busy, retry_after=1)
        future: asyncio.Future[T] = self._loop.create_future()
        self._writer.put(_Job(work, future, time.monotonic() + self._queue_seconds))
        return await future

    async def read(self, work: Work[T]) -> T:
        try:
            return drive(work, self._reader)
        except _UNREADABLE as error:
            _log.warning("the database could not be read: %s", error)
            raise Refusal(Reason.busy, retry_after=1) from None

    async def find_token(self, digest: bytes) -> Found | None:
        """From the cache while nobody, in any process, has committed since it was read."""
        version = self._version_of_now()
        cached = self._tokens.get(digest)
        if cached is not None and cached[0] == version:
            return cached[1]
        found = await self.read(lambda tx: tx.sessions.find(digest))
        return None if found is None else self._remembered(digest, version, found, cached)

    async def has_legacy_hashes(self) -> bool:
        found = await self.read(lambda _: self._reader.db.one("member_legacy", {}))
        return found is not None

    async def imported_until(self) -> int:
        found = await self.read(lambda _: self._reader.db.one("tokens_imported", {}))
        return found[0] if found else 0

    async def ready(self) -> bool:
        """Whether reads and writes are answered."""
        # A full disk lets transactions pass that change nothing.
        work, self._writer.doubted = _touch if self._writer.doubted else _nothing, False
        try:
            await self.write(work)
        except Refusal:
            return False
        return True

    async def close(self) -> None:
        """Finish queued writes, then close the file."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._writer.stop)
            self._reading.close()
            self._writing.close()

    def _version_of_now(self) -> int:
        """The version of the file, asked once in a turn of the loop: it is younger than every
        request that the turn deals with, since those had come before the turn began.
        """
        if self._version is None:
            # First, so that nobody who hears of a later commit comes before it.
            self._loop.call_soon(self._forget_version)
            self._version = self._data_version()
        return self._version

    def _forget_version(self) -> None:
        self._version = None

    def _data_version(self) -> int:
        try:
            version: int = self._reading.execute("PRAGMA data_version").get
        except apsw.Error as error:
            _log.warning("the database could not be read: %s", error)
            raise Refusal(Reason.busy, retry_after=1) from None
        return version

    def _remembered(
        self, digest: bytes, version: int, found: Found, cached: tuple[int, Found] | None
    ) -> Found:
        if cached is None:
            if not self._makes_room(digest, found):
                return found
        elif cached[1] == found:
            found = cached[1]  # unchanged: keep what was made from it
        self._tokens[digest] = (version, found)
        return found

    def _makes_room(self, digest: bytes, found: Found) -> bool:
        """Whether the token is kept: one of each session is, the latest. An earlier one has
        had its time, or has only a moment left.
        """
        before = self._token_of.get(found.session.id)
        if before in self._tokens:
            if found.token.generation < found.session.generation:
                return False
            del self._tokens[before]
        elif len(self._tokens) >= _CACHED_TOKENS:
            _, oldest = self._tokens.pop(next(iter(self._tokens)))
            self._token_of.pop(oldest.session.id, None)
        self._token_of[found.session.id] = digest
        return True


async def _nothing(tx: object) -> None:
    """The shortest transaction."""


async def _touch(tx: Any) -> None:
    """The shortest one that writes: it sets to 0 what is always 0."""
    tx.db.db.execute("PRAGMA user_version = 0")


def _connect(path: Path, busy_seconds: float, *, read_only: bool = False) -> apsw.Connection:
    db = apsw.Connection(str(path))
    db.set_busy_timeout(int(busy_seconds * 1000))
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA mmap_size = 0").fetchall()
    db.execute("PRAGMA foreign_keys = OFF")
    # What is wiped or deleted is gone from the file as well, not only from the tables.
    db.execute("PRAGMA secure_delete = FAST").fetchall()
    # 64 MiB at the most: the inner pages of ten million members.
    db.execute("PRAGMA cache_size = -65536")
    # Else SQLite looks at the bound values and plans a statement anew each time: 270 us, not 12.
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    if read_only:
        # One checkpointer: the writer. A reader that checkpoints would wait for the disk.
        db.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        db.execute("PRAGMA query_only = ON")
    return db


def open_store(
    path: Path,
    *,
    busy_seconds: float = 2.0,
    queue_seconds: float = 2.0,
    more: Mapping[str, ClauseElement] | None = None,
) -> SqliteStore:
    """Open a migrated file. To be called on the event loop that will use the store."""
    return SqliteStore(path, busy_seconds=busy_seconds, queue_seconds=queue_seconds, more=more)
