"""Brings a database to the schema of this version with Alembic.

Runs before the store opens the file: Alembic works through the standard library's driver.
"""

import sqlite3
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

# The newest revision; a test holds it to the migration scripts. Known here so that a start
# on a current file need not load Alembic.
HEAD = "0001"


class WrongSchema(Exception):
    """The file was written by a newer denglu, or is no denglu database."""


def current_revision(path: Path) -> str | None:
    """The revision a file is at; None for a missing or empty one. Raises WrongSchema."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        with _open(path) as db:
            tables = {name for (name,) in db.execute("select name from sqlite_master")}
            if "alembic_version" not in tables:
                if tables:
                    raise WrongSchema(f"{path} is an SQLite file of something else")
                return None
            row = db.execute("select version_num from alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise WrongSchema(f"{path} cannot be read as an SQLite file: {error}") from None
    return str(row[0]) if row else None


def migrate(path: Path) -> bool:
    """Upgrade the file to ``HEAD``; returns whether anything was to be done."""
    current = current_revision(path)
    if current == HEAD:
        return False
    if current is not None and current > HEAD:
        raise WrongSchema(f"{path} is at revision {current}; this denglu knows up to {HEAD}")
    from alembic import command
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})
    try:
        with as_file(files(__package__) / "migrations") as scripts:
            with engine.connect() as connection:
                config = _config(scripts)
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
    finally:
        engine.dispose()
    return True


def _config(scripts: Path) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
