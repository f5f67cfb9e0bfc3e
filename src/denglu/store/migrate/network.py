"""Migrations of PostgreSQL and MySQL/MariaDB, beside running servers.

One process migrates at a time: it holds a lock of the database's, which ends with its
connection. A second one waits, and then finds nothing to do.
"""

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import Any

from denglu.store.migrate.branches import Branch, Revisions, lagging
from denglu.store.migrate.revisions import COPY_NOTE, Found, WrongSchema, checked, is_due
from denglu.store.network.shell import Shell, opened, run
from denglu.store.network.trouble import place

_PAUSE = 0.2
# A number of our own among PostgreSQL's advisory locks, which are the database's; MySQL's named
# locks are the server's, so the database is part of the name.
_LOCK = 0x64656E676C75
_TAKE_POSTGRESQL = f"SELECT pg_try_advisory_lock({_LOCK})"
_TAKE_MYSQL = "SELECT GET_LOCK(CONCAT('denglu migrate ', LEFT(SHA1(DATABASE()), 32)), 0)"

# Tables that belong to an extension are nobody's.
_TABLES_POSTGRESQL = """
SELECT c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
_TABLES_MYSQL = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
"""
# What a role, a database or a server has set for requests is not meant for migrations. While an
# index is built concurrently, nobody waits for those whom it waits for.
_SESSION_POSTGRESQL = (
    "SET statement_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
    "SET lock_timeout = 0",
)
_SESSION_MYSQL = (
    "SET SESSION lock_wait_timeout = 1",
    "SET SESSION default_storage_engine = InnoDB",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
)
# MySQL has such a limit for SELECT only.
_SESSION_MARIADB = "SET SESSION max_statement_time = 0"


def look(url: str) -> Found:
    """What a database says of itself. Raises WrongSchema, DatabaseTrouble, MissingDriver."""
    return run(url, functools.partial(look_through, url=url))


async def look_through(shell: Shell, url: str) -> Found:
    """The same, through an open shell."""
    tables = await _tables(shell)
    if "alembic_version" not in tables:
        if tables:
            raise WrongSchema(f"{place(url)} is the database of something else: it has tables")
        return Found()
    rows = await shell.rows("SELECT version_num FROM alembic_version")
    if not rows:
        return Found()
    revision = checked(rows[0][0], place(url))
    if "session_token" not in tables:
        raise WrongSchema(f"{place(url)} is the database of something else")
    half_copied = COPY_NOTE in tables
    if "schema_note" not in tables:
        return Found(revision, half_copied=half_copied)
    notes = await shell.rows(
        f"SELECT oldest_reader FROM schema_note WHERE revision = '{revision}'"  # noqa: S608
    )
    return Found(revision, str(notes[0][0]) if notes else None, half_copied)


async def _tables(shell: Shell) -> set[str]:
    found = await shell.rows(_TABLES_POSTGRESQL if shell.is_postgresql else _TABLES_MYSQL)
    return {str(name).lower() for (name,) in found}


def look_at_branches(url: str, branches: Sequence[Branch]) -> Revisions:
    """Which revision the tables of each plugin are at. Raises DatabaseTrouble, MissingDriver."""
    return run(url, functools.partial(_look_at_branches, branches=branches))


async def _look_at_branches(shell: Shell, branches: Sequence[Branch]) -> Revisions:
    tables = await _tables(shell) if branches else set()
    found: dict[str, str | None] = {}
    for branch in branches:
        if branch.version_table in tables:
            ask = f"SELECT version_num FROM {branch.version_table}"  # noqa: S608
            rows = await shell.rows(ask)
            found[branch.plugin] = str(rows[0][0]) if rows else None
    return found


def migrate(url: str, branches: Sequence[Branch], waiting: Callable[[], None]) -> bool:
    """Upgrade the database to ``HEAD``, and the tables of plugins; returns whether anything was
    to be done here.

    ``waiting`` is called once if another process is migrating. Raises WrongSchema,
    DatabaseTrouble and MissingDriver.
    """
    return asyncio.run(_migrate(url, branches, waiting))


async def _migrate(url: str, branches: Sequence[Branch], waiting: Callable[[], None]) -> bool:
    async with opened(url) as shell:
        if await _work(shell, url, branches) == (False, []):
            return False
        await _lock(shell, waiting)
        due, behind = await _work(shell, url, branches)
        if not due and not behind:
            return False
        await _upgrade(shell, behind, ours=due)
    return True


async def _work(shell: Shell, url: str, branches: Sequence[Branch]) -> tuple[bool, list[Branch]]:
    """What there is to do: on our tables, and on those of which plugins."""
    due = is_due(await look_through(shell, url), place(url))
    return due, lagging(branches, await _look_at_branches(shell, branches), place(url))


async def _lock(shell: Shell, waiting: Callable[[], None]) -> None:
    """Asked for again and again: who waited within a statement would itself be waited for, by
    an index that is built beside running transactions.
    """
    told = False
    while not (await shell.rows(_TAKE_POSTGRESQL if shell.is_postgresql else _TAKE_MYSQL))[0][0]:
        if not told:
            waiting()
            told = True
        await asyncio.sleep(_PAUSE)


async def _upgrade(shell: Shell, behind: Sequence[Branch], *, ours: bool) -> None:
    """On the connection that holds the lock: while the server is still busy with what somebody
    asked who is gone, nobody else begins.
    """
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    from denglu.store.migrate.alembic import upgrade

    async def this_one() -> Any:
        return shell.raw

    for setting in await _session(shell):
        await shell.rows(setting)
    dialect = "postgresql+asyncpg" if shell.is_postgresql else "mysql+asyncmy"
    engine = create_async_engine(f"{dialect}://", async_creator=this_one, poolclass=NullPool)
    async with engine.connect() as connection:
        if ours:
            await connection.run_sync(upgrade)
        for branch in behind:
            await connection.run_sync(upgrade, branch=branch)


async def _session(shell: Shell) -> tuple[str, ...]:
    if shell.is_postgresql:
        return _SESSION_POSTGRESQL
    is_mariadb = "mariadb" in str((await shell.rows("SELECT VERSION()"))[0][0]).lower()
    return (*_SESSION_MYSQL, _SESSION_MARIADB) if is_mariadb else _SESSION_MYSQL
