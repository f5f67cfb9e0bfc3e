"""A private Redis that keeps nothing on disk."""

import contextlib
import socket
from typing import ClassVar

from tests.servers.process import HOST, PrivateServer


class RedisServer(PrivateServer):
    """After a stop it is empty."""

    name: ClassVar[str] = "redis"
    package: ClassVar[str] = "redis-server"
    programs: ClassVar[tuple[str, ...]] = ("redis-server",)

    def command(self) -> list[str]:
        words = f"--bind {HOST} --port {self.port} --appendonly no --dir {self.folder}".split()
        return [self.program["redis-server"], *words, "--save", ""]

    def is_ready(self) -> bool:
        return self.ask("PING") == "+PONG"

    def url(self, database: int = 0) -> str:
        """As DENGLU_REDIS_URL takes it."""
        return f"redis://{HOST}:{self.port}/{database}"

    def ask(self, command: str) -> str:
        """The first line of the answer to an inline command (``FLUSHALL``); "" for none."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection((HOST, self.port), timeout=5) as line,
            line.makefile("rwb") as stream,
        ):
            stream.write(command.encode() + b"\r\n")
            stream.flush()
            return stream.readline().decode().strip()
        return ""
