"""Row F05: the power fails while members use the server, at any moment.

A real server's writes and syncs are recorded while people use it. Then its files are built
again as a disk may hold them after a power loss at some point: all that was synced before it,
and any part of the rest. What an answer had acknowledged before that point must be there.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.battery.conftest import Record
from tests.battery.diary import Diary, Fact, Witness, judge
from tests.battery.harness import Server
from tests.battery.platter import Platter
from tests.battery.recorder import Acknowledged, Event, Recorder, Sync
from tests.battery.shoppers import Life
from tests.servers.programs import Missing, skip_or_fail

POINTS = 200
_SITE = {"DENGLU_TRUSTED_PROXIES": "127.0.0.1", "DENGLU_SMS_SITE_RATES": "100000/24h"}
_SHOPPERS = 4
# Acknowledged writes before and after people have waited long enough to ask for more codes.
_FIRST, _SECOND = 120, 260
_FILES = ("denglu.db", "denglu.db-wal")

# A start file of Python's that makes the server promise what it has not done.
_CARELESS = """
import denglu.store.sqlite as sqlite
connect = sqlite._connect
def careless(*words, **options):
    db = connect(*words, **options)
    db.execute("PRAGMA synchronous = OFF")
    return db
sqlite._connect = careless
"""


@dataclass
class Recording:
    """A server's life: its files before, what happened to them, and what it acknowledged."""

    before: dict[str, bytes]
    events: list[Event]
    diary: Diary
    acknowledged: int


@pytest.fixture(scope="module")
def seed() -> int:
    chosen = int(os.environ.get("DENGLU_BATTERY_SEED") or time.time_ns() % 10**9)
    print(f"seed {chosen}: repeat with DENGLU_BATTERY_SEED={chosen}")  # noqa: T201
    return chosen


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Recording:
    return record_life(tmp_path_factory.mktemp("recorded"), seed, {}, (_FIRST, _SECOND))


def record_life(
    folder: Path, seed: int, settings: dict[str, str], wanted: Sequence[int]
) -> Recording:
    """People use a server, so many acknowledged writes at a time; then it is killed."""
    server = Server(folder, _SITE | settings)
    try:
        recorder = Recorder(folder / "strace")
    except Missing as missing:
        skip_or_fail(missing)
    server.start()
    assert server.stop() == 0
    files = [folder / name for name in _FILES]
    before = {file.name: file.read_bytes() for file in files if file.exists()}
    diary = Diary(server.database.with_name("denglu.db.key").read_bytes().strip())
    server.wrapper = recorder.wrapper
    server.start()
    assert server.process is not None
    pid, acknowledged, old = server.process.pid, 0, list[Life]()
    try:
        for count in wanted:
            lives, writes = _shop(server, seed, old, diary, count)
            acknowledged += writes
            old = [life for life in lives if life.known and not life.pending]
            server.advance(700)  # the next codes may be asked for
    finally:
        server.kill()
    recorder.wait(pid)
    assert server.troubles() == []
    return Recording(before, list(recorder.events(files)), diary, acknowledged)


def _shop(
    server: Server, seed: int, old: list[Life], diary: Diary, wanted: int
) -> tuple[list[Life], int]:
    shoppers = [
        Witness(server, seed + number, old[number::_SHOPPERS], diary) for number in range(_SHOPPERS)
    ]
    for shopper in shoppers:
        shopper.start()
    while (count := sum(shopper.acknowledged for shopper in shoppers)) < wanted:
        assert any(shopper.is_alive() for shopper in shoppers)
        time.sleep(0.01)
    for shopper in shoppers:
        shopper.leave()
    for shopper in shoppers:
        shopper.join()
    assert [text for shopper in shoppers for text in shopper.odd] == []
    return [life for shopper in shoppers for life in shopper.lives], count


@dataclass
class Loss:
    """What a power loss at some point left, and what had been acknowledged by then."""

    files: dict[str, bytes]
    demanded: set[Fact]
    pending: int


def losses(
    recording: Recording, events: Sequence[Event], points: Iterable[int], chance: random.Random
) -> Iterator[Loss]:
    """The power fails before each of these events, which are in order."""
    platter, demanded, done = Platter(recording.before), set[Fact](), 0
    for point in points:
        for event in events[done:point]:
            platter.apply(event)
            if isinstance(event, Acknowledged):
                demanded |= recording.diary.entries.get(event.request_id, set())
        done = point
        yield Loss(platter.after_power_loss(chance), demanded, platter.pending)


def found_wrong(loss: Loss, folder: Path) -> list[str]:
    """What is wrong with the files that are left."""
    for name in _FILES:
        (folder / name).write_bytes(loss.files.get(name, b""))
    # What was in memory only.
    (folder / "denglu.db-shm").unlink(missing_ok=True)
    return judge(folder / _FILES[0], loss.demanded)


def points_in(events: Sequence[Event], chance: random.Random, count: int) -> list[int]:
    """So many different points, at random."""
    return sorted(chance.sample(range(1, len(events) + 1), min(count, len(events))))


def test_F05_power_fails_at_200_points(
    recording: Recording, seed: int, tmp_path: Path, record: Record
) -> None:
    """All that was acknowledged is there, and the file is sound, wherever the power fails."""
    chance, events = random.Random(seed), recording.events
    points = points_in(events, chance, POINTS)
    demanded = pending = 0
    for point, loss in zip(points, losses(recording, events, points, chance), strict=True):
        assert found_wrong(loss, tmp_path) == [], f"event {point} of {len(events)}"
        demanded, pending = demanded + len(loss.demanded), pending + (loss.pending > 0)
    kinds = Counter(event.__class__.__name__ for event in events)
    syncs = Counter(event.file for event in events if isinstance(event, Sync))
    assert syncs["denglu.db"] > 0, "no checkpoint was recorded"
    record("F05", tried=f"power loss at {len(points)} points of a recorded life, seed {seed}",
           figure=f"{recording.acknowledged} acknowledged writes, {kinds['Write']} writes to the "
           f"files, {kinds['Sync']} syncs ({syncs['denglu.db']} checkpoints); {pending} points "
           f"with unsynced writes; all open, integrity_check ok, {demanded} facts, 0 missing"
    )  # fmt: skip


def without_syncs_of(name: str) -> Callable[[Event], bool]:
    return lambda event: not (isinstance(event, Sync) and event.file == name)


@pytest.mark.parametrize("name", _FILES)
def test_F05_a_sync_that_was_left_out_would_be_noticed(
    recording: Recording, seed: int, tmp_path: Path, name: str
) -> None:
    """The same search finds losses when the disk was never told to keep one of the files."""
    chance, events = random.Random(seed), list(filter(without_syncs_of(name), recording.events))
    points = points_in(events, chance, POINTS)
    assert any(found_wrong(loss, tmp_path) for loss in losses(recording, events, points, chance))


def test_F05_a_server_that_does_not_sync_would_be_noticed(tmp_path: Path, seed: int) -> None:
    """The same search finds losses of a server that runs with ``synchronous = OFF``."""
    place, folder = tmp_path / "place", tmp_path / "after"
    for each in (place, folder):
        each.mkdir()
    (tmp_path / "sitecustomize.py").write_text(_CARELESS)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2] / "src")])
    recording = record_life(place, seed, {"PYTHONPATH": path}, (40,))
    chance, events = random.Random(seed), recording.events
    points = points_in(events, chance, POINTS)
    assert any(found_wrong(loss, folder) for loss in losses(recording, events, points, chance))
