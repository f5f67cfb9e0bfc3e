"""A ceiling of refreshes: the store's own statements on the raw driver, as many rivals at once."""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import uvloop
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from denglu.store.compiled import Compiled
from denglu.store.postgres import statements as postgres_statements
from denglu.store.statements import compile_all

_LIFE = 10**10
_AS_DENGLU = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "mmap_size = 0",
    "foreign_keys = OFF",
    "secure_delete = FAST",
    "cache_size = -65536",
)


def refreshes(database: str, seconds: float, concurrency: int) -> float:
    """Refreshes per second. ``database``: a URL of PostgreSQL, or an SQLite file."""
    if database.startswith("postgresql:"):
        return uvloop.run(_on_postgres(database, seconds, concurrency))
    return _on_sqlite(Path(database), seconds, concurrency)


class _Refresh:
    """The statements of one refresh, for a session that goes from generation to generation."""

    def __init__(self, statements: Mapping[str, Compiled], session: int, member: int) -> None:
        self._statements = statements
        self._session, self._member = session, member
        self._generation = 1

    def steps(self) -> Iterator[tuple[bool, str, tuple[Any, ...]]]:
        """Whether rows come back, the SQL, its values."""
        for name, params in asked(self._session, self._member, self._generation, int(time.time())):
            statement = self._statements[name]
            yield name == "token_find", statement.sql, statement.bind(params)
        self._generation += 1


def asked(
    session: int, member: int, generation: int, now: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What denglu asks of its store to go to the next generation, in its order."""
    old = {"p_session_id": session, "p_generation": generation, "p_now": now}
    lives = {"p_access": now + 7200, "p_refresh": now + 2592000}
    yield "token_find", {"p_digest": digest(session, generation, 2)}
    yield "session_rotate", {**old, **lives}
    yield "token_rotated", {**old, "p_parent": generation - 1}
    yield "token_forget_access", {**old, "p_generation": generation - 1}
    yield "token_add", pair(session, member, generation + 1)


def digest(session: int, generation: int, kind: int) -> bytes:
    """A digest of its own for each token, anywhere in the index like a real one."""
    return hashlib.sha256(b"%d.%d.%d" % (session, generation, kind)).digest()


def pair(session: int, member: int, generation: int) -> dict[str, Any]:
    """The row of each token of a generation."""
    access, refresh = (digest(session, generation, kind) for kind in (1, 2))
    whose = {"p_session_id": session, "p_member_id": member, "p_generation": generation}
    return {"p_access": access, "p_refresh": refresh, **whose}


def _session_row(session: int, member: int) -> dict[str, Any]:
    now = int(time.time())
    return {
        "merchant_id": 0, "member_id": member, "member_type": 1, "client_group": f"bench{session}",
        "slot": 0, "nonce": b"n" * 16, "access_expires_at": now + 7200,
        "refresh_expires_at": now + 2592000, "absolute_expires_at": _LIFE, "created_at": now,
        "rotated_at": now, "device": "", "ip": "",
    }  # fmt: skip


def _on_sqlite(file: Path, seconds: float, concurrency: int) -> float:
    """One connection writes: as many refreshes in one commit as there are rivals."""
    statements = compile_all(sqlite_dialect(paramstyle="qmark"))
    with closing(apsw.Connection(str(file))) as db:
        db.set_busy_timeout(10_000)
        for pragma in _AS_DENGLU:
            db.execute(f"PRAGMA {pragma}").fetchall()
        db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        (member,) = db.execute("SELECT min(id) FROM member").fetchone() or (1,)
        chains = [
            _Refresh(statements, _open(db, statements, n, member), member)
            for n in range(concurrency)
        ]
        done, begun = 0, time.monotonic()
        while time.monotonic() < begun + seconds:
            db.execute("BEGIN IMMEDIATE")
            for chain in chains:
                for reads, sql, values in chain.steps():
                    cursor = db.execute(sql, values)
                    if reads and cursor.fetchone() is None:
                        raise SystemExit("a token of the ceiling was not found")
            db.execute("COMMIT")
            done += concurrency
        return done / (time.monotonic() - begun)


def _open(db: apsw.Connection, statements: Mapping[str, Compiled], number: int, member: int) -> int:
    row = _session_row(time.monotonic_ns() // 1000 * 100 + number, member)
    db.execute(statements["session_add"].sql, statements["session_add"].bind(row))
    session = db.last_insert_rowid()
    db.execute(statements["token_add"].sql, statements["token_add"].bind(pair(session, member, 1)))
    return session


async def _on_postgres(url: str, seconds: float, concurrency: int) -> float:
    """A connection for each rival, and a commit for each refresh."""
    statements = postgres_statements()
    until = 0.0
    counts = [0] * concurrency

    async def rival(index: int, db: Any, chain: _Refresh) -> None:
        while time.monotonic() < until:
            async with db.transaction():
                for reads, sql, values in chain.steps():
                    if reads:
                        if await db.fetchrow(sql, *values) is None:
                            raise SystemExit("a token of the ceiling was not found")
                    else:
                        await db.execute(sql, *values)
            counts[index] += 1

    dbs = [await asyncpg.connect(url) for _ in range(concurrency)]
    try:
        member = await dbs[0].fetchval("SELECT min(id) FROM member")
        chains = []
        for index, db in enumerate(dbs):
            row = _session_row(time.monotonic_ns() // 1000 * 100 + index, member)
            add = statements["session_add"]
            session = await db.fetchval(add.sql, *add.bind(row))
            token = statements["token_add"]
            await db.execute(token.sql, *token.bind(pair(session, member, 1)))
            chains.append(_Refresh(statements, session, member))
        until = time.monotonic() + seconds
        await asyncio.gather(*(rival(i, dbs[i], chains[i]) for i in range(concurrency)))
    finally:
        for db in dbs:
            await db.close()
    return sum(counts) / seconds
