"""Migrations of an SQLite file.

They run before the store opens the file and while no server uses it: Alembic works through the
standard library's driver, which may carry an older SQLite.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from denglu.store.file import FileTrouble, make_sure_of_folder, open_file, trouble
from denglu.store.migrate.branches import Branch, Revisions, lagging
from denglu.store.migrate.revisions import COPY_NOTE, Found, WrongSchema, checked, is_due

if TYPE_CHECKING:
    from sqlalchemy import Engine


def look(path: Path) -> Found:
    """What a file says of itself; a missing or empty one says nothing.

    Raises WrongSchema and FileTrouble.
    """
    if not path.exists() or path.stat().st_size == 0:
        return Found()
    with contextlib.closing(open_file(path)) as db:
        try:
            return _look(db, str(path))
        except apsw.Error as error:
            raise trouble(path, error) from None


def _look(db: apsw.Connection, where: str) -> Found:
    tables = {name for (name,) in db.execute("select name from sqlite_master")}
    if "alembic_version" not in tables:
        if tables:
            raise WrongSchema(f"{where} is the SQLite file of something else")
        return Found()
    row = db.execute("select version_num from alembic_version").fetchone()
    if row is None:
        return Found()
    revision = checked(row[0], where)
    half_copied = COPY_NOTE in tables
    if "schema_note" not in tables:
        return Found(revision, half_copied=half_copied)
    ask = "select oldest_reader from schema_note where revision = ?"
    note = db.execute(ask, (revision,)).fetchone()
    return Found(revision, str(note[0]) if note else None, half_copied)


def look_at_branches(path: Path, branches: Sequence[Branch]) -> Revisions:
    """Which revision the tables of each plugin are at. Raises FileTrouble."""
    if not path.exists() or path.stat().st_size == 0:
        return {}
    with contextlib.closing(open_file(path)) as db:
        try:
            return {branch.plugin: _revision(db, branch.version_table) for branch in branches}
        except apsw.Error as error:
            raise trouble(path, error) from None


def _revision(db: apsw.Connection, table: str) -> str | None:
    if not db.execute("select 1 from sqlite_master where name = ?", (table,)).fetchone():
        return None
    row = db.execute(f"select version_num from {table}").fetchone()  # noqa: S608
    return str(row[0]) if row else None


def migrate(path: Path, branches: Sequence[Branch] = ()) -> bool:
    """Upgrade the file to ``HEAD``, and the tables of plugins; returns whether anything was to be
    done.

    To be called with the ServerLock held. Raises WrongSchema and FileTrouble.
    """
    due = is_due(look(path), str(path))
    behind = lagging(branches, look_at_branches(path, branches), str(path))
    if not due and not behind:
        return False
    from sqlalchemy.exc import SQLAlchemyError

    _create(path)
    try:
        _upgrade(path, behind, ours=due)
    except SQLAlchemyError as error:
        cause = str(error.__cause__ or error).partition("\n")[0]
        raise FileTrouble(f"{path} could not be migrated, and is as it was: {cause}") from error
    return True


def _create(path: Path) -> None:
    """Make an empty file that its owner alone can read: it will hold members."""
    make_sure_of_folder(path)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _upgrade(path: Path, behind: Sequence[Branch], *, ours: bool) -> None:
    from denglu.store.migrate.alembic import upgrade

    engine = _engine(path)
    try:
        with engine.begin() as connection:
            if ours:
                upgrade(connection)
            for branch in behind:
                upgrade(connection, branch=branch)
    finally:
        engine.dispose()


def _engine(path: Path) -> "Engine":
    """One transaction around everything, new tables included: who is killed half-way through
    can start again. Left to itself, the driver begins none for a ``CREATE TABLE``.
    """
    from sqlalchemy import URL, create_engine, event

    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, connect_args={"timeout": 10, "isolation_level": None})
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine
