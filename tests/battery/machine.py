"""What the machine says about a process: memory, time on a core, threads, files. Linux."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> int:
    """Bytes that the process has in memory."""
    return _status(pid, "VmRSS") * 1024


def threads_of(pid: int) -> int:
    """How many threads it has."""
    return _status(pid, "Threads")


def files_of(pid: int) -> int:
    """How many files it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def core_seconds_of(pid: int) -> float:
    """How long it has used a core, in all."""
    # The name in parentheses may hold anything; what follows it are numbers.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise LookupError(name)
