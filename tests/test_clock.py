"""The clock, and the file that moves it in tests."""

import time
from pathlib import Path

import pytest

from denglu.clock import Clock, TestClock, open_clock
from denglu.settings import Settings

THEN = 1_763_000_000


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: THEN + 0.9)


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
@pytest.mark.parametrize("garbage", ["", "\n", "soon", "1.5", "6 1", "9" * 31, "\x00", "é"])
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
