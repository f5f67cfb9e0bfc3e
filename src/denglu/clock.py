"""The one source of wall-clock time, and a twin of it that tests can move."""

import logging
import os
import time
from pathlib import Path
from typing import Protocol

_log = logging.getLogger(__name__)
# While the machine's clock is behind, an hour takes a minute longer here.
_PACE = 60 / 61
_WORTH_A_LINE = 1.0
_LONGEST = 32
# Beyond this no date can be written any more.
_FURTHEST = 200 * 365 * 86400


class Clock:
    """The machine's clock, except that it never goes back while the process runs.

    What has expired stays expired when the machine's clock is set back: time runs on here, a
    little slower, until the machine's clock has caught up. A new process believes the machine,
    unless ``flows.keep_time`` knows better.
    """

    def __init__(self) -> None:
        # What was told last, and when (monotonic). One value: threads ask side by side.
        self._told = 0.0, 0.0
        self._is_ahead = False

    def now(self) -> int:
        """Unix seconds."""
        return int(self._steady(time.time()))

    def run_on_from(self, at: int) -> None:
        """Tell no time before this one (Unix seconds) from now on."""
        last, _ = self._told
        self._told = max(last, float(at)), time.monotonic()

    def _steady(self, wall: float) -> float:
        last, asked = self._told
        moment = time.monotonic()
        held = last + (moment - asked) * _PACE
        ahead = held - wall
        if (ahead > _WORTH_A_LINE) != self._is_ahead:
            self._is_ahead = not self._is_ahead
            if self._is_ahead:
                _log.warning(
                    "the machine's clock went back by %.0f s; time runs on here: set the clock, "
                    "then restart",
                    ahead,
                )
        self._told = max(wall, held), moment
        return self._told[0]


class TestClock(Clock):
    """The machine's clock plus the seconds in a file that is read at each use.

    A second number in the file moves the machine's clock itself. No file means no shift. A
    file that is empty or holds anything else leaves the shift as it was: whoever writes it may
    be in the middle of doing so.
    """

    __test__ = False  # The name is the setting's; pytest shall not take it for a test.

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = os.fspath(file)
        self._shifts = 0, 0

    def now(self) -> int:
        """Unix seconds, moved."""
        self._shifts = shift, step = self._read()
        return int(self._steady(time.time() + step)) + shift

    def run_on_from(self, at: int) -> None:
        """Tell no time before this one, as the file has moved it."""
        super().run_on_from(at - self._read()[0])

    def _read(self) -> tuple[int, int]:
        try:
            number = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0, 0
        except OSError:
            return self._shifts
        try:
            numbers = [int(word) for word in os.read(number, _LONGEST).split()]
        except (OSError, ValueError):
            return self._shifts
        finally:
            os.close(number)
        if len(numbers) not in (1, 2) or max(map(abs, numbers)) > _FURTHEST:
            return self._shifts
        return numbers[0], numbers[1] if len(numbers) == 2 else 0


class ClockOptions(Protocol):
    """The setting that moves the clock. ``Settings`` fulfils it."""

    @property
    def test_clock_file(self) -> Path | None: ...


def open_clock(options: ClockOptions) -> Clock:
    """The clock that the settings ask for."""
    file = options.test_clock_file
    return Clock() if file is None else TestClock(file)
