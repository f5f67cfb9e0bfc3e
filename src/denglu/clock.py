"""The one source of wall-clock time, and a twin of it that tests can move."""

import os
import time
from pathlib import Path
from typing import Protocol

_LONGEST = 32
# Beyond this no date can be written any more.
_FURTHEST = 200 * 365 * 86400


class Clock:
    """The machine's clock."""

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time())


class TestClock(Clock):
    """The machine's clock plus the seconds in a file that is read at each use.

    No file means no shift. A file that is empty or holds no whole number leaves the shift
    as it was: whoever writes it may be in the middle of doing so.
    """

    __test__ = False  # The name is the setting's; pytest shall not take it for a test.

    def __init__(self, file: Path) -> None:
        self._file = os.fspath(file)
        self._shift = 0

    def now(self) -> int:
        """Unix seconds, moved."""
        self._shift = self._read()
        return int(time.time()) + self._shift

    def _read(self) -> int:
        try:
            number = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        except OSError:
            return self._shift
        try:
            shift = int(os.read(number, _LONGEST))
        except (OSError, ValueError):
            return self._shift
        finally:
            os.close(number)
        return shift if abs(shift) <= _FURTHEST else self._shift


class ClockOptions(Protocol):
    """The setting that moves the clock. ``Settings`` fulfils it."""

    @property
    def test_clock_file(self) -> Path | None: ...


def open_clock(options: ClockOptions) -> Clock:
    """The clock that the settings ask for."""
    file = options.test_clock_file
    return Clock() if file is None else TestClock(file)
