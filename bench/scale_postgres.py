"""Members on PostgreSQL: how a database is filled, and how large it is."""

import asyncio
from typing import Any

import asyncpg

from bench.scale_data import Keyring, Words, rows_of
from bench.scale_server import PrivatePostgres
from denglu.store.migrate import migrate

WORDS = Words(
    series="SELECT n FROM generate_series(1::bigint, {count}) AS n",
    digest="sha256(CAST({text} AS bytea))",
    nonce="decode(md5({text}), 'hex')",
)
# Per cent of a page that rows take at first; indexes keep 90 by themselves.
_FULL = 90
# A database gets its name when it is whole.
_PREFIX, _BEGUN = "scale_", "begun_"


def url_of(server: PrivatePostgres, size: int) -> str:
    """Where the members of a size are found."""
    return server.url(f"{_PREFIX}{size}")


async def filled(server: PrivatePostgres) -> set[int]:
    """The sizes that are there; what was begun and not finished goes."""
    admin = await asyncpg.connect(server.url())
    try:
        names = [row[0] for row in await admin.fetch("SELECT datname FROM pg_database")]
        for name in names:
            if name.startswith(_BEGUN):
                await admin.execute(f'DROP DATABASE "{name}"')
    finally:
        await admin.close()
    return {int(name.removeprefix(_PREFIX)) for name in names if name.startswith(_PREFIX)}


async def fill(server: PrivatePostgres, size: int, now: int) -> None:
    """Make and fill a database. Nothing of it is logged: it is whole, or it is not there."""
    begun = f"{_BEGUN}{size}"
    admin = await asyncpg.connect(server.url())
    try:
        await admin.execute(f'CREATE DATABASE "{begun}"')
        await _fill(server.url(begun), size, now)
        await admin.execute(f'ALTER DATABASE "{begun}" RENAME TO "{_PREFIX}{size}"')
        await admin.execute("CHECKPOINT")
    finally:
        await admin.close()


async def _fill(url: str, size: int, now: int) -> None:
    await asyncio.to_thread(migrate, url)
    db = await asyncpg.connect(url)
    try:
        for table, insert in rows_of(WORDS, size, now).items():
            async with db.transaction():
                await _fill_table(db, table, insert, size)
        for table in ("member", "member_account", "session", "audit_event"):
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            await db.execute(f"SELECT setval({sequence}, (SELECT max(id) FROM {table}))")
        await db.execute("VACUUM (ANALYZE)")
    finally:
        await db.close()


async def _fill_table(db: "asyncpg.Connection[Any]", table: str, insert: str, size: int) -> None:
    """Rows first, keys and indexes after: and the names of both stay.

    Rows leave room, as in a table that is lived in: one that is packed would pay for the first
    change of each page.
    """
    keys = await db.fetch(
        "SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint"
        " WHERE conrelid = $1::regclass AND contype IN ('p', 'u') ORDER BY contype",
        table,
    )
    names = [key["name"] for key in keys]
    indexes = await db.fetch(
        "SELECT indexname AS name, indexdef AS definition FROM pg_indexes"
        " WHERE tablename = $1 AND NOT indexname = ANY($2::text[])",
        table,
        names,
    )
    await db.execute(f"TRUNCATE {table}")
    has_own = "SELECT reloptions IS NOT NULL FROM pg_class WHERE oid = $1::regclass"
    leaves_room = await db.fetchval(has_own, table)
    if not leaves_room:
        await db.execute(f"ALTER TABLE {table} SET (fillfactor = {_FULL})")
    for key in keys:
        await db.execute(f"ALTER TABLE {table} DROP CONSTRAINT {key['name']}")
    for index in indexes:
        await db.execute(f"DROP INDEX {index['name']}")
    await db.execute(insert)
    if table == "session_token":
        columns = ("digest", "session_id", "member_id", "generation", "kind")
        rows = [tuple(getattr(row, name) for name in columns) for row in Keyring().rows(size)]
        await db.copy_records_to_table(table, records=rows, columns=columns)
    for key in keys:
        await db.execute(f"ALTER TABLE {table} ADD CONSTRAINT {key['name']} {key['definition']}")
    for index in indexes:
        await db.execute(index["definition"])
    if not leaves_room:
        await db.execute(f"ALTER TABLE {table} RESET (fillfactor)")


async def sizes(server: PrivatePostgres, size: int) -> dict[str, int]:
    """Bytes of every table (its rows and what they overflow into) and every index."""
    db = await asyncpg.connect(url_of(server, size))
    try:
        found = await db.fetch(
            "SELECT c.relname, CASE c.relkind WHEN 'r' THEN pg_table_size(c.oid)"
            " ELSE pg_relation_size(c.oid) END AS bytes FROM pg_class c"
            " JOIN pg_namespace s ON s.oid = c.relnamespace"
            " WHERE s.nspname = 'public' AND c.relkind IN ('r', 'i')"
        )
    finally:
        await db.close()
    return {row["relname"]: row["bytes"] for row in found}
