"""Processes of a measurement: their ports, how long they take to answer, what memory they have."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PATIENCE = 60


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    words: Sequence[str], *, cwd: Path, environ: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own session, which ends with the block, and its children with it."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def first_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> float:
    """Seconds until a server answers anything at all."""
    begun = time.monotonic()
    while process.poll() is None and time.monotonic() < begun + _PATIENCE:
        with contextlib.suppress(OSError):
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(url, timeout=5).close()
            return time.monotonic() - begun
        time.sleep(0.005)
    raise SystemExit(f"a server did not start:\n{log.read_text()[-2000:]}")


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = children.read_text().split() if children.exists() else []
    return [pid, *(each for child in found for each in family(int(child)))]


def memory(pid: int) -> float:
    """MiB that a process and its children keep resident; what they share counts once."""
    return sum(_kibibytes(f"/proc/{each}/smaps_rollup", "Pss") for each in family(pid)) / 1024


def peak(pid: int) -> float:
    """The most MiB that a process had resident, its children the same."""
    return sum(_kibibytes(f"/proc/{each}/status", "VmHWM") for each in family(pid)) / 1024


def _kibibytes(path: str, field: str) -> int:
    with contextlib.suppress(OSError):
        if found := re.search(rf"^{field}:\s+(\d+)", Path(path).read_text(), re.MULTILINE):
            return int(found[1])
    return 0
