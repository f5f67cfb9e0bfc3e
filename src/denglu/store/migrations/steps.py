"""Steps of migrations, each safe to run again after a kill at any moment, and beside servers.

MySQL commits every change of the schema by itself, and PostgreSQL builds an index beside
running transactions outside of any: so each step first looks at what is already there.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

# How often MySQL is asked for a table that long transactions keep busy. Whoever comes after us
# waits while we wait: so for a second at the most (``lock_wait_timeout``), then they go first.
_TRIES, _PAUSE = 30, 2.0
_LOCK_WAIT_TIMEOUT = 1205


def key(length: int) -> TypeEngine[str]:
    """Text that is compared byte by byte."""
    exact = mysql.VARCHAR(length, collation="utf8mb4_bin")
    return sa.String(length).with_variant(exact, "mysql", "mariadb")


def binary(length: int) -> TypeEngine[bytes]:
    """So many bytes."""
    return sa.LargeBinary(length).with_variant(mysql.BINARY(length), "mysql", "mariadb")


def make_table(name: str, *parts: sa.schema.SchemaItem, **options: object) -> None:
    """Make a table, unless it is there."""
    op.create_table(
        name,
        *parts,
        if_not_exists=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        **options,
    )


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column to a table that servers are reading and writing, unless it is there. It has a
    server's default, or may be null: they go on without it.
    """
    there = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in there:
        _patiently(lambda: op.add_column(table, column))


def make_index(name: str, table: str, columns: Sequence[str], where: str = "") -> None:
    """Make an index of a table that nobody uses yet, unless it is there."""
    if _dialect() != "mysql":
        condition = sa.text(where) if where else None
        op.create_index(
            name, table, list(columns), sqlite_where=condition, postgresql_where=condition
        )
    elif not _mysql_has_index(name, table):
        op.create_index(name, table, list(columns))


def add_index(name: str, table: str, columns: Sequence[str]) -> None:
    """Add an index to a table that servers are reading and writing."""
    if _dialect() == "postgresql":
        _add_postgresql_index(name, table, columns)
    elif _dialect() == "mysql":
        if not _mysql_has_index(name, table):
            _alter_mysql(table, f"ADD INDEX {name} ({', '.join(columns)})")
    else:
        op.create_index(name, table, list(columns))


def drop_index(name: str, table: str) -> None:
    """Drop an index of a table that servers are reading and writing."""
    if _dialect() == "postgresql":
        with op.get_context().autocommit_block():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    elif _dialect() == "mysql":
        if _mysql_has_index(name, table):
            _alter_mysql(table, f"DROP INDEX {name}")
    else:
        op.drop_index(name, table)


def leave_room(table: str, percent: int) -> None:
    """Let new pages of a table be filled up to so much, where the database can be told."""
    if _dialect() == "postgresql":
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")


def note(revision: str, oldest_reader: str) -> None:
    """Note the oldest version (its ``HEAD``) that may use a database at ``revision``."""
    notes = sa.table("schema_note", sa.column("revision"), sa.column("oldest_reader"))
    op.get_bind().execute(sa.delete(notes).where(notes.c.revision == revision))
    op.bulk_insert(notes, [{"revision": revision, "oldest_reader": oldest_reader}])


def _dialect() -> str:
    return op.get_bind().dialect.name


def _add_postgresql_index(name: str, table: str, columns: Sequence[str]) -> None:
    """An index that was cut off half-way stays behind, and is of no use: it is made anew."""
    with op.get_context().autocommit_block():
        valid = op.get_bind().scalar(
            sa.text(
                "SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass(:name)"
            ),
            {"name": name},
        )
        if valid:
            return
        if valid is not None:
            op.execute(f"DROP INDEX CONCURRENTLY {name}")
        op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} ({', '.join(columns)})")


def _alter_mysql(table: str, change: str) -> None:
    _patiently(lambda: op.execute(f"ALTER TABLE {table} {change}, ALGORITHM=INPLACE, LOCK=NONE"))


def _patiently(step: Callable[[], object]) -> None:
    """Again and again, while MySQL says that long transactions keep the table busy."""
    for tries_left in reversed(range(_TRIES)):
        try:
            step()
            return
        except DBAPIError as error:
            busy = error.orig is not None and error.orig.args[:1] == (_LOCK_WAIT_TIMEOUT,)
            if not (busy and tries_left):
                raise
        time.sleep(_PAUSE)


def _mysql_has_index(name: str, table: str) -> bool:
    found = op.get_bind().execute(
        sa.text(
            "SELECT 1 FROM information_schema.statistics "
            "WHERE table_schema = DATABASE() AND table_name = :table AND index_name = :name LIMIT 1"
        ),
        {"table": table, "name": name},
    )
    return found.first() is not None
