"""Member levels. A merchant's take the place of the one that a fresh install has."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import bindparam, delete, select

from denglu.importing.bringing import Item, Run
from denglu.importing.layout import defaults_of, digest_of
from denglu.importing.names import of_rank, rank_of
from denglu.importing.target import Mark, bound, change
from denglu.moving.side import Row
from denglu.store.merchants import FIRST_LEVEL
from denglu.store.schema import import_mark, level, merchant

TABLE = "member_level"
# A merchant and the number of a level: there is one of each here.
Place = tuple[int, int]


class LevelStep:
    """Fulfils ``bringing.Step``. Made with ``prepare``."""

    kind = "level"
    table = TABLE

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reader = run.reader(TABLE)
        self.columns = self._reader.columns
        self._owners: dict[Place, int] = {}
        self._here: dict[Place, int] = {}
        self._own: set[Place] = set()

    async def prepare(self) -> None:
        """Look at all levels, there and here."""
        async for rows in self._run.source.batches(TABLE, self.columns):
            for row in rows:
                place, rank = self._claim(self._reader.read(row)[0])
                self._owners[place] = min(rank, self._owners.get(place, rank))
        for here in await _look(self._run):
            self._here[here.merchant_id, here.level] = here.id
            if here.origin is Origin.own:
                self._own.add((here.merchant_id, here.level))

    def read(self, row: Row) -> Item | None:
        values, repaired = self._reader.read(row)
        place, _ = self._claim(values)
        if of_rank(self._owners[place]) != row[0]:
            self._run.leave(TABLE, "duplicate", row[0], values)
            return None
        if place in self._own:
            self._run.leave(TABLE, "level_taken", row[0], values)
            return None
        self._run.repaired(TABLE, row[0], repaired)
        del values["id"]
        return Item(row[0], 0, values, digest_of(values))

    async def sift(self, items: list[Item], marks: dict[int, Mark]) -> list[Item]:
        for item in items:
            item.target_id = self._here.get(_place(item.values), 0)
        return items

    async def write(self, items: list[Item], marks: dict[int, Mark]) -> None:
        target = self._run.target
        changed = [item for item in items if item.target_id]
        if changed:
            rows = [bound({"id": item.target_id, **item.values}) for item in changed]
            await target.side.run_each(_CHANGE, rows)
        fresh = [item for item in items if not item.target_id]
        await target.insert(level, [item.values for item in fresh])
        await self._learn_ids(fresh)
        await self._leave_old_places(items, marks)

    async def lose(self, marks: list[Mark]) -> None:
        """Members may have it still."""
        await self._run.target.unsettle(self.kind, marks)

    def _claim(self, values: dict[str, Any]) -> tuple[Place, int]:
        self._run.decide(values)
        return _place(values), rank_of(values["id"], values["status"])

    async def _learn_ids(self, items: list[Item]) -> None:
        if not items:
            return
        merchants = {item.values["merchant_id"] for item in items}
        asked = [level.c.id, level.c.merchant_id, level.c.level]
        rows = await self._run.target.where_in(asked, level.c.merchant_id, merchants)
        self._here |= {(row[1], row[2]): row[0] for row in rows}
        for item in items:
            item.target_id = self._here[_place(item.values)]

    async def _leave_old_places(self, items: list[Item], marks: dict[int, Mark]) -> None:
        """A level that got another number, or merchant, is not left where it was."""
        old = {marks[item.source_id].target_id for item in items if item.source_id in marks}
        kept = {self._here[place] for place in self._owners if place in self._here}
        if left := old - kept:
            await self._run.target.side.run_each(_DROP, [{"p_id": row} for row in sorted(left)])


async def settle_first(run: Run) -> None:
    """Level 1 of a fresh install: gone where the source has levels, made where nobody has."""
    if run.target.dry:
        return
    here = await _look(run)
    described = {row.merchant_id for row in here if row.origin is Origin.brought}
    needless = [r.id for r in here if r.origin is Origin.first and r.merchant_id in described]
    merchants = {row[0] for row in await run.target.side.fetch(select(merchant.c.id))}
    bare = sorted(merchants - {row.merchant_id for row in here})
    if not needless and not bare:
        return
    first = {**defaults_of(level), "level": 1, "name": FIRST_LEVEL}
    async with run.target.side.transaction():
        if needless:
            await run.target.side.run_each(_DROP, [{"p_id": row_id} for row_id in needless])
        await run.target.insert(level, [{**first, "merchant_id": each} for each in bare])


class Origin(Enum):
    """Where a level of ours comes from: an import, a fresh install, or somebody here."""

    brought = "brought"
    first = "first"
    own = "own"


@dataclass(frozen=True, slots=True)
class _Here:
    id: int
    merchant_id: int
    level: int
    origin: Origin


async def _look(run: Run) -> list[_Here]:
    fetch = run.target.side.fetch
    marks = select(import_mark.c.target_id).where(import_mark.c.kind == LevelStep.kind)
    brought = {row[0] for row in await fetch(marks)}
    asked = ("id", "merchant_id", "level", "name", "created_at", "updated_at")
    return [
        _Here(row[0], row[1], row[2], Origin.brought if row[0] in brought else _origin(row))
        for row in await fetch(select(*(level.c[name] for name in asked)))
    ]


def _origin(row: Row) -> Origin:
    _, _, number, name, created_at, updated_at = row
    untouched = (number, name) == (1, FIRST_LEVEL) and updated_at in (0, created_at)
    return Origin.first if untouched else Origin.own


def _place(values: dict[str, Any]) -> Place:
    return values["merchant_id"], values["level"]


_this = level.c.id == bindparam("p_id")
_DROP = delete(level).where(_this)
_CHANGE = change(level, defaults_of(level)).where(_this)
