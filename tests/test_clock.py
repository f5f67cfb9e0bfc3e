"""The clock, and the file that moves it in tests."""

import time
from pathlib import Path

import pytest

from denglu.clock import Clock, TestClock, open_clock
from denglu.settings import Settings

THEN = 1_763_000_000


class Machine:
    """A machine's clock that is moved by hand, and the seconds that really pass."""

    def __init__(self) -> None:
        self.wall = THEN + 0.9
        self.passed = 1000.0

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.passed += seconds


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(time, "time", lambda: machine.wall)
    monkeypatch.setattr(time, "monotonic", lambda: machine.passed)
    return machine


@pytest.mark.usefixtures("wall")
def test_the_clock_gives_whole_seconds_that_have_passed() -> None:
    assert Clock().now() == THEN


@pytest.mark.usefixtures("wall")
def test_the_file_moves_the_clock_at_each_use(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    clock = TestClock(file)
    assert clock.now() == THEN
    for text, shift in [("61", 61), ("7201\n", 7201), (" -60 ", -60), ("0", 0)]:
        file.write_text(text, "utf-8")
        assert clock.now() == THEN + shift
    file.write_text("61", "utf-8")
    assert clock.now() == THEN + 61
    file.unlink()
    assert clock.now() == THEN


@pytest.mark.usefixtures("wall")
@pytest.mark.parametrize(
    "garbage", ["", "\n", "soon", "1.5", "6 1 1", "6 x", "9" * 31, "\x00", "é"]
)
def test_a_file_that_is_being_written_leaves_the_clock_where_it_was(
    tmp_path: Path, garbage: str
) -> None:
    file = tmp_path / "clock"
    file.write_text(garbage, "utf-8")
    clock = TestClock(file)
    assert clock.now() == THEN
    file.write_text("3600", "utf-8")
    assert clock.now() == THEN + 3600
    file.write_text(garbage, "utf-8")
    assert clock.now() == THEN + 3600


@pytest.mark.usefixtures("wall")
def test_a_directory_in_place_of_the_file_moves_nothing(tmp_path: Path) -> None:
    assert TestClock(tmp_path).now() == THEN


@pytest.mark.usefixtures("wall")
def test_the_settings_choose_the_clock(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    file.write_text("5", "utf-8")
    assert open_clock(Settings()).now() == THEN
    assert open_clock(Settings(test_clock_file=file)).now() == THEN + 5


@pytest.mark.parametrize("back", [1, 3600, 10 * 365 * 86400])
def test_F12_time_does_not_go_back_with_the_machine(wall: Machine, back: int) -> None:
    clock = Clock()
    assert clock.now() == THEN
    wall.wall -= back
    assert clock.now() == THEN


@pytest.mark.parametrize("cooldown", [60, 300, 900, 3600])
def test_F12_nobody_waits_a_minute_longer_after_the_clock_went_back(
    wall: Machine, cooldown: int
) -> None:
    clock = Clock()
    assert clock.now() == THEN
    wall.wall -= 7 * 86400
    for _ in range(cooldown + 60):
        wall.wait(1)
        clock.now()
    assert clock.now() >= THEN + cooldown


def test_F12_the_machine_catches_up_and_is_believed_again(wall: Machine) -> None:
    clock = Clock()
    assert clock.now() == THEN
    wall.wall -= 3600
    told = []
    for _ in range(62):
        wall.wait(3600)
        told.append(clock.now() - int(wall.wall))
    assert told == sorted(told, reverse=True)
    assert told[0] in (3540, 3541)
    assert told[-1] == 0
    wall.wait(1)
    assert clock.now() == int(wall.wall)


def test_F12_time_goes_forward_with_the_machine(wall: Machine) -> None:
    clock = Clock()
    for step in (1, 3600, 10 * 365 * 86400):
        wall.wall += step
        assert clock.now() == int(wall.wall)


def test_F12_one_line_tells_that_the_clock_went_back(
    wall: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    clock.now()
    wall.wall -= 0.5  # as NTP does
    clock.now()
    assert caplog.messages == []
    wall.wall -= 3600
    for _ in range(3):
        clock.now()
    (line,) = caplog.messages
    assert "went back by 360" in line


def test_F12_a_clock_that_is_told_better_runs_on_from_there(wall: Machine) -> None:
    clock = Clock()
    clock.run_on_from(THEN + 3600)
    assert clock.now() == THEN + 3600
    wall.wait(61)
    assert clock.now() == THEN + 3660
    wall.wait(61 * 3600)
    assert clock.now() == int(wall.wall)
    clock.run_on_from(THEN)
    assert clock.now() == int(wall.wall)


def test_F12_a_clock_that_is_moved_by_a_file_is_told_what_it_tells(
    wall: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "clock"
    file.write_text("-600")
    clock = TestClock(file)
    clock.run_on_from(THEN)
    assert clock.now() == THEN
    file.write_text("0")
    assert clock.now() == THEN + 600


def test_the_second_number_of_the_file_moves_the_machine(wall: Machine, tmp_path: Path) -> None:
    file = tmp_path / "clock"
    clock = TestClock(file)
    assert clock.now() == THEN
    for text, told in [("0 3600", 3600), ("0 -3600", 3600), ("60 0", 3660), ("-60", 3540)]:
        file.write_text(text, "utf-8")
        assert clock.now() == THEN + told
    assert wall.wall == THEN + 0.9
