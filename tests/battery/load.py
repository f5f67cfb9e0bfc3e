"""Steady load over asyncio: kept connections that tell a whole answer from a cut one."""

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.battery.harness import Answer, Raw, Server, parse

# More than these rest so long that the server hangs up on them.
_MOST_IDLE = 32


class Cut(Exception):
    """The connection ended inside an answer."""


class Gone(Exception):
    """The connection was refused, or ended before the first byte of an answer."""


class Line:
    """A connection; ``kept`` for many requests, or a new one for each."""

    def __init__(self, server: Server, *, kept: bool) -> None:
        self._server = server
        self._kept = kept
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Raw, handed: Callable[[float], None] | None = None) -> Answer:
        """Send and wait; ``handed`` is told the time at which the kernel had the request.

        Raises Gone or Cut.
        """
        keep = False
        reader, writer = await self._connected()
        try:
            writer.write(request.encode(self._server.host, keep=self._kept))
            await writer.drain()
            begun = time.perf_counter()
            if handed is not None:
                handed(begun)
            received = await asyncio.wait_for(_whole_answer(reader), 60)
            answer = replace(parse(received), seconds=time.perf_counter() - begun)
            keep = self._kept and answer.headers.get("connection") != "close"
        except OSError as error:
            raise Gone from error
        finally:
            if not keep:
                await self.close()
        return self._server.held(request.method, request.path, answer)

    async def close(self) -> None:
        """Hang up; the next request makes a new connection."""
        if self._streams is not None:
            writer, self._streams = self._streams[1], None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection(self._server.host, self._server.port)
            except OSError as error:
                raise Gone from error
        return self._streams


async def _whole_answer(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise (Cut if error.partial else Gone) from None
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    try:
        return head + await reader.readexactly(length)
    except (asyncio.IncompleteReadError, OSError):
        raise Cut from None


@dataclass
class Seen:
    """What came of a load."""

    answers: list[Answer] = field(default_factory=list)
    cut: int = 0
    gone: int = 0
    # Requests that the kernel had before ``deadline`` and that nobody answered.
    lost: int = 0
    deadline: float = float("inf")
    # ``enough`` is set when there are so many answers.
    wanted: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    # Of a load at a rate: how many were sent in how many seconds.
    sent: int = 0
    lasted: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second, as they were sent."""
        return self.sent / max(self.lasted, 1e-9)

    def add(self, request: Raw, answer: Answer) -> None:
        """One more answer."""
        self.answers.append(answer)
        if len(self.answers) >= self.wanted:
            self.enough.set()


async def steadily(
    line: Line, requests: Callable[[], Raw], every: float, seen: Seen, stop: asyncio.Event
) -> None:
    """Send a request every so many seconds until told to stop, or nobody answers any more."""
    due = time.perf_counter()
    while not stop.is_set():
        handed: list[float] = []
        try:
            request = requests()
            seen.add(request, await line.ask(request, handed.append))
        except Cut:
            seen.cut += 1
        except Gone:
            seen.gone += 1
            seen.lost += bool(handed) and handed[0] < seen.deadline
            break
        due = max(due + every, time.perf_counter() - every)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.0, due - time.perf_counter()))
    await line.close()


async def at_rate(
    server: Server, requests: Callable[[], Raw], rate: float, seen: Seen, stop: asyncio.Event
) -> None:
    """Send so many requests a second, whether those before them were answered or not.

    Every second one goes over a connection that is kept. Ends when told to stop, or when
    nobody answers any more; every request that was sent is waited for.
    """
    # First in, first out: none of them rests until the server hangs up.
    idle: dict[bool, deque[Line]] = {False: deque(), True: deque()}
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as asking:
        for number in itertools.count(1):
            kept = number % 2 == 0
            line = idle[kept].popleft() if idle[kept] else Line(server, kept=kept)
            asking.create_task(_ask_once(line, requests(), seen, idle[kept]))
            seen.sent = number
            left = begun + number / rate - time.perf_counter()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.0, left))
            if stop.is_set() or seen.gone:
                break
        seen.lasted = time.perf_counter() - begun
    for line in itertools.chain(*idle.values()):
        await line.close()


async def _ask_once(line: Line, request: Raw, seen: Seen, idle: deque[Line]) -> None:
    handed: list[float] = []
    try:
        seen.add(request, await line.ask(request, handed.append))
    except Cut:
        seen.cut += 1
    except Gone:
        seen.gone += 1
        seen.lost += bool(handed) and handed[0] < seen.deadline
    else:
        if len(idle) < _MOST_IDLE:
            idle.append(line)
        else:
            await line.close()


def quantile(seconds: list[float], share: float) -> float:
    """In milliseconds; 0.99 gives the p99."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000
