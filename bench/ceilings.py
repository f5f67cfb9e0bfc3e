"""What denglu cannot go beyond on a machine: the bare server, hash and statements."""

import asyncio
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import uvloop
from argon2 import low_level
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from bench import processes
from bench.bare import Answer
from bench.load import Request
from denglu.store.compiled import Compiled
from denglu.store.postgres import statements as postgres_statements
from denglu.store.statements import compile_all

_ROOT = Path(__file__).parents[1]
_LIFE = 10**10
_AS_DENGLU = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "mmap_size = 0",
    "foreign_keys = OFF",
    "secure_delete = FAST",
    "cache_size = -65536",
)


@contextmanager
def bare_server(answer: Answer, folder: Path, *, kind: str) -> Iterator[str]:
    """A bare ASGI app that answers the same to everything (see ``bare``); its address."""
    file, log, port = folder / "answer", folder / "bare.log", processes.free_port()
    answer.write(file)
    words = [sys.executable, "-m", "bench.bare", str(port), str(file), kind]
    with processes.running(words, cwd=_ROOT, environ={}, log=log) as process:
        address = f"http://127.0.0.1:{port}/"
        processes.first_answer(address, process, log)
        if (given := answer_to(Request(address)).size) != answer.size:
            raise SystemExit(f"the bare server answers {given} bytes, not {answer.size}")
        yield address


def answer_to(request: Request) -> Answer:
    """What a server answers, but for its date; the request's id is a constant."""
    asked = urllib.request.Request(request.url, headers=dict(request.headers))
    with urllib.request.urlopen(asked, timeout=30) as got:
        headers = [
            (name, "0" * len(value) if name.lower() == "x-request-id" else value)
            for name, value in got.headers.raw_items()
            if name.lower() not in ("date", "connection")
        ]
        return Answer(headers, got.read().decode())


def hashes(seconds: float) -> float:
    """Argon2id hashes per second at denglu's parameters: a thread for each core, in a loop."""
    threads = len(os.sched_getaffinity(0))
    rates = [0.0] * threads

    def work(index: int) -> None:
        done, begun = 0, time.monotonic()
        while time.monotonic() < begun + seconds:
            low_level.hash_secret(
                b"x" * 23,
                b"y" * 16,
                time_cost=2,
                memory_cost=19456,
                parallelism=1,
                hash_len=32,
                type=low_level.Type.ID,
            )
            done += 1
        rates[index] = done / (time.monotonic() - begun)

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rates)


class _Refresh:
    """The statements of one refresh, for a session that goes from generation to generation."""

    def __init__(self, statements: Mapping[str, Compiled], session: int, member: int) -> None:
        self._statements = statements
        self._session, self._member = session, member
        self.generation = 1

    def steps(self) -> Iterator[tuple[bool, str, tuple[Any, ...]]]:
        """In denglu's order: whether rows come back, the SQL, its values."""
        now = int(time.time())
        old = {"p_session_id": self._session, "p_generation": self.generation, "p_now": now}
        before = {**old, "p_generation": self.generation - 1}
        yield self._bound("token_find", {"p_digest": digest(self._session, self.generation, 2)})
        lives = {"p_access": now + 7200, "p_refresh": now + 2592000}
        yield self._bound("session_rotate", {**old, **lives})
        yield self._bound("token_rotated", {**old, "p_parent": self.generation - 1})
        yield self._bound("token_forget_access", before)
        self.generation += 1
        yield self._bound("token_add", pair(self._session, self._member, self.generation))

    def _bound(self, name: str, params: dict[str, Any]) -> tuple[bool, str, tuple[Any, ...]]:
        statement = self._statements[name]
        return name == "token_find", statement.sql, statement.bind(params)


def digest(session: int, generation: int, kind: int) -> bytes:
    """A digest of its own for each token."""
    return b"bench" + b"%027d" % (session * 10**12 + generation * 10 + kind)


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


def refreshes_sqlite(file: Path, seconds: float, concurrency: int) -> float:
    """Refreshes per second on the raw driver: as many in one commit as there are rivals."""
    statements = compile_all(sqlite_dialect(paramstyle="qmark"))
    with closing(apsw.Connection(str(file))) as db:
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


def refreshes_postgres(url: str, seconds: float, concurrency: int) -> float:
    """The same on asyncpg, a connection for each rival and a commit for each refresh."""
    return uvloop.run(_refreshes_postgres(url, seconds, concurrency))


async def _refreshes_postgres(url: str, seconds: float, concurrency: int) -> float:
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
