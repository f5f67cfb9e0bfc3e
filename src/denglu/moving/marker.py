"""The note in a target that says: a copy into here was begun, and is not done.

It tells a copy that goes on from a database that holds something of its own.
"""

import time

from sqlalchemy import BigInteger, Column, MetaData, Table, Text, select
from sqlalchemy.sql.ddl import CreateTable, DropTable

from denglu.moving.side import Side
from denglu.store.migrate.revisions import COPY_NOTE

_note = Table(
    COPY_NOTE,
    MetaData(),
    Column("source", Text, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
)


async def begun_from(target: Side) -> str | None:
    """Where the copy comes from that was begun; None when there is no such note."""
    if _note.name not in await target.tables():
        return None
    rows = await target.fetch(select(_note.c.source))
    return str(rows[0][0]) if rows else None


async def note(target: Side, source: str) -> None:
    """Leave the note."""
    await target.run(CreateTable(_note, if_not_exists=True))
    await target.insert(_note, [(source, int(time.time()))])


async def forget(target: Side) -> None:
    """Take the note away."""
    await target.run(DropTable(_note, if_exists=True))
