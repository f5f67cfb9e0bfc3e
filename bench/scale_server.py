"""A PostgreSQL server of the measurement's own, as an operator would set it.

It listens on loopback only, keeps its data in one folder, and ends with the block.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.processes import free_port

# While nothing that is written matters yet.
FILLING = {
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "jit": "off",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
}
_STARTING_SECONDS = 120


def operated() -> dict[str, str]:
    """What an operator sets: by the usual rules of thumb for this machine's memory."""
    mebibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return {
        "shared_buffers": f"{mebibytes // 4}MB",
        "effective_cache_size": f"{mebibytes * 2 // 3}MB",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
    }


def version() -> str:
    """The server's version."""
    words = [_binary("postgres"), "--version"]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return "PostgreSQL " + told.split()[2]


class PrivatePostgres:
    """``folder`` is made when it is missing and left as it is by ``stop``."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._port = port or free_port()
        self._key = folder.with_name(folder.name + ".password")
        self._password = self._key.read_text() if self._key.exists() else secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Where a database of it is found."""
        return f"postgresql://bench:{self._password}@127.0.0.1:{self._port}/{database}"

    @contextlib.contextmanager
    def running(self, settings: Mapping[str, str], *, nice: int = 0) -> Iterator["PrivatePostgres"]:
        """Serves while the block runs."""
        if not (self._folder / "PG_VERSION").exists():
            self._create()
        try:
            self._start(settings, nice)
            yield self
        finally:
            if self._process is not None:
                self._process.send_signal(signal.SIGINT)  # a fast shutdown, with a checkpoint
                self._process.wait(600)

    def _create(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._key.touch(0o600)
        self._key.write_text(self._password)
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
            shutil.chown(self._key, "postgres")
        words = ["initdb", "-D", str(self._folder), "-U", "bench", "-E", "UTF8", "--locale=C"]
        words += ["--auth=scram-sha-256", f"--pwfile={self._key}", "--no-sync"]
        subprocess.run(_as_postgres(*words), check=True, stdout=subprocess.DEVNULL)

    def _start(self, settings: Mapping[str, str], nice: int) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "200",
            **settings,
        }
        words = _as_postgres("postgres", "-D", str(self._folder))
        words += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        if nice:
            words = ["nice", "-n", str(nice), "ionice", "-c3", *words]
        log = self._folder.with_name(self._folder.name + ".log").open("ab")
        self._process = subprocess.Popen(words, stdout=log, stderr=log)
        until = time.monotonic() + _STARTING_SECONDS
        ready = [_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        while subprocess.run(ready).returncode:
            if self._process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"PostgreSQL does not start: see {log.name}")
            time.sleep(0.2)


def _binary(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(places[-1]) if places else shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed (Debian: apt install postgresql)")
    return found


def _as_postgres(name: str, *words: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return [_binary(name), *words]
    became = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    return [*became, _binary(name), *words]
