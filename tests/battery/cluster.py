"""Several denglu processes on one database: one service to its clients."""

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.battery.harness import Answer, Raw, Server, release
from tests.battery.load import Line

PROCESSES = 4


@dataclass
class Cluster(Server):
    """Processes that share database, outbox and clock. Requests go to each of them in turn."""

    processes: list[Server] = field(default_factory=list)
    _turns: Iterator[Server] = field(default_factory=lambda: iter(()))

    @property
    def url(self) -> str:
        """Where the next one listens."""
        return next(self._turns).url

    def troubles(self) -> list[str]:
        """Of all of them."""
        for process in self.processes:
            process.expected = self.expected
        return [trouble for process in self.processes for trouble in process.troubles()]

    def start(self) -> None:
        """Start all of them, and wait until they are ready."""
        with ThreadPoolExecutor(len(self.processes)) as pool:
            list(pool.map(Server.start, self.processes))
        self._turns = itertools.cycle(self.processes)

    def stop(self) -> int:
        """Ask all to end; the worst exit code."""
        with ThreadPoolExecutor(len(self.processes)) as pool:
            return max(pool.map(Server.stop, self.processes))

    def race(self, requests: Sequence[Raw]) -> list[Answer]:
        """All requests at once, spread over the processes."""

        async def run() -> list[Answer]:
            gate = asyncio.Barrier(len(requests))
            spread = zip(requests, itertools.cycle(self.processes), strict=False)
            return await asyncio.gather(
                *(release(process.host, process.port, raw, gate) for raw, process in spread)
            )

        answers = asyncio.run(run())
        return [
            self.held(raw.method, raw.path, answer)
            for raw, answer in zip(requests, answers, strict=True)
        ]


@contextlib.contextmanager
def cluster(folder: Path, database_url: str, **settings: str) -> Iterator[Cluster]:
    """``PROCESSES`` started processes on a new database, which is migrated first.

    Fails at the end when one of them logged trouble, or ended badly.
    """
    common = {f"DENGLU_{name.upper()}": value for name, value in settings.items()} | {
        "DENGLU_DATABASE_URL": database_url,
        "DENGLU_SECRET_KEY": secrets.token_hex(32),
        "DENGLU_SMS_OUTBOX": str(folder / "outbox"),
        "DENGLU_TEST_CLOCK_FILE": str(folder / "clock"),
    }
    folders = [folder / str(number) for number in range(PROCESSES)]
    for each in folders:
        each.mkdir()
    made = Cluster(folder, common, processes=[Server(each, common) for each in folders])
    made.migrate()
    made.start()
    try:
        yield made
    finally:
        made.close()
        code = made.stop()
    assert code == 0, made.troubles()[-5:]
    assert not made.troubles(), made.troubles()[:5]


@dataclass
class Watch:
    """One process, asked about a token again and again: what it said, and when it was asked."""

    process: Server
    good: list[float] = field(default_factory=list)
    known: asyncio.Event = field(default_factory=asyncio.Event)
    refused_at: float | None = None

    @property
    def last_good(self) -> float:
        """When it was asked for the last time that the token was still good."""
        return self.good[-1]

    async def until_refused(self, token: str) -> None:
        """Ask until the token is refused. RuntimeError after 10 s without that."""
        line = Line(self.process, kept=True)
        until = time.perf_counter() + 10
        ask = Raw("/v1/member/member/index", token=token, method="GET")
        while self.refused_at is None:
            sent = time.perf_counter()
            answer = await line.ask(ask)
            if answer.code == 401:
                self.refused_at = sent
            else:
                assert answer.code == 200, answer.text
                self.good.append(sent)
                self.known.set()
                if sent > until:
                    raise RuntimeError("the token was never refused")
                await asyncio.sleep(0.002)
        await line.close()
