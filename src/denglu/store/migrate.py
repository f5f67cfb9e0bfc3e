"""Brings a database to the schema of this version with Alembic.

Runs before the store opens the file and while no server uses it: Alembic works through the
standard library's driver, which may carry an older SQLite.
"""

import contextlib
import os
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from denglu.store.file import FileTrouble, make_sure_of_folder, open_file, trouble

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Engine

# The newest revision; a test holds it to the migration scripts. Known here so that a start
# on a current file need not load Alembic.
HEAD = "0001"


class WrongSchema(Exception):
    """The file was written by a newer denglu, or is no denglu database."""


def current_revision(path: Path) -> str | None:
    """The revision a file is at; None for a missing or empty one.

    Raises WrongSchema and FileTrouble.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    with contextlib.closing(open_file(path)) as db:
        try:
            tables = {name for (name,) in db.execute("select name from sqlite_master")}
            if "alembic_version" not in tables:
                if tables:
                    raise WrongSchema(f"{path} is the SQLite file of something else")
                return None
            row = db.execute("select version_num from alembic_version").fetchone()
        except apsw.Error as error:
            raise trouble(path, error) from None
    return str(row[0]) if row else None


def is_due(path: Path) -> bool:
    """Whether the file is older than this version. Raises WrongSchema and FileTrouble."""
    current = current_revision(path)
    if current is not None and current > HEAD:
        raise WrongSchema(
            f"{path} is at revision {current} and this denglu knows up to {HEAD}: "
            "it was written by a newer version; use that one"
        )
    return current != HEAD


def migrate(path: Path) -> bool:
    """Upgrade the file to ``HEAD``; returns whether anything was to be done.

    To be called with the ServerLock held. Raises WrongSchema and FileTrouble.
    """
    if not is_due(path):
        return False
    from sqlalchemy.exc import SQLAlchemyError

    _create(path)
    try:
        _upgrade(path)
    except SQLAlchemyError as error:
        cause = str(error.__cause__ or error).partition("\n")[0]
        raise FileTrouble(f"{path} could not be migrated, and is as it was: {cause}") from error
    return True


def _create(path: Path) -> None:
    """Make an empty file that its owner alone can read: it will hold members."""
    make_sure_of_folder(path)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _upgrade(path: Path) -> None:
    from alembic import command

    engine = _engine(path)
    try:
        with as_file(files(__package__) / "migrations") as scripts, engine.begin() as connection:
            config = _config(scripts)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
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


def _config(scripts: Path) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
