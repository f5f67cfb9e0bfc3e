"""What a disk holds when the power goes: what was synced, and any part of the rest."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.battery.recorder import Event, Sync, Truncate, Write

SECTOR = 512


@dataclass
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)


class Platter:
    """Files by name, as events change them."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = defaultdict(
            _File, {name: _File(bytearray(content)) for name, content in files.items()}
        )

    @property
    def pending(self) -> int:
        """How many changes are not synced."""
        return sum(len(file.pending) for file in self._files.values())

    def apply(self, event: Event) -> None:
        """One event after the other; acknowledgements change nothing here."""
        if isinstance(event, Write | Truncate):
            self._files[event.file].pending.append(event)
        elif isinstance(event, Sync):
            file = self._files[event.file]
            for change in file.pending:
                _apply(file.synced, change, _all)
            file.pending.clear()

    def after_power_loss(self, chance: random.Random) -> dict[str, bytes]:
        """The files: all that was synced, and of every later change nothing, all, or some of its
        sectors, whatever came after it.
        """
        return {name: self._left(file, chance) for name, file in self._files.items()}

    def _left(self, file: _File, chance: random.Random) -> bytes:
        content = bytearray(file.synced)
        # Not always a half: nearly nothing and nearly all are more telling.
        share, torn = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0)), chance.random() < 0.5
        for change in file.pending:
            if torn:
                _apply(content, change, lambda: chance.random() < share)
            elif chance.random() < share:
                _apply(content, change, _all)
        return bytes(content)


def _all() -> bool:
    return True


def _apply(content: bytearray, change: Write | Truncate, keep: Callable[[], bool]) -> None:
    """Do the change, or those of its sectors that are kept."""
    if isinstance(change, Truncate):
        if keep():
            _resize(content, change.size)
        return
    start, end = change.at, change.at + len(change.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        if keep():
            _resize(content, max(len(content), stop))
            content[start:stop] = change.data[start - change.at : stop - change.at]
        start = stop


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))
