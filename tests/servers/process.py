"""A server of the tests' own: a process, a folder, a port on 127.0.0.1."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.servers import tree as guard
from tests.servers.programs import find
from tests.servers.tree import signal_tree, tree

HOST = "127.0.0.1"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_RIGHTLESS: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}


class PrivateServer(ABC):
    """``with`` starts it, and leaves nothing behind. Raises Missing.

    ``options`` are further words of its command line.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    programs: ClassVar[tuple[str, ...]]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, *options: str) -> None:
        self.options = options
        self.program = {name: find(name, self.package) for name in self.programs}
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"denglu-{self.name}-"))
        self._rights = _RIGHTLESS if os.geteuid() == 0 else {}
        if self._rights:
            shutil.chown(self.folder, _RIGHTLESS["user"], _RIGHTLESS["group"])
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._has_data = False

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it in the foreground."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers."""

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Before the first start: make what it starts with."""

    @property
    def log(self) -> str:
        """What it has written to its terminal, over all starts."""
        return (self.folder / "log").read_text("utf-8", "replace")

    @property
    def is_running(self) -> bool:
        """Whether the process is there, paused or not."""
        return self._process is not None and self._process.poll() is None

    def pids(self) -> list[int]:
        """Its processes, the first one first."""
        return tree(self._process.pid) if self._process is not None else []

    def start(self) -> None:
        """Start on the same data and port as before, and wait until it answers."""
        if not self._has_data:
            self.prepare()
            self._has_data = True
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.command(), *self.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._surroundings(),
            )
        # Not PR_SET_PDEATHSIG: that looks at the thread that started it, and spares children.
        self._guard = subprocess.Popen(
            [sys.executable, "-I", guard.__file__, str(self._process.pid), str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Ask it to end and wait for that; whoever does not listen is killed."""
        if self._process is None:
            return
        self.resume()
        if self.is_running:
            self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def kill(self) -> None:
        """kill -9 of all its processes: a crash."""
        if self._process is None:
            return
        if self.is_running:
            signal_tree(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        if self._guard is not None:
            assert self._guard.stdin is not None
            self._guard.kill()
            self._guard.wait()
            self._guard.stdin.close()
            self._guard = None

    def restart(self) -> None:
        """Stop, and start again."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Hang: every process keeps its connections and does nothing."""
        if self.is_running:
            assert self._process is not None
            signal_tree(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on where it was paused."""
        if self.is_running:
            assert self._process is not None
            signal_tree(self._process.pid, signal.SIGCONT)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """It hangs inside."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def heal(self) -> None:
        """Make it answer, whatever was done to it."""
        self.resume()
        if not self.is_running:
            self.kill()
            self.start()

    def close(self) -> None:
        """End it the short way, and remove the folder."""
        try:
            self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, *command: str) -> str:
        """Run a helper to its end, with the server's rights; returns what it printed."""
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            **self._surroundings(),
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def _surroundings(self) -> dict[str, Any]:
        environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        environ["HOME"] = str(self.folder)
        return {"cwd": self.folder, "env": environ, **self._rights}

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.name} does not start:\n{self.log[-4000:]}")
            time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether somebody does on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def free_port() -> int:
    """A port that nobody listens on.

    Below those that the kernel gives to outgoing connections: one of them could be in the way
    of a restart.
    """
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
