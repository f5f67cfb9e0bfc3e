"""What came of a run, table by table; and the file in which each oddity stands."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any


@dataclass(slots=True)
class Sums:
    """Rows, and hundredths of each money column."""

    rows: int = 0
    money: list[int] = field(default_factory=list)

    def add(self, money: Sequence[int]) -> None:
        """One more row."""
        self.rows += 1
        self.money = [a + b for a, b in zip(self.money, money, strict=True)]


@dataclass(slots=True)
class Tally:
    """One table. ``gone``: rows that were brought once and are not any more, and what they became.
    ``by_source`` and ``by_target``: what the two databases say themselves; the target only after
    a run that writes.
    """

    table: str
    columns: tuple[str, ...] = ()
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: dict[int, int] = field(default_factory=dict)
    brought: Sums = field(init=False)
    left_out: dict[str, Sums] = field(default_factory=dict)
    by_source: Sums | None = None
    by_target: Sums | None = None

    def __post_init__(self) -> None:
        self.brought = self._sums()

    def bring(self, values: Mapping[str, Any]) -> None:
        """A row that is brought, now or before."""
        self.brought.add(self._money(values))

    def leave(self, cause: str, values: Mapping[str, Any]) -> None:
        """A row that is left out."""
        self.left_out.setdefault(cause, self._sums()).add(self._money(values))

    @property
    def same(self) -> bool:
        """Whether each row and cent of the source is brought or left out, and what was brought is
        in the target.
        """
        parts = [self.brought, *self.left_out.values()]
        rows = sum(part.rows for part in parts)
        money = [sum(column) for column in zip(*(part.money for part in parts), strict=True)]
        in_all = Sums(rows, money)
        return self.by_source in (None, in_all) and self.by_target in (None, self.brought)

    def _sums(self) -> Sums:
        return Sums(0, [0] * len(self.columns))

    def _money(self, values: Mapping[str, Any]) -> list[int]:
        return [values[column] for column in self.columns]


class Findings:
    """What somebody should know of single rows: counted, and written as JSON Lines. Names stand
    in it as the ids of those who have them.
    """

    def __init__(self, file: IO[str] | None) -> None:
        self._file = file
        self.counts: Counter[str] = Counter()

    def note(self, what: str, table: str, source_id: int, **more: object) -> None:
        """One finding."""
        self.counts[what] += 1
        if self._file is not None:
            line = {"what": what, "table": table, "id": source_id, **more}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
