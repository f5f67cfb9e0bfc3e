"""The proof of a copy: both sides are read back, row by row, and must be the same.

The checksum of a table is the SHA-256 of its rows in the order of their keys, each written as
Python writes a tuple of integers, texts, bytes and None: two rows that differ never look alike.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Table

from denglu.moving import copying
from denglu.moving.copying import Progress, batch, count, key_in, tables
from denglu.moving.side import Key, Row, Side

_KEYS_SHOWN = 5


@dataclass(slots=True)
class Compared:
    """One table: how many rows each side has, the checksums, and how many keys differ."""

    table: str
    rows: tuple[int, int] = (0, 0)
    checksums: tuple[str, str] = ("", "")
    differing: int = 0
    first: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether the target holds what the source does."""
        return self.differing == 0 and self.checksums[0] == self.checksums[1]


async def compare(
    source: Side, target: Side, progress: Progress, also: Sequence[Table] = ()
) -> list[Compared]:
    """Compare every table. Raises MovingTrouble."""
    return [await _compare(source, target, table, progress) for table in tables(also)]


async def _compare(source: Side, target: Side, table: Table, progress: Progress) -> Compared:
    compared = Compared(table.name)
    sums = hashlib.sha256(), hashlib.sha256()
    read = [0, 0]
    total = await count(source, table)
    after: Key | None = None
    while True:
        pair = [await side.fetch(batch(table, after)) for side in (source, target)]
        end = _common_end(table, pair)
        pair = [_up_to(table, rows, end) for rows in pair]
        for number, rows in enumerate(pair):
            read[number] += len(rows)
            sums[number].update("".join(map(repr, rows)).encode())
        if pair[0] != pair[1]:
            _note_differences(table, pair, compared)
        progress(table.name, min(read[0], total), total)
        if end is None:
            break
        after = end
    compared.rows = read[0], read[1]
    compared.checksums = sums[0].hexdigest(), sums[1].hexdigest()
    return compared


def _common_end(table: Table, pair: list[list[Row]]) -> Key | None:
    """The key up to which both batches are whole; None when both reach their table's end."""
    ends = [key_in(table, rows[-1]) for rows in pair if len(rows) == copying.BATCH]
    return min(ends, default=None)


def _up_to(table: Table, rows: list[Row], end: Key | None) -> list[Row]:
    if end is None or not rows or key_in(table, rows[-1]) == end:
        return rows
    return [row for row in rows if key_in(table, row) <= end]


def _note_differences(table: Table, pair: list[list[Row]], compared: Compared) -> None:
    ours, theirs = ({key_in(table, row): row for row in rows} for rows in pair)
    keys = sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k))
    compared.differing += len(keys)
    room = _KEYS_SHOWN - len(compared.first)
    compared.first += [_shown(key, key in ours, key in theirs) for key in keys[:room]]


def _shown(key: Key, ours: bool, theirs: bool) -> str:
    # A digest that is stored is nothing that anybody could use.
    name = " ".join(part.hex() if isinstance(part, bytes) else str(part) for part in key)
    if ours and theirs:
        return f"{name} (differs)"
    return f"{name} (missing in the {'target' if ours else 'source'})"
