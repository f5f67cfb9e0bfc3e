"""The doctor's look at the database, whichever it is, and at what stands in it."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import apsw

from denglu.doctor.file import examine_file
from denglu.doctor.finding import Finding
from denglu.doctor.network import examine_network
from denglu.settings import Settings
from denglu.store.file import FileTrouble, open_file
from denglu.store.network.shell import Shell, run
from denglu.store.network.trouble import DatabaseTrouble
from denglu.store.opening import MissingDriver


def examine_database(settings: Settings, workers: int) -> Iterator[Finding]:
    """Findings about the database; those after a fault that hides the rest are left out."""
    if settings.database_kind == "sqlite":
        yield from examine_file(settings.database_path)
    else:
        yield from examine_network(settings, workers)


def newest_event(settings: Settings) -> int:
    """The time of the newest audit event (Unix seconds); 0 when it cannot be known."""
    rows = _rows(settings, "SELECT coalesce(max(at), 0) FROM audit_event")
    return int(rows[0][0]) if rows else 0


def has_sessions(settings: Settings) -> bool:
    """Whether anybody has ever logged in."""
    return bool(_rows(settings, "SELECT 1 FROM session LIMIT 1"))


def addresses_of(settings: Settings, events: int) -> dict[str, int]:
    """How often each client address stands in the newest audit events."""
    newest = f"SELECT ip FROM audit_event WHERE ip <> '' ORDER BY id DESC LIMIT {events:d}"  # noqa: S608
    rows = _rows(settings, f"SELECT ip, count(*) FROM ({newest}) AS newest GROUP BY ip")  # noqa: S608
    return {str(ip): int(count) for ip, count in rows}


def _rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """What a database says that may be missing, foreign, away or damaged: then nothing."""
    with contextlib.suppress(FileTrouble, apsw.Error, DatabaseTrouble, MissingDriver):
        if settings.database_kind != "sqlite":
            seconds = settings.database_connect_timeout
            return run(settings.database_url, functools.partial(_ask, sql=sql), seconds=seconds)
        if settings.database_path.exists():
            with contextlib.closing(open_file(settings.database_path)) as db:
                return db.execute(sql).fetchall()
    return []


async def _ask(shell: Shell, sql: str) -> list[tuple[Any, ...]]:
    return await shell.rows(sql)
