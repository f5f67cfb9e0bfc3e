"""Databases as earlier versions left them, what they have compared to the schema, and what is
going on in them while they are migrated.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from denglu.store.migrate.alembic import upgrade
from denglu.store.network import shell
from denglu.store.schema import metadata

T = TypeVar("T")
PATIENCE = 60.0
_DRIVERS = {"postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy"}


def migrate_to(url: str, revision: str) -> None:
    """Bring a network database to a revision, as the version of that revision did."""
    on_connection(url, lambda connection: upgrade(connection, revision))


def bring_file_to(path: Path, revision: str) -> None:
    """A new SQLite file as the version of that revision left it."""
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            upgrade(connection, revision)
    finally:
        engine.dispose()
    path.chmod(0o600)


def differences(url: str) -> list[Any]:
    """What a network database has that the schema does not declare, and the other way round."""
    return on_connection(url, _differences)


def on_connection(url: str, work: Callable[[Connection], T]) -> T:
    """Run blocking work on a network database."""

    async def go() -> T:
        parsed = make_url(url)
        named = parsed.set(drivername=_DRIVERS[parsed.get_backend_name()])
        engine = create_async_engine(named, poolclass=NullPool)
        async with engine.connect() as connection:
            return await connection.run_sync(work)

    return asyncio.run(go())


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def until(true: Callable[[], object]) -> None:
    """Wait for what another thread is about to bring about."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def transaction(url: str, statement: str) -> Iterator[None]:
    """A transaction of somebody else's is open inside, and has run a statement."""
    with asyncio.Runner() as runner:
        opened = shell.opened(url)
        connection = runner.run(opened.__aenter__())
        runner.run(connection.rows("BEGIN"))
        runner.run(connection.rows(statement))
        yield
        runner.run(opened.__aexit__(None, None, None))
