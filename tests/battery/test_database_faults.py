"""Rows F08 and F09: PostgreSQL and MariaDB that stop, crash and hang under load."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.battery.client import Client
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import Answer, Raw, Server, running
from tests.battery.load import Line, quantile
from tests.battery.shoppers import Shopper, halves, missing
from tests.servers.process import PrivateServer

_SITE = {"trusted_proxies": "127.0.0.1", "sms_site_rates": "100000/24h"}
# A short absence in every run, the long one of the table with `make battery`.
_AWAY = [1.5, pytest.param(5.0, marks=pytest.mark.measured)]
_HANGING = [4.0, pytest.param(10.0, marks=pytest.mark.measured)]


@dataclass
class Probe(threading.Thread):
    """Asks for a new token's member and for readiness all the time; remembers when and what."""

    server: Server
    token: str
    stop: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[float, Answer]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """Until told to stop."""
        asyncio.run(self._ask_all())

    def bad(self) -> list[tuple[float, Answer]]:
        """What was refused, with the time at which the answer came."""
        return [(at, answer) for at, answer in self.asked if answer.code != 200]

    async def _ask_all(self) -> None:
        who = Raw("/v1/member/member/index", token=self.token, method="GET")
        # Refused for its group, but only after the database was asked: it costs no session.
        ask = Raw("/v1/site/refresh", {"refresh_token": self.token, "group": "pc"})
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask(who))
            group.create_task(self._ask(ask))

    async def _ask(self, request: Raw) -> None:
        line = Line(self.server, kept=True)
        while not self.stop.is_set():
            answer = await line.ask(request)
            self.asked.append((time.perf_counter(), answer))
            await asyncio.sleep(0.02)
        await line.close()


@pytest.fixture(params=["postgresql", "mysql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database(request: pytest.FixtureRequest, kind: str) -> PrivateServer:
    """The database's server; it is well again after the test."""
    name = "postgres" if kind == "postgresql" else "mariadb"
    database: PrivateServer = request.getfixturevalue(name)
    return database


@pytest.fixture
def server(
    tmp_path: Path, database: PrivateServer, kind: str, database_for: DatabaseFor
) -> Iterator[Server]:
    with running(tmp_path, **_SITE, **database_for(kind)) as started:
        yield started


@contextlib.contextmanager
def shopping(server: Server) -> Iterator[list[Shopper]]:
    """Four people use the server; they are gone at the end, and it was an honest server."""
    shoppers = [Shopper(server, seed, []) for seed in range(4)]
    for shopper in shoppers:
        shopper.start()
    try:
        yield shoppers
    finally:
        for shopper in shoppers:
            shopper.leave()
        for shopper in shoppers:
            shopper.join()
    assert [text for shopper in shoppers for text in shopper.odd] == []


@contextlib.contextmanager
def probing(server: Server) -> Iterator[Probe]:
    """Somebody asks all the time."""
    with Client(server) as client:
        token = client.register().data["access_token"]
    probe = Probe(server, str(token))
    probe.start()
    try:
        yield probe
    finally:
        probe.stop.set()
        probe.join()


def until(condition: Callable[[], bool]) -> float:
    """Wait for something that surely comes; the time it came."""
    end = time.perf_counter() + 60
    while not condition():
        assert time.perf_counter() < end
        time.sleep(0.01)
    return time.perf_counter()


def acknowledged(shoppers: list[Shopper]) -> int:
    return sum(shopper.acknowledged for shopper in shoppers)


@dataclass
class Story:
    """How people fared: what was acknowledged, what was refused as busy, and when it was over."""

    acknowledged: int
    busy: list[tuple[float, Answer]]
    back: float

    @property
    def last_refusal(self) -> float:
        """Seconds after the database was back."""
        return max(0.0, max(at for at, _ in self.busy) - self.back)


def live_through(
    server: Server, begin: Callable[[], None], end: Callable[[], None], seconds: float
) -> Story:
    """People use the server before, in and after the trouble. Nobody is told more than busy,
    nothing acknowledged is missing, and no restart is needed.
    """
    with probing(server) as probe, shopping(server) as shoppers:
        until(lambda: acknowledged(shoppers) > 20)
        begin()
        begun = time.perf_counter()
        until(lambda: time.perf_counter() > begun + seconds)
        assert server.call("GET", "/readyz").status == 503
        assert server.call("GET", "/healthz").status == 200
        end()
        back = time.perf_counter()
        before = acknowledged(shoppers)
        until(lambda: acknowledged(shoppers) > before + 40)
        assert server.call("GET", "/readyz").status == 200
    # The probe refreshes with an access token, which is always refused.
    assert {answer.reason for _, answer in probe.bad()} == {"busy", "refresh_invalid"}
    lives = [life for shopper in shoppers for life in shopper.lives]
    assert missing(server, lives) == []
    assert halves(server) == {}
    busy = [(at, answer) for at, answer in probe.bad() if answer.reason == "busy"]
    return Story(acknowledged(shoppers), busy, back)


@pytest.mark.parametrize("away", _AWAY)
@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_F08_the_database_goes_away_and_comes_back(
    server: Server, database: PrivateServer, kind: str, end: str, away: float, record: Record
) -> None:
    """It is stopped, or crashes, and is started again."""
    begin = database.stop if end == "stopped" else database.kill
    story = live_through(server, begin, database.start, away)
    record("F08", tried=f"{kind} {end} for {away} s under load",
           figure=f"{story.acknowledged} acknowledged writes, 0 missing; last refusal "
           f"{story.last_refusal:.1f} s after it was back")  # fmt: skip


@pytest.mark.parametrize("hanging", _HANGING)
def test_F09_the_database_hangs(
    server: Server, database: PrivateServer, kind: str, hanging: float, record: Record
) -> None:
    """It keeps its connections and says nothing, then goes on."""
    story = live_through(server, database.pause, database.resume, hanging)
    times = [answer.seconds for _, answer in story.busy]
    record("F09", tried=f"{kind} hangs for {hanging} s under load",
           figure=f"slowest refusal after {max(times):.1f} s, p50 {quantile(times, 0.5):.0f} ms; "
           f"last one {story.last_refusal:.1f} s after it went on")  # fmt: skip
