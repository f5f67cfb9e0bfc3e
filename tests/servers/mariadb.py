"""A private MariaDB. Anybody on this machine may connect, as ``denglu`` without a password."""

import itertools
from pathlib import Path
from typing import ClassVar

from tests.servers.process import HOST, PrivateServer

# Commits are with the kernel: they outlive the server, and not the machine.
_HASTY = ("--innodb-flush-log-at-trx-commit=2", "--debug-no-sync")
_DURABLE = ("--innodb-flush-log-at-trx-commit=1",)


class MariadbServer(PrivateServer):
    """``durable``: commits reach the disk, as in production; else they are fast."""

    name: ClassVar[str] = "mariadb"
    package: ClassVar[str] = "mariadb-server"
    programs: ClassVar[tuple[str, ...]] = ("mariadb-install-db", "mariadbd", "mariadb")

    def __init__(self, *options: str, durable: bool = False) -> None:
        super().__init__(*options)
        self._durable = durable
        self._numbers = itertools.count(1)

    def prepare(self) -> None:
        # Of its own: a server that starts empties what temporary tables it finds. The server may
        # be somebody else than we are; the folder around it is shut.
        self._temporary.mkdir(exist_ok=True)
        self._temporary.chmod(0o777)
        words = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-log-bin"]
        places = [f"--datadir={self.folder / 'data'}", f"--tmpdir={self._temporary}"]
        self.run(self.program["mariadb-install-db"], "--no-defaults", *places, *words)

    def start(self) -> None:
        is_new = not self._has_data
        super().start()
        if is_new:
            self.admin(f"CREATE USER denglu@'{HOST}'; GRANT ALL ON *.* TO denglu@'{HOST}'")

    @property
    def _temporary(self) -> Path:
        return self.folder / "tmp"

    def command(self) -> list[str]:
        return [
            self.program["mariadbd"],
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self._temporary}",
            f"--bind-address={HOST}",
            f"--port={self.port}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--max-connections=200",
            *(_DURABLE if self._durable else _HASTY),
        ]

    def is_ready(self) -> bool:
        try:
            self.admin("SELECT 1")
        except RuntimeError:
            return False
        return True

    def url(self, database: str = "mysql") -> str:
        """As DENGLU_DATABASE_URL takes it."""
        return f"mysql://denglu@{HOST}:{self.port}/{database}"

    def create_database(self) -> str:
        """A new, empty database; returns its URL."""
        database = f"denglu_{next(self._numbers)}"
        self.admin(f"CREATE DATABASE {database}")
        return self.url(database)

    def drop_database(self, url: str) -> None:
        """Drop it. Waits for transactions that are open on it."""
        self.admin(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]}")

    def admin(self, sql: str) -> str:
        """Run statements as root; returns what they print, unadorned."""
        words = ["--no-defaults", f"--host={HOST}", f"--port={self.port}", "--user=root"]
        words += ["--connect-timeout=2", "--skip-ssl", "--batch", "--skip-column-names"]
        return self.run(self.program["mariadb"], *words, "--execute", sql)
