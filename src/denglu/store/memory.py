"""The store's harmless twin: a database in memory, gone with the process that holds it.

For tests and for trying the flows out. It keeps every promise of ``flows.ports`` except that
anything lasts, and passes the same tests as the store on disk. It has no thread and no queue.
"""

import asyncio
from functools import cache

import apsw
from sqlalchemy import insert
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Found
from denglu.flows.ports import T, Work
from denglu.store.driving import drive
from denglu.store.repositories import SqlTransaction
from denglu.store.schema import level, metadata
from denglu.store.sqlite import SqliteConnection


class MemoryStore:
    """Fulfils ``flows.ports.Store``. ``db`` is there to be looked into."""

    def __init__(self) -> None:
        self.db = apsw.Connection(":memory:")
        self.db.execute(_tables())
        self._transaction = SqlTransaction(SqliteConnection(self.db))
        self._closed = False

    async def write(self, work: Work[T]) -> T:
        await asyncio.sleep(0)  # Others go on meanwhile, as they do while a disk writes.
        self._check_open()
        with self.db:  # commits, or undoes everything and lets the exception out
            answer = drive(work, self._transaction)
        return answer

    async def read(self, work: Work[T]) -> T:
        self._check_open()
        self.db.execute("PRAGMA query_only = ON")
        try:
            return drive(work, self._transaction)
        finally:
            self.db.execute("PRAGMA query_only = OFF")

    async def find_token(self, digest: bytes) -> Found | None:
        return await self.read(lambda tx: tx.sessions.find(digest))

    async def has_legacy_hashes(self) -> bool:
        self._check_open()
        return await self._transaction.db.one("member_legacy", {}) is not None

    async def imported_until(self) -> int:
        self._check_open()
        found = await self._transaction.db.one("tokens_imported", {})
        return found[0] if found else 0

    async def ready(self) -> bool:
        """Whether reads and writes are answered."""
        return not self._closed

    async def close(self) -> None:
        """Let go of everything."""
        self._closed = True
        self.db.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Refusal(Reason.busy, retry_after=1)


@cache
def _tables() -> str:
    """What the migrations make: every table and index, and the level of a fresh install."""
    statements: list[CreateTable | CreateIndex] = []
    for table in metadata.sorted_tables:
        statements += [CreateTable(table), *map(CreateIndex, table.indexes)]
    first = insert(level).values(level=1, name="普通会员")
    dialect = sqlite_dialect()
    texts = [str(statement.compile(dialect=dialect)) for statement in statements]
    texts.append(str(first.compile(dialect=dialect, compile_kwargs={"literal_binds": True})))
    return ";\n".join(texts)
