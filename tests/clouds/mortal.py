"""Tencent's service in a process of its own, to be killed while it is at work.

    python -m tests.clouds.mortal FILE

It prints where it listens. What it has taken is in the file, and some time later it answers.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clouds.base import serving
from tests.clouds.tc3 import TencentSms

_ROOT = Path(__file__).parents[2]
# Between taking a message and saying so: there it is likely to die.
_DELAY = 0.05


class _Diary(list[Any]):
    """A list that a file outlives."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("a", encoding="utf-8")

    def append(self, item: Any) -> None:
        super().append(item)
        self._file.write(json.dumps(item) + "\n")
        self._file.flush()


class _Slow(TencentSms):
    """Answers late what it did at once."""

    def perform(self, given: dict[str, Any]) -> dict[str, Any]:
        said = super().perform(given)
        time.sleep(_DELAY)
        return said


@dataclass
class Mortal:
    """The process, seen from here."""

    process: subprocess.Popen[str]
    url: str
    diary: Path

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The messages that it took."""
        return [json.loads(line) for line in self.diary.read_text("utf-8").splitlines()]

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


@contextmanager
def mortal(folder: Path) -> Iterator[Mortal]:
    """The service; it is gone at the end."""
    diary = folder / "diary"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.clouds.mortal", str(diary)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        try:
            yield Mortal(process, process.stdout.readline().strip(), diary)
        finally:
            process.kill()


def _live(diary: Path) -> None:
    service = _Slow()
    service.sent = _Diary(diary)
    with serving(service):
        sys.stdout.write(f"{service.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    _live(Path(sys.argv[1]))
