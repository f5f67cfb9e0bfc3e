"""denglu on a filled database, and the members that the measurement calls on.

The flows are denglu's own, on denglu's own store, with its defaults; only the hash costs
nothing, messages go nowhere, and the site's SMS budget does not end.
"""

import contextlib
import io
from collections.abc import AsyncIterator, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import asyncpg

from bench.scale_data import GROUPS, KEY, sampled
from denglu.api.app import Application
from denglu.app import App, open_api, open_app
from denglu.domain.limits import Rate
from denglu.domain.session import Kind
from denglu.flows.ports import Passwords
from denglu.logs import AccessLog
from denglu.security.tokens import HmacTokens
from denglu.settings import Settings
from denglu.sms import Failover, MemoryGateway

# A token check as the flow alone, and with everything that a request is besides: from its head
# to the last byte of the answer, without a socket.
OPERATIONS = ("token check", "token check, the whole request", "login", "refresh", "sms-code")
_WIDE = (Rate(1_000_000, 86400),)
_TOKENS = HmacTokens(KEY)
_SESSIONS = (
    "SELECT member_id, id, generation, nonce FROM session"
    " WHERE slot IS NOT NULL AND client_group = '{group}' AND member_id {among}"
)


class FreePasswords:
    """Fulfils ``flows.ports.Passwords`` at no cost: every password is right."""

    async def hash(self, password: str) -> str:
        """Nothing that could be a hash."""
        return "free"

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether there is a password at all."""
        return stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """Never."""
        return False


def open_bench_app(url: str, *, pool: int) -> tuple[App, Application]:
    """See the module's docstring. No token look-up is kept: ``session_cache`` is 0."""
    settings = Settings(database_url=url, database_pool=pool, session_cache=0, sms_site_rates=_WIDE)
    app = open_app(settings, KEY)
    api = open_api(app, settings, AccessLog(io.StringIO(), delay=3600), bound_to_loopback=True)
    passwords: Passwords = FreePasswords()
    app.service.login._passwords = passwords
    app.service.login._tries._passwords = passwords
    app.sending._sender = Failover([MemoryGateway()])
    return app, api


@dataclass(slots=True)
class Holder:
    """A member of the sample, and the session that is refreshed and checked."""

    member: int
    session: int
    generation: int
    nonce: bytes

    def token(self, kind: Kind) -> str:
        """The current token."""
        return _TOKENS.derive(kind, self.nonce, self.session, self.generation)


@dataclass
class Site:
    """A filled database with denglu on it. ``watch``: a second connection to PostgreSQL."""

    kind: str
    size: int
    app: App
    api: Application
    holders: dict[str, list[Holder]]
    watch: "asyncpg.Connection[Any] | None" = None
    calls: dict[str, int] = field(default_factory=dict)

    def next_holders(self, operation: str, count: int) -> list[Holder]:
        """None of them twice before all have had their turn."""
        theirs, begin = self.holders[operation], self.calls.get(operation, 0)
        self.calls[operation] = begin + count
        return [theirs[(begin + i) % len(theirs)] for i in range(count)]

    async def request(self, access: str) -> None:
        """Ask who the holder of a token is, as uvicorn would hand the request over."""
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/member/member/index",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1:8000"), (b"x-api-key", access.encode())],
            "client": ("127.0.0.1", 50000),
        }
        await self.api(scope, _no_body, _answered)

    async def database_seconds(self) -> float:
        """CPU that PostgreSQL's processes for denglu have used."""
        if self.watch is None:
            return 0.0
        pids = await self.watch.fetch(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'denglu%'"
        )
        return sum(_scheduled(row["pid"]) for row in pids)

    async def log_position(self) -> int:
        """Bytes of write-ahead log that PostgreSQL has written so far."""
        if self.watch is None:
            return 0
        found = await self.watch.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return int(found)


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _answered(message: MutableMapping[str, Any]) -> None:
    if b'"code":200' not in message.get("body", b'"code":200'):
        raise AssertionError(message)


def _scheduled(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextlib.asynccontextmanager
async def open_site(
    kind: str, size: int, url: str, *, pool: int = 1, part: int = 0, parts: int = 1
) -> AsyncIterator[Site]:
    """A site for the length of the block. ``part`` of ``parts`` of the sample is called on."""
    members = sampled(size)[part::parts]
    watch = await asyncpg.connect(url) if kind == "postgresql" else None
    if watch is None:
        rows: Iterable[Iterable[Any]] = _read_file(url.removeprefix("sqlite:///"), members)
    else:
        among = _SESSIONS.format(group=GROUPS[1], among="= ANY($1::bigint[])")
        rows = await watch.fetch(among, members)
    found = [Holder(*row) for row in sorted(map(tuple, rows), key=lambda row: row[3])]
    # Nobody is called on by two operations: what one does must not be work for the other.
    holders = {name: found[i :: len(OPERATIONS)] for i, name in enumerate(OPERATIONS)}
    app, api = open_bench_app(url, pool=pool)
    try:
        yield Site(kind, size, app, api, holders, watch)
    finally:
        await app.close()
        if watch is not None:
            await watch.close()


def _read_file(path: str, members: Sequence[int]) -> list[tuple[Any, ...]]:
    among = f"IN ({','.join(map(str, members))})"
    with contextlib.closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return db.execute(_SESSIONS.format(group=GROUPS[1], among=among)).fetchall()
