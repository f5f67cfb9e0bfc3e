"""A private PostgreSQL. Anybody on this machine may connect, as ``denglu``."""

import itertools
import signal
from typing import ClassVar

from tests.servers.process import HOST, PrivateServer

# Commits are with the kernel: they outlive the server, and not the machine.
_HASTY = ("fsync=off", "full_page_writes=off")


class PostgresServer(PrivateServer):
    """``durable``: commits reach the disk, as in production; else they are fast."""

    name: ClassVar[str] = "postgresql"
    package: ClassVar[str] = "postgresql"
    programs: ClassVar[tuple[str, ...]] = ("initdb", "postgres", "psql", "pg_isready")
    # Fast: connections are ended. SIGTERM would wait for each.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(self, *options: str, durable: bool = False) -> None:
        super().__init__(*options)
        self._hasty = () if durable else _HASTY
        self._numbers = itertools.count(1)

    def prepare(self) -> None:
        words = ["--username=denglu", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self.run(self.program["initdb"], "--pgdata", str(self.folder / "data"), *words)

    def command(self) -> list[str]:
        settings = [
            f"listen_addresses={HOST}",
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=200",
            *self._hasty,
        ]
        words = [word for setting in settings for word in ("-c", setting)]
        return [self.program["postgres"], "-D", str(self.folder / "data"), *words]

    def is_ready(self) -> bool:
        try:
            self.run(self.program["pg_isready"], *self._address(), "--timeout=1")
        except RuntimeError:
            return False
        return True

    def url(self, database: str = "postgres") -> str:
        """As DENGLU_DATABASE_URL takes it."""
        return f"postgresql://denglu@{HOST}:{self.port}/{database}"

    def create_database(self) -> str:
        """A new, empty database; returns its URL."""
        database = f"denglu_{next(self._numbers)}"
        self.admin(f"CREATE DATABASE {database}")
        return self.url(database)

    def drop_database(self, url: str) -> None:
        """Drop it, whoever is connected."""
        self.admin(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def admin(self, sql: str) -> str:
        """Run a statement as the superuser; returns what psql prints of it, unadorned."""
        words = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--dbname=postgres"]
        return self.run(self.program["psql"], *self._address(), *words, "--command", sql)

    def _address(self) -> list[str]:
        return [f"--host={HOST}", f"--port={self.port}", "--username=denglu"]
