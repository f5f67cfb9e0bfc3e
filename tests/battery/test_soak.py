"""Row F17: hours of everyday life with some hostile requests in it, and the server's memory.

Twenty seconds of it run in every run, for what can be counted; a release has half an hour
(DENGLU_BATTERY_SOAK: seconds).
"""

import asyncio
import itertools
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.battery.client import fresh_mobile
from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Answer, Raw, Server
from tests.battery.load import Seen, at_rate, quantile
from tests.battery.machine import memory_of
from tests.battery.rivals import login, refresh, site
from tests.battery.test_faults import members

_SITE = {
    "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
    "DENGLU_SMS_SITE_RATES": "1000000/24h",
}
_RATE = 100
_PEOPLE = 80
# In tenths of the time.
_WARM_UP = 4
_MOST_GROWTH = 0.05
_SECONDS = int(os.environ.get("DENGLU_BATTERY_SOAK") or 1800)

# A start file of Python's that makes the caches small. They are bounded, but at a size that
# an hour does not fill; small ones are full after the warm-up, and what grows then never ends.
_SMALL_CACHES = """
import denglu.store.sqlite as sqlite
connect = sqlite._connect
def small(*words, **options):
    db = connect(*words, **options)
    db.execute("PRAGMA cache_size = -1024")
    return db
sqlite._connect, sqlite._CACHED_TOKENS = small, 500
"""

# Of a thousand requests: fifty are hostile.
_SHARES = {"check": 650, "verify": 150, "refresh": 60, "login": 60, "code": 30, "hostile": 50}
_UNPLANNED = {"internal"}


@dataclass
class Everyday(Seen):
    """The people, their pairs of tokens, and what came of their requests."""

    seed: int = 0
    pairs: dict[str, dict[str, str]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    # When an answer to a token check came, and how long it took.
    checks: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._deeds = self._random.choices(list(_SHARES), weights=list(_SHARES.values()), k=100_000)
        self._numbers = itertools.count()

    def next_request(self) -> Raw:
        """What somebody does next."""
        deed = self._deeds[next(self._numbers) % len(self._deeds)]
        mobile, pair = self._random.choice(list(self.pairs.items()))
        if deed == "check":
            return Raw("/v1/member/member/index", token=pair["access_token"], method="GET")
        if deed == "verify":
            return site("verify-access-token", {"token": pair["access_token"]})
        if deed == "refresh":
            # Taken out until the answer is there: nobody refreshes what is being refreshed.
            del self.pairs[mobile]
            return of(refresh(pair["refresh_token"]), mobile)
        if deed == "login":
            return of(login(mobile, PASSWORD), mobile)
        if deed == "code":
            return site("sms-code", {"mobile": fresh_mobile(), "usage": "login"})
        return self._hostile(mobile)

    def _hostile(self, mobile: str) -> Raw:
        chance = self._random
        junk = "".join(chance.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=43))
        return chance.choice(
            (
                login(mobile, junk),
                login(junk, junk),
                refresh(junk),
                Raw("/v1/member/member/index", token=junk, method="GET"),
                site("login", {"username": {"$ne": 1}, "password": [junk], "group": "pc"}),
                site("sms-code", {"mobile": junk, "usage": "x" * 300}),
                site("register", {junk: junk * 600}),
                Raw(f"/v1/{junk}", method="GET"),
                site("mobile-login", {"mobile": mobile, "code": junk[:6], "group": "pc"}),
            )
        )

    def add(self, request: Raw, answer: Answer) -> None:
        """One more answer; a new pair is used from now on."""
        assert answer.status < 500, answer.text
        assert answer.code is not None, answer.text
        self.outcomes[answer.reason or str(answer.code)] += 1
        if request.path.endswith("/index"):
            self.checks.append((time.perf_counter(), answer.seconds))
        if (mobile := request.headers.get("X-Who")) is None:
            return
        if answer.code == 200:
            self.pairs[mobile] = answer.data
        elif request.path.endswith("/refresh"):
            self.pairs.setdefault(mobile, {"access_token": "gone", "refresh_token": "gone"})


def of(request: Raw, mobile: str) -> Raw:
    """The same request, which remembers whose it is."""
    return Raw(request.path, request.body, headers={**request.headers, "X-Who": mobile})


async def live(server: Server, seconds: float, seen: Everyday) -> list[tuple[float, int]]:
    """So many seconds of it; the server's memory (bytes) over time, once a second."""
    assert server.process is not None
    stop = asyncio.Event()
    load = asyncio.create_task(at_rate(server, seen.next_request, _RATE, seen, stop))
    until, samples = time.perf_counter() + seconds, []
    while time.perf_counter() < until and not load.done():
        samples.append((time.perf_counter(), memory_of(server.process.pid)))
        await asyncio.sleep(1)
    stop.set()
    await load
    return samples


def tenth(begun: float, ended: float, number: int) -> Callable[[float], bool]:
    """Whether a moment lies in one of ten parts of a time; parts count from 0."""
    part = (ended - begun) / 10
    return lambda at: begun + number * part <= at <= begun + (number + 1) * part


@pytest.mark.parametrize(
    "seconds", [20, pytest.param(_SECONDS, marks=pytest.mark.release, id="release")]
)
def test_F17_memory_over_a_long_day(tmp_path: Path, record: Record, seconds: int) -> None:
    """Mixed requests, 5 % of them hostile: nothing unplanned, and the memory stays as it was."""
    seed = int(os.environ.get("DENGLU_BATTERY_SEED") or time.time_ns() % 10**9)
    print(f"seed {seed}: repeat with DENGLU_BATTERY_SEED={seed}")  # noqa: T201
    (tmp_path / "sitecustomize.py").write_text(_SMALL_CACHES)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2] / "src")])
    server = Server(tmp_path, _SITE | {"PYTHONPATH": path})
    server.start()
    try:
        seen = Everyday(seed=seed)
        for mobile in members(server, _PEOPLE):
            seen.pairs[mobile] = server.login(mobile).data
        samples = asyncio.run(live(server, seconds, seen))
    finally:
        assert server.stop() == 0
    assert server.troubles() == []
    assert (seen.cut, seen.gone) == (0, 0)
    assert not set(seen.outcomes) & _UNPLANNED, seen.outcomes
    assert seen.outcomes["200"] > 0.8 * seen.outcomes.total(), seen.outcomes
    begun, ended = samples[0][0], samples[-1][0]
    # From the end of the warm-up to the end.
    first, last = (tenth(begun, ended, number) for number in (_WARM_UP, 9))
    before, after = (
        statistics.median(size for at, size in samples if part(at)) for part in (first, last)
    )
    p99 = [quantile([took for at, took in seen.checks if part(at)], 0.99) for part in (first, last)]
    growth = after / before - 1
    record("F17", tried=f"{seconds} s of mixed requests, 5 % hostile, seed {seed}",
           figure=f"{seen.rate:.0f} req/s, {seen.outcomes.total()} answers, 0 unplanned; "
           f"{before / 2**20:.0f} MiB after warm-up, {after / 2**20:.0f} MiB at the end "
           f"({growth:+.1%}); check p99 {p99[0]:.1f} and {p99[1]:.1f} ms; "
           f"{seen.outcomes['busy']} busy")  # fmt: skip
    if seconds >= _SECONDS:
        assert growth < _MOST_GROWTH
