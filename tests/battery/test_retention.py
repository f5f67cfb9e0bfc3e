"""Row F18: a million rows that are over are forgotten while tokens are checked."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from denglu.app import open_app
from denglu.domain.errors import Refusal
from denglu.flows.ports import T, Work
from denglu.settings import Settings, SettingsError, load_settings
from tests.battery.client import fresh_mobile
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import Raw, Server, running
from tests.battery.load import Seen, at_rate, quantile

_SITE = {"trusted_proxies": "127.0.0.1"}
_DAY = 86400
_SMALL = pytest.param(3_000, 1.0, id="small")
_WHOLE = pytest.param(1_000_000, 10.0, id="whole", marks=pytest.mark.release)
# Ids that no sequence comes to.
_FIRST = 1_000_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fill(server: Server, rows: int) -> None:
    """A third each of codes, of sessions (with two tokens) and of events, long over."""
    count, old = rows // 3, int(time.time()) - 400 * _DAY
    sqlite = server.database_kind == "sqlite"
    numbers = (
        f"(WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n "
        f"WHERE seq < {count}) SELECT seq FROM n) AS numbers"
        if sqlite
        else f"generate_series(1, {count}) AS n(seq)"
    )
    digest = "randomblob(32)" if sqlite else "sha256((random()::text || seq)::bytea)"
    salt = "randomblob(16)" if sqlite else "substring(sha256(seq::text::bytea) for 16)"
    server.rows(
        "insert into sms_code (number_key, code_usage, salt, digest, created_at, expires_at) "
        f"select {digest}, 'login', {salt}, {digest}, {old}, {old} + seq % 1000 from {numbers}"
    )
    server.rows(
        "insert into session (id, member_id, client_group, nonce, refresh_expires_at, "
        f"absolute_expires_at, ended_at) select {_FIRST} + seq, {_FIRST} + seq, 'pc', {salt}, "
        f"{old}, {old}, {old} + seq % 1000 from {numbers}"
    )
    for token in (1, 2):
        server.rows(
            "insert into session_token (digest, session_id, member_id, generation, kind) "
            f"select {digest}, {_FIRST} + seq, {_FIRST} + seq, 1, {token} from {numbers}"
        )
    server.rows(
        f"insert into audit_event (event, at) select 'login', {old} + seq % 1000 from {numbers}"
    )


async def purge(settings: Settings) -> list[float]:
    """Forget all that is over, without a pause; how long each piece of writing took."""
    app, seconds, more = open_app(settings, b"no token is made with it"), list[float](), True
    write = app.store.write

    async def timed(work: Work[T]) -> T:
        begun = time.perf_counter()
        done = await write(work)
        seconds.append(time.perf_counter() - begun)
        return done

    app.store.write = timed  # type: ignore[method-assign]
    while more:
        with suppress(Refusal):
            more = await app.retain()
    await app.close()
    return seconds


async def checks_for(server: Server, token: str, seconds: float) -> Seen:
    """A hundred token checks a second."""
    seen, stop = Seen(), asyncio.Event()
    request = Raw("/v1/member/member/index", token=token, method="GET")
    load = asyncio.create_task(at_rate(server, lambda: request, 100, seen, stop))
    await asyncio.sleep(seconds)
    stop.set()
    await load
    assert (seen.gone, seen.cut) == (0, 0)
    assert {answer.code for answer in seen.answers} == {200}
    return seen


def left(server: Server) -> int:
    """Rows of all kinds that are over."""
    tables = ("sms_code", "session", "session_token", "audit_event")
    counts = (server.rows(f"select count(*) from {table}")[0][0] for table in tables)
    return sum(counts)


@pytest.mark.parametrize(("rows", "seconds"), [_SMALL, _WHOLE])
def test_F18_a_million_rows_that_are_over(
    tmp_path: Path, kind: str, database_for: DatabaseFor, record: Record, rows: int, seconds: float
) -> None:
    """They go in short batches while tokens are checked, and nothing else goes with them."""
    with running(tmp_path, **_SITE, **database_for(kind)) as server:
        token = server.register(mobile := fresh_mobile()).data["access_token"]
        kept = left(server)
        server.stop()
        fill(server, rows)
        server.start()
        busy = asyncio.run(checks_for(server, token, seconds))
        server.stop()
        before = left(server) - kept
        settings = load_settings(server.environ(), tmp_path)
        batches = asyncio.run(purge(settings))
        assert left(server) == kept
        server.start()
        idle = asyncio.run(checks_for(server, token, seconds))
        assert server.login(mobile).code == 200
    p99 = [quantile([answer.seconds for answer in seen.answers], 0.99) for seen in (busy, idle)]
    record("F18", tried=f"{kind}: {rows} expired codes, sessions and events",
           figure=f"the last {before} in {len(batches)} batches, p50 "
           f"{quantile(batches, 0.5):.1f} ms, p99 {quantile(batches, 0.99):.1f} ms, slowest "
           f"{max(batches) * 1000:.0f} ms; check p99 {p99[0]:.1f} ms while they went, "
           f"{p99[1]:.1f} ms after")  # fmt: skip


def test_F18_logs_are_kept_for_180_days_at_least(tmp_path: Path) -> None:
    """No setting makes it less."""
    assert load_settings({}, tmp_path).retention_audit == 180 * _DAY
    with pytest.raises(SettingsError, match="RETENTION_AUDIT"):
        load_settings({"DENGLU_RETENTION_AUDIT": str(180 * _DAY - 1)}, tmp_path)
