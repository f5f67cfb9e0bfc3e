"""The doctor's look at a network database: what holds for PostgreSQL and MySQL alike."""

import functools
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from denglu.doctor import mysql, postgresql
from denglu.doctor.finding import Finding, Level
from denglu.doctor.server import Need, finding
from denglu.settings import Settings, is_loopback
from denglu.store.migrate import HEAD, Found, WrongSchema
from denglu.store.migrate.network import look_through
from denglu.store.migrate.revisions import check
from denglu.store.network.link import Unreachable
from denglu.store.network.shell import Shell, run
from denglu.store.network.trouble import DatabaseTrouble, place
from denglu.store.opening import MissingDriver, open_driver

_SLOW_SECONDS = 0.02
_SAMPLES = 5
_TOLERANCE = 5
# A row that no tally can have: its key is a digest.
_WRITE = "INSERT INTO limit_tally (tally_key, tries, expires_at) VALUES ('denglu doctor', '', 0)"


def examine_network(settings: Settings, workers: int) -> list[Finding]:
    """Findings about the database; those after a fault that hides the rest are left out."""
    found: list[Finding] = []
    look = functools.partial(_look, settings=settings, workers=workers, found=found)
    try:
        run(settings.database_url, look, seconds=settings.database_connect_timeout)
    except (DatabaseTrouble, WrongSchema, MissingDriver) as error:
        found.append(finding(Level.fault, str(error)))
    return found


async def _look(shell: Shell, *, settings: Settings, workers: int, found: list[Finding]) -> None:
    url = settings.database_url
    found += await _answers(shell, url)
    found += await _as_served(settings)
    need = Need(settings.database_pool, workers)
    server = await (postgresql if shell.is_postgresql else mysql).look(shell, need)
    found += server.findings
    found += _clock(server.ahead)
    found += _encryption(url, encrypted=server.encrypted)
    schema = await look_through(shell, url)
    found += _schema(schema, url)
    if schema.revision is not None:
        await _write(shell)
        found.append(finding(Level.ok, "it can be written to"))


async def _answers(shell: Shell, url: str) -> Iterator[Finding]:
    seconds = []
    for _ in range(_SAMPLES):
        start = time.monotonic()
        await shell.rows("SELECT 1")
        seconds.append(time.monotonic() - start)
    usual = sorted(seconds)[_SAMPLES // 2]
    return _pace(f"{place(url)} answers in {usual * 1000:.1f} ms", slow=usual > _SLOW_SECONDS)


async def _as_served(settings: Settings) -> list[Finding]:
    """A server asks for more when it connects than we do, and a pooler may take that ill."""
    driver = open_driver(settings)
    try:
        await driver.probe()
    except Unreachable as error:
        advice = "behind PgBouncer see docs/operating.md: ignore_startup_parameters"
        return [finding(Level.fault, f"a server could not connect ({error})", advice)]
    finally:
        await driver.close()
    return []


def _pace(message: str, *, slow: bool) -> Iterator[Finding]:
    if slow:
        advice = "a login asks about 20 times: bring servers and database closer together"
        yield finding(Level.warning, message, advice)
    else:
        yield finding(Level.ok, message)


def _clock(ahead: float) -> Iterator[Finding]:
    message = f"the database's clock is {ahead:+.1f} s off this machine's"
    if abs(ahead) > _TOLERANCE:
        advice = "set both, and run NTP on every machine: sessions and limits count from them"
        yield Finding("clock", Level.warning, message, advice)
    else:
        yield Finding("clock", Level.ok, message)


def _encryption(url: str, *, encrypted: bool) -> Iterator[Finding]:
    host = urlsplit(url).hostname
    if encrypted or host is None or is_loopback(host):
        return
    yield finding(
        Level.warning,
        "the connection is not encrypted: who listens on the way reads members and hashes",
        "add ?sslmode=verify-full (PostgreSQL) or ?ssl_ca=… (MySQL) to DENGLU_DATABASE_URL",
    )


def _schema(schema: Found, url: str) -> Iterator[Finding]:
    """Raises WrongSchema for one that cannot be used."""
    if check(schema, place(url)):
        yield finding(
            Level.warning,
            f"the schema is at revision {schema.revision}, older than this denglu ({HEAD}), which "
            "can use it",
            "run `denglu migrate`; servers may go on meanwhile",
        )
    elif schema.is_newer:
        yield finding(
            Level.note, f"the schema is at revision {schema.revision}, newer than this denglu"
        )
    else:
        yield finding(Level.ok, f"the schema is current (revision {HEAD})")


async def _write(shell: Shell) -> None:
    await shell.rows("BEGIN")
    try:
        await shell.rows(_WRITE)
    finally:
        await shell.rows("ROLLBACK")
