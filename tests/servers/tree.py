"""Signals to a process and everything below it, and the guard that outlives its starter.

A process group would not do: each of PostgreSQL's processes is the leader of its own.
As a program (``tree.py PID FOLDER``) it waits for the end of its standard input, which comes
when the starter is gone however it went, and then leaves nothing of the two. To be run by path,
with nothing but the standard library.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

_HALT_SECONDS = 10.0


def signal_tree(pid: int, number: int) -> None:
    """Send SIGKILL, SIGSTOP or SIGCONT to a process and its descendants.

    They are halted first, so that none is born meanwhile.
    """
    for one in tree(pid, halt=True):
        _send(one, number)


def tree(pid: int, *, halt: bool = False) -> list[int]:
    """A process and its descendants; ``halt`` stops each before it looks for its children."""
    if halt:
        _send(pid, signal.SIGSTOP)
        until = time.monotonic() + _HALT_SECONDS
        while state(pid) not in ("T", "Z", "") and time.monotonic() < until:
            time.sleep(0.001)
    children = [child for child, parent in _parents() if parent == pid]
    return [pid, *(one for child in children for one in tree(child, halt=halt))]


def state(pid: int) -> str:
    """What the kernel says that it does: T is stopped, Z is over; "" for who is gone."""
    return (_fields(pid) or [""])[0]


def _parents() -> list[tuple[int, int]]:
    """Every process of the machine and its parent."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [(pid, int(fields[1])) for pid in pids if (fields := _fields(pid))]


def _fields(pid: int) -> list[str]:
    """What ``/proc/PID/stat`` says after the name, which may hold anything."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        return text.rpartition(")")[2].split()
    return []


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    sys.stdin.read()
    signal_tree(int(sys.argv[1]), signal.SIGKILL)
    shutil.rmtree(sys.argv[2], ignore_errors=True)
