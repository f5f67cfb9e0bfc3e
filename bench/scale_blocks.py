"""Building blocks of the capacity model: round trips of an operation, operations per second.

    SCALE_URL=… python -m bench.scale_blocks SIZE OPERATION PART PARTS BEGIN SECONDS

is one of the processes that work side by side; it prints how many operations it completed and
how many seconds of CPU it used.
"""

import asyncio
import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import uvloop

from bench.scale_data import KEY
from bench.scale_measure import Cost, block, endless, prepared
from bench.scale_sites import OPERATIONS, Site, open_site
from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Kind
from denglu.security.digests import HmacSecrets
from denglu.store.postgres import PostgresLink, statements

# Operations under way at once in each process.
CONCURRENCY = 16
_GETTING_READY = 4.0
_HISTORY = (
    "INSERT INTO session (member_id, client_group, nonce, refresh_expires_at, ended_at, end_reason)"
    " SELECT $1, 'pc', decode(md5(n::text), 'hex'), $3::bigint, $3::bigint, 'replaced'"
    " FROM generate_series(1, $2::int) AS n"
)
_EXPIRED = (
    "INSERT INTO limit_tally (tally_key, tries, expires_at)"
    " SELECT sha256(n::text::bytea), '', 1 FROM generate_series(1, 100000) AS n"
)
# As long as a server pauses while there is more to forget.
_TIDYING_PAUSE = 0.05
_TALLY = "UPDATE limit_tally SET tries = $1 WHERE tally_key = $2"


@dataclass(frozen=True, slots=True)
class Pace:
    """Operations per second, microseconds of denglu's CPU for each, and how many were answered
    ``busy`` in a second.
    """

    rate: float
    cpu: float
    busy: float


def pace(url: str, size: int, name: str, processes: int, seconds: float) -> Pace:
    """What so many processes do together, each with ``CONCURRENCY`` operations at once."""
    begin = time.time() + _GETTING_READY
    words = [sys.executable, "-m", "bench.scale_blocks", str(size), name]
    workers = [
        subprocess.Popen(
            [*words, str(part), str(processes), str(begin), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SCALE_URL": url},
        )
        for part in range(processes)
    ]
    done, busy, cpu = 0, 0, 0.0
    for worker in workers:
        out, _ = worker.communicate(timeout=60 + _GETTING_READY + seconds)
        if worker.returncode:
            raise SystemExit(f"{name}: a process ended with {worker.returncode}")
        told = json.loads(out)
        done, busy, cpu = done + told["done"], busy + told["busy"], cpu + told["cpu"]
    return Pace(done / seconds, cpu / max(1, done) * 1e6, busy / seconds)


async def _work(
    url: str, size: int, name: str, part: int, parts: int, begin: float, s: float
) -> None:
    kind = url.partition(":")[0]
    async with open_site(kind, size, url, pool=10, part=part, parts=parts) as site:
        operations = endless(site, name)
        for operation in prepared(site, name, 1):
            await operation()
        await asyncio.sleep(max(0.0, begin - time.time()))
        cpu, until, done = time.process_time(), time.monotonic() + s, 0
        busy = 0

        async def one_after_the_other() -> None:
            nonlocal done, busy
            while time.monotonic() < until:
                try:
                    await next(operations)()
                except Refusal as refusal:
                    if refusal.reason is not Reason.busy:
                        raise
                    busy += 1
                else:
                    done += time.monotonic() < until

        await asyncio.gather(*(one_after_the_other() for _ in range(CONCURRENCY)))
        print(json.dumps({"done": done, "busy": busy, "cpu": time.process_time() - cpu}))


async def round_trips(site: Site, count: int = 20) -> dict[str, float]:
    """Statements, each a round trip, of an operation on PostgreSQL (begin and commit included)."""
    trips = 0

    def counted(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(method)
        async def counting(*given: Any) -> Any:
            nonlocal trips
            trips += 1
            return await method(*given)

        return counting

    names = ("one", "all", "run", "insert", "begin", "commit", "rollback")
    plain = {name: getattr(PostgresLink, name) for name in names}
    found = {}
    for name, method in plain.items():
        setattr(PostgresLink, name, counted(method))
    try:
        for name in OPERATIONS:
            trips = 0
            for operation in prepared(site, name, count):
                await operation()
            found[name] = trips / count
    finally:
        for name, method in plain.items():
            setattr(PostgresLink, name, method)
    return found


async def pages(site: Site, count: int = 20) -> float:
    """Pages of 8 KiB that PostgreSQL looks at for a token check."""
    assert site.watch is not None
    look_up, touched = statements()["token_find"], 0
    for holder in site.next_holders("token check", count):
        digest = hashlib.sha256(holder.token(Kind.access).encode()).digest()
        words = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {look_up.sql}"
        told = json.loads(await site.watch.fetchval(words, *look_up.bind({"p_digest": digest})))
        plan = told[0]["Plan"]
        touched += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return touched / count


async def with_history(site: Site, ended: int) -> Cost:
    """A login of one member who has ended so many sessions."""
    assert site.watch is not None
    kept, site.holders["login"] = site.holders["login"], site.holders["login"][-1:]
    member = site.holders["login"][0].member
    await site.watch.execute(_HISTORY, member, ended, int(time.time()))
    try:
        return await block(site, "login", 50)
    finally:
        await site.watch.execute("DELETE FROM session WHERE end_reason = 'replaced'"
                                 " AND member_id = $1", member)  # fmt: skip
        site.holders["login"] = kept


async def tidied(site: Site, seconds: float = 5.0) -> float:
    """Expired tallies that one server forgets in a second, with its pauses between batches."""
    assert site.watch is not None
    await site.watch.execute(_EXPIRED)
    count = "SELECT count(*) FROM limit_tally WHERE expires_at = 1"
    before, started = await site.watch.fetchval(count), time.monotonic()
    while time.monotonic() < started + seconds:
        if not await site.app.retain():
            break
        await asyncio.sleep(_TIDYING_PAUSE)
    spent = time.monotonic() - started
    after = await site.watch.fetchval(count)
    await site.watch.execute("DELETE FROM limit_tally WHERE expires_at = 1")
    return float(before - after) / spent


async def with_full_tally(site: Site) -> Cost:
    """An SMS code on a site that has sent codes all day long."""
    assert site.watch is not None
    now, grain = int(time.time()), 120
    tries = [[at // grain * grain - 1, 500, ""] for at in range(now - 86000, now, grain)]
    tally = json.dumps([0, tries], separators=(",", ":"))
    key, change = HmacSecrets(KEY).key("sms-site"), _TALLY
    await site.watch.execute(change, tally, key)
    try:
        return await block(site, "sms-code", 50)
    finally:
        await site.watch.execute(change, "", key)


if __name__ == "__main__":
    _size, _name, _part, _parts, _begin, _seconds = sys.argv[1:]
    _share = (int(_part), int(_parts), float(_begin), float(_seconds))
    uvloop.run(_work(os.environ["SCALE_URL"], int(_size), _name, *_share))
