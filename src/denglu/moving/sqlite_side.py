"""A side of a copy that is an SQLite file. No server runs on it meanwhile: it holds the lock.

An import holds none: it writes beside a server, as commands do.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import cast

import apsw
from sqlalchemy import ClauseElement, Table
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.sql.ddl import CreateTable, DropTable

from denglu.moving.side import MovingTrouble, Row, Values, insert_of
from denglu.store.compiled import compile_statement
from denglu.store.file import AlreadyServed, ServerLock, holder, open_file, trouble

_DIALECT = sqlite_dialect(paramstyle="qmark")


class SqliteSide:
    """Fulfils ``side.Side``. Its coroutines never wait: nothing else runs on the loop."""

    def __init__(self, path: Path, *, frozen: bool, alone: bool = True) -> None:
        """``frozen``: we do not write, and what others write from now on is not seen. ``alone``: no
        server runs on it; then nobody else can write either.
        """
        self.where = str(path.resolve())
        self._path = path
        self._held = contextlib.ExitStack()
        if not path.is_file():
            raise MovingTrouble(f"{path}: there is no such file")
        try:
            if alone:
                self._held.enter_context(ServerLock(path))
            self._db = self._held.enter_context(contextlib.closing(open_file(path)))
            self._prepare(frozen, alone)
        except AlreadyServed:
            raise _served(path) from None
        except apsw.Error as error:
            self._held.close()
            raise trouble(path, error) from None
        except BaseException:
            self._held.close()
            raise

    def _prepare(self, frozen: bool, alone: bool) -> None:
        if frozen:
            self._db.execute("BEGIN IMMEDIATE" if alone else "BEGIN")
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchall()  # as it is now
            return
        self._db.execute("PRAGMA journal_mode = WAL").fetchall()
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA cache_size = -65536")

    async def tables(self) -> set[str]:
        names = self._execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {str(name) for (name,) in names if not str(name).startswith("sqlite_")}

    async def fetch(self, statement: ClauseElement) -> list[Row]:
        compiled = compile_statement(statement, _DIALECT)
        return self._execute(compiled.sql, compiled.bind({}))

    async def run(self, statement: ClauseElement | CreateTable | DropTable) -> None:
        if isinstance(statement, CreateTable | DropTable):
            self._execute(str(statement.compile(dialect=_DIALECT)))
        else:
            await self.fetch(statement)

    async def run_each(self, statement: ClauseElement, values: Sequence[Values]) -> None:
        compiled = compile_statement(statement, _DIALECT)
        self._each(compiled.sql, [compiled.bind(each) for each in values])

    async def insert(
        self, table: Table, rows: Sequence[Row], columns: Sequence[str] | None = None
    ) -> None:
        sql = compile_statement(insert_of(table, columns), _DIALECT).sql
        self._each(sql, rows, f"table {table.name}: ")

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._execute("ROLLBACK")

    async def settle(self, table: Table, above: int = 0) -> None:
        """Nothing to do: SQLite counts on from the largest id."""

    async def close(self) -> None:
        self._held.close()

    def _each(self, sql: str, rows: Sequence[Row], about: str = "") -> None:
        try:
            with self._db:  # a savepoint: all rows or none
                self._db.executemany(sql, rows)
        except apsw.ConstraintError as error:
            raise MovingTrouble(f"{self.where}: {about}{error}") from None
        except apsw.Error as error:
            raise trouble(self._path, error) from None

    def _execute(self, sql: str, values: Row = ()) -> list[Row]:
        try:
            return cast(list[Row], self._db.execute(sql, values).fetchall())
        except apsw.Error as error:
            raise trouble(self._path, error) from None


def _served(path: Path) -> MovingTrouble:
    return MovingTrouble(
        f"{path} is being served (process {holder(path) or '?'}): stop the server, "
        "and start it on the copy; to copy without a stop, as a trial, copy a `denglu backup` of it"
    )
