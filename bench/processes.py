"""Processes of a measurement: their ports, how long they take to answer, what memory they have."""

import contextlib
import os
import re
import shlex
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
        finally:
            # Whoever is left of them: most often nobody.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def first_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> float:
    """Seconds from now until a server answers anything at all. SystemExit when it does not."""
    begun = time.monotonic()
    while process.poll() is None and time.monotonic() < begun + _PATIENCE:
        with contextlib.suppress(OSError):
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(url, timeout=5).close()
            return time.monotonic() - begun
        time.sleep(0.005)
    raise SystemExit(f"a server did not start: {shlex.join(map(str, process.args))}\n{_end(log)}")  # type: ignore[arg-type]


def _end(log: Path) -> str:
    return log.read_text()[-2000:] if log.exists() else ""


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = children.read_text().split() if children.exists() else []
    return [pid, *(each for child in found for each in family(int(child)))]


def memory(pid: int) -> float:
    """MiB that a process has resident; with children, what they share counts once."""
    everybody = family(pid)
    if len(everybody) == 1:
        return _kibibytes(f"/proc/{pid}/status", "VmRSS") / 1024
    return sum(_kibibytes(f"/proc/{each}/smaps_rollup", "Pss") for each in everybody) / 1024


def peak(pid: int) -> float:
    """The most MiB that a process had resident since `forget_peak`, its children added."""
    return sum(_kibibytes(f"/proc/{each}/status", "VmHWM") for each in family(pid)) / 1024


def forget_peak(pid: int) -> None:
    """Begin anew: a peak is of what is measured next."""
    for each in family(pid):
        with contextlib.suppress(OSError):
            Path(f"/proc/{each}/clear_refs").write_text("5")


def _kibibytes(path: str, field: str) -> int:
    with contextlib.suppress(OSError):
        if found := re.search(rf"^{field}:\s+(\d+)", Path(path).read_text(), re.MULTILINE):
            return int(found[1])
    return 0
