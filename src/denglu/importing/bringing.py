"""How every table is brought: batch by batch in the order of ids, what changed with its mark in
one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from denglu.domain.groups import Groups
from denglu.domain.member import Status
from denglu.flows.erasing import Erase
from denglu.importing.layout import MONEY, Reader
from denglu.importing.source import Source
from denglu.importing.tally import Findings, Tally
from denglu.importing.target import Mark, Target
from denglu.moving.copying import Progress
from denglu.moving.side import Row

# Below every id.
_BELOW_ALL = -(2**63)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator says about the source. Lives in seconds, from when a token was made;
    ``session_ttl``: what a session lasts at the most. ``site_merchant``: whose members there are
    the site's here.
    """

    access_ttl: int
    refresh_ttl: int
    session_ttl: int
    groups: Groups
    site_merchant: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A member that is brought, as the rows that belong to it must know it."""

    merchant_id: int
    type: int
    status: int


@dataclass(slots=True)
class Item:
    """A row to bring. ``left``: it was left out after all; ``exists``: there is a row to change."""

    source_id: int
    target_id: int
    values: dict[str, Any]
    digest: bytes
    secret: bytes | None = None
    left: bool = False
    exists: bool = False


@dataclass
class Run:
    """What the steps of a run share. ``members`` and ``merchants`` are those that are brought,
    ``absent`` members those that are left out. ``closed``: merchants that are disabled there.
    ``erase`` has transactions of its own.
    """

    source: Source
    target: Target
    terms: Terms
    findings: Findings
    progress: Progress
    now: int
    erase: Erase
    tallies: dict[str, Tally] = field(default_factory=dict)
    members: dict[int, Known] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    merchants: set[int] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)

    def tally(self, table: str) -> Tally:
        """The counts of a table."""
        return self.tallies.setdefault(table, Tally(table, MONEY.get(table, ())))

    def reader(self, table: str) -> Reader:
        """Reads rows of a table as this source has it."""
        return Reader(table, self.source.columns(table))

    def decide(self, values: dict[str, Any]) -> None:
        """Give a row the status and the merchant that every look at it must agree on."""
        values["status"] = status_of(values)
        if values["merchant_id"] == self.terms.site_merchant:
            values["merchant_id"] = 0

    def leave(self, table: str, cause: str, row_id: int, values: dict[str, Any]) -> None:
        """Leave a row out."""
        self.tally(table).leave(cause, values)
        self.findings.note("left_out", table, row_id, cause=cause)

    def whose(self, table: str, row_id: int, values: dict[str, Any]) -> Known | None:
        """The member that a row belongs to; a row of nobody who is brought is left out."""
        owner = self.members.get(values["member_id"])
        if owner is None:
            there = values["member_id"] in self.absent
            self.leave(table, "member_left_out" if there else "orphan", row_id, values)
        return owner

    def repaired(self, table: str, row_id: int, columns: Sequence[str]) -> None:
        """Tell of values that did not fit."""
        if columns:
            self.findings.note("repaired", table, row_id, columns=list(columns))


class Step(Protocol):
    """One table."""

    @property
    def kind(self) -> str:
        """What the marks of its rows are called."""
        ...

    @property
    def table(self) -> str:
        """The name there, without the prefix."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """The columns to read, the id first."""
        ...

    def read(self, row: Row) -> Item | None:
        """What a row becomes; None for one that is left out."""
        ...

    async def sift(self, items: list[Item], marks: dict[int, Mark]) -> list[Item]:
        """Those of the rows that are new or changed which are to be written."""
        ...

    async def write(self, items: list[Item], marks: dict[int, Mark]) -> None:
        """Write them, in a transaction that is open."""
        ...

    async def lose(self, marks: list[Mark]) -> None:
        """Deal with what was brought and is not any more, in a transaction that is open."""
        ...


async def bring(run: Run, step: Step) -> None:
    """Bring a table."""
    if not run.source.has(step.table):
        # Who may not read a table any more does not see it: that ends nobody's session.
        run.findings.note("table_missing", step.table, 0)
        return
    total = await run.source.count(step.table)
    done, after = 0, _BELOW_ALL
    run.progress(step.table, 0, total)
    async for rows in run.source.batches(step.table, step.columns):
        last = rows[-1][0]
        marks = await run.target.marks(step.kind, after, last)
        await _bring(run, step, rows, marks)
        done, after = done + len(rows), last
        run.progress(step.table, min(done, total), total)
    await _bring(run, step, [], await run.target.marks(step.kind, after, None))


async def _bring(run: Run, step: Step, rows: list[Row], marks: dict[int, Mark]) -> None:
    tally = run.tally(step.table)
    items = [item for row in rows if (item := step.read(row)) is not None]
    fresh = [item for item in items if not _is_known(item, marks)]
    writing = await step.sift(fresh, marks) if fresh else []
    items = [item for item in items if not item.left]
    for item in items:
        tally.bring(item.values)
    again = sum(item.source_id in marks for item in writing)
    tally.new += len(writing) - again
    tally.changed += again
    tally.unchanged += len(items) - len(writing)
    gone = [marks[key] for key in sorted(marks.keys() - {item.source_id for item in items})]
    tally.gone |= {mark.source_id: mark.target_id for mark in gone}
    if (writing or gone) and not run.target.dry:
        async with run.target.side.transaction():
            await step.lose(gone)
            if writing:
                await step.write(writing, marks)
            await run.target.note(step.kind, [_mark(item) for item in writing], marks)


def _is_known(item: Item, marks: dict[int, Mark]) -> bool:
    mark = marks.get(item.source_id)
    return mark is not None and (mark.digest, mark.secret_digest) == (item.digest, item.secret)


def _mark(item: Item) -> Mark:
    return Mark(item.source_id, item.digest, item.secret, item.target_id)


def status_of(values: dict[str, Any]) -> int:
    """Anything that is no status of ours is not enabled."""
    known = tuple(status.value for status in Status)
    return values["status"] if values["status"] in known else Status.disabled
