"""Writes down, with strace, what a server does to its database's files, and when it answers.

The order of the lines is the order in which the kernel was asked: that an answer stands behind
the sync it waited for is what a database promises.
"""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.programs import find

_CALLS = "pwrite64,ftruncate,fsync,fdatasync,write,writev,sendto,sendmsg"
_LONGEST = 70_000
_BEGUN = re.compile(rb"(\d+) +(\w+)\(\d+<((?:\\x..)*)>(.*)", re.DOTALL)
_RESUMED = re.compile(rb"(\d+) +<\.\.\. (\w+) resumed>")
_WRITTEN = re.compile(rb', "((?:\\x..)*)", \d+, (\d+)')
_TRUNCATED = re.compile(rb", (\d+)")
_REQUEST_ID = re.compile(rb"(?i)\r\nx-request-id: ([0-9a-f]{32})\r\n")
_SYNCS = (b"fsync", b"fdatasync")


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes handed to the kernel."""

    file: str
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file cut, or grown with zeros."""

    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """What was written to a file before this is on the disk now."""

    file: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The answer to a request is on its way to the client."""

    request_id: str


Event = Write | Truncate | Sync | Acknowledged


class Recorder:
    """``wrapper`` makes strace run a program; what it wrote down is read when it has ended."""

    def __init__(self, path: Path) -> None:
        """Raises Missing where there is no strace."""
        self._path = path
        options = ["-D", "-f", "--seccomp-bpf", "-y", "-xx", "-s", str(_LONGEST)]
        self.wrapper = [find("strace", "strace"), *options, "-e", f"trace={_CALLS}"]
        self.wrapper += ["-o", str(path)]

    def wait(self, pid: int) -> None:
        """Until strace has seen the process end."""
        ended, until = f"\n{pid} ".encode(), time.monotonic() + 20
        while time.monotonic() < until:
            with self._path.open("rb") as file:
                file.seek(max(0, self._path.stat().st_size - 4096))
                last = file.read().rpartition(ended)[2]
            if b"+++ killed by" in last or b"+++ exited with" in last:
                return
            time.sleep(0.01)
        raise RuntimeError("strace does not end")

    def events(self, files: Iterable[Path]) -> Iterator[Event]:
        """What happened to these files (by their names), and every answer, in order."""
        names = {str(file).encode(): file.name for file in files}
        syncing: dict[bytes, str] = {}
        with self._path.open("rb") as lines:
            for line in lines:
                if resumed := _RESUMED.match(line):
                    if resumed[1] in syncing and resumed[2] in _SYNCS:
                        yield Sync(syncing.pop(resumed[1]))
                elif begun := _BEGUN.match(line):
                    thread, call, where, rest = begun.groups()
                    file = names.get(_bytes(where))
                    if file is None:
                        yield from _acknowledged(call, rest)
                    elif call not in _SYNCS:
                        yield _change(call, file, rest)
                    elif b"<unfinished" in rest:
                        syncing[thread] = file
                    else:
                        yield Sync(file)


def _bytes(escaped: bytes) -> bytes:
    return bytes.fromhex(escaped.replace(b"\\x", b"").decode())


def _change(call: bytes, file: str, rest: bytes) -> Event:
    if call == b"ftruncate":
        cut = _TRUNCATED.match(rest)
        assert cut is not None
        return Truncate(file, int(cut[1]))
    written = _WRITTEN.match(rest)
    assert call == b"pwrite64", call
    assert written is not None, rest[:100]
    return Write(file, int(written[2]), _bytes(written[1]))


def _acknowledged(call: bytes, rest: bytes) -> Iterator[Acknowledged]:
    for text in re.findall(rb'"((?:\\x..)*)"', rest):
        for request_id in _REQUEST_ID.findall(_bytes(text)):
            yield Acknowledged(request_id.decode())
