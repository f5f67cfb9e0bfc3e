"""The doctor's look at the clock, the proxy in front, the gateways and the limits of files."""

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

from denglu.clock import open_clock
from denglu.doctor.database import addresses_of, newest_event
from denglu.doctor.finding import Finding, Level
from denglu.serving.listener import files_needed
from denglu.settings import Settings, is_loopback
from denglu.settings.model import variable

_EARLIEST, _LATEST = 1735689600, 4102444800  # 2025 and 2100
_TOLERANCE = 60
_EVENTS, _ENOUGH_EVENTS = 500, 50


def examine_clock(settings: Settings) -> Iterator[Finding]:
    """Is it now, here, and on the disk?"""
    now = open_clock(settings).now()
    local = datetime.now().astimezone()
    if not _EARLIEST <= now < _LATEST:
        yield _clock(Level.fault, f"the clock says {now} (Unix seconds)", "set it, and run NTP")
        return
    yield _clock(
        Level.ok,
        f"{local.isoformat(sep=' ', timespec='seconds')} in zone {local.tzname()}; "
        "the database holds Unix seconds, so the zone changes nothing",
    )
    if settings.test_clock_file is not None:
        yield _clock(
            Level.warning,
            f"{variable('test_clock_file')} moves the clock by {now - int(time.time())} s",
            "unset it: it is for tests",
        )
    ahead = newest_event(settings) - now
    if ahead > _TOLERANCE:
        yield _clock(
            Level.fault,
            f"the newest event in the database lies {ahead} s ahead: the clock has gone back",
            "set the clock, and run NTP; sessions and limits count from it",
        )
    if settings.database_kind != "sqlite":
        return
    off = _disk_ahead(settings.database_path.parent)
    if abs(off) > _TOLERANCE:
        yield _clock(
            Level.warning,
            f"files beside the database are stamped {off:+.0f} s off this machine's clock",
            "use a local disk, or put both machines on NTP",
        )


def _clock(level: Level, message: str, advice: str = "") -> Finding:
    return Finding("clock", level, message, advice)


def _disk_ahead(folder: Path) -> float:
    """Seconds that a new file's time is ahead of the clock; 0 where none can be made."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
            return os.fstat(file.fileno()).st_mtime - time.time()
    except OSError:
        return 0.0


def examine_proxy(settings: Settings, host: str) -> Iterator[Finding]:
    """Whose word is taken for a client's address, and do all clients seem to share one?"""
    name = variable("trusted_proxies")
    if settings.trusted_proxies:
        believed = ", ".join(map(str, settings.trusted_proxies))
        yield _proxy(Level.ok, f"X-Forwarded-For is believed from {believed}")
    elif is_loopback(host):
        yield _proxy(
            Level.note,
            f"{name} is not set: every client of a reverse proxy would count as that proxy",
            f"behind a proxy on this machine set {name}=127.0.0.1, "
            "and let it append to X-Forwarded-For",
        )
    else:
        yield _proxy(Level.ok, "X-Forwarded-For is believed from nobody")
    counts = addresses_of(settings, _EVENTS)
    total = sum(counts.values())
    address, most = max(counts.items(), key=lambda item: item[1], default=("", 0))
    if total >= _ENOUGH_EVENTS and most > 0.9 * total and _is_inner(address):
        yield _proxy(
            Level.warning,
            f"{most} of the last {total} events came from {address}: all clients seem to share "
            "that address, and its limits",
            f"add {address} to {name} if it is a proxy",
        )


def _proxy(level: Level, message: str, advice: str = "") -> Finding:
    return Finding("proxy", level, message, advice)


def _is_inner(address: str) -> bool:
    try:
        return not ip_address(address).is_global
    except ValueError:
        return False


def examine_files(settings: Settings) -> Iterator[Finding]:
    """May the process open as many files as its connections need?"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = files_needed(settings.max_connections)
    if hard != resource.RLIM_INFINITY and hard < needed:
        yield Finding(
            "files",
            Level.warning,
            f"a process may open {hard} files; {settings.max_connections} connections can need "
            f"{needed}",
            f"raise the limit (ulimit -n, LimitNOFILE=) or lower {variable('max_connections')}",
        )
    else:
        yield Finding("files", Level.ok, f"enough for {settings.max_connections} connections")
