"""Our database: what a run has noted there, and how it writes beside servers."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    Update,
    bindparam,
    delete,
    func,
    select,
    update,
)

from denglu.moving.side import MovingTrouble, Row, Side
from denglu.store.schema import import_mark

_CHUNK = 4000
_NOTHING = bytes(32)


@dataclass(frozen=True, slots=True)
class Mark:
    """What was noted of a row that was brought."""

    source_id: int
    digest: bytes
    secret_digest: bytes | None
    target_id: int


class Target:
    """``dry``: nothing is written."""

    def __init__(self, side: Side, *, dry: bool) -> None:
        self.side = side
        self.dry = dry

    async def marks(self, kind: str, after: int, last: int | None) -> dict[int, Mark]:
        """The marks of a part of a table, behind ``after`` and up to ``last``, by their rows."""
        ask = select(*_mark_parts).where(_kind == kind, _source_id > after)
        rows = await self.side.fetch(ask if last is None else ask.where(_source_id <= last))
        return {row[0]: Mark(*row) for row in rows}

    async def note(self, kind: str, marks: Sequence[Mark], known: Collection[int]) -> None:
        """Note rows that were brought; ``known``: those of which there is a mark."""
        fresh = [_row(kind, mark) for mark in marks if mark.source_id not in known]
        if fresh:
            await self.side.insert(import_mark, fresh)
        again = [
            {
                "p_kind": kind,
                "p_source_id": mark.source_id,
                "p_digest": mark.digest,
                "p_secret": mark.secret_digest,
                "p_target_id": mark.target_id,
            }
            for mark in marks
            if mark.source_id in known
        ]
        if again:
            await self.side.run_each(_note_again, again)

    async def unsettle(self, kind: str, marks: Sequence[Mark]) -> None:
        """Rows that come again count as changed: others may have had their places meanwhile."""
        again = [replace(mark, digest=_NOTHING) for mark in marks]
        await self.note(kind, again, {mark.source_id for mark in marks})

    async def forget(self, kind: str, source_ids: Iterable[int]) -> None:
        """Take marks away."""
        for part in chunks(source_ids):
            await self.side.run(delete(import_mark).where(_kind == kind, _source_id.in_(part)))

    async def raise_number(self, kind: str, number: int) -> None:
        """Keep the largest number under a mark of its own. Within a transaction."""
        found = await self.marks(kind, -1, 0)
        if not found:
            await self.note(kind, [Mark(0, _NOTHING, None, number)], ())
        elif found[0].target_id < number:
            await self.note(kind, [Mark(0, _NOTHING, None, number)], (0,))

    async def identify(self, source: str, *, renamed: bool) -> None:
        """Make sure that what was brought so far came from this source. Raises MovingTrouble."""
        digest = hashlib.sha256(source.encode()).digest()
        found = await self.marks("source", -1, 0)
        if found and found[0].digest != digest and not renamed:
            raise MovingTrouble(
                f"{self.side.where} holds members of another source: import from that one, or say "
                "with --same-source that it is the same under another name"
            )
        if not self.dry:
            async with self.side.transaction():
                await self.note("source", [Mark(0, digest, None, 0)], found)

    async def insert(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows that have the same names in them; the rest is the database's to give."""
        if rows:
            columns = [column.name for column in table.columns if column.name in rows[0]]
            values = [tuple(row[name] for name in columns) for row in rows]
            await self.side.insert(table, values, columns)

    async def where_in(
        self,
        asked: Sequence[ColumnElement[Any]],
        column: Column[Any],
        values: Iterable[Any],
        *more: Any,
    ) -> list[Row]:
        """Rows whose ``column`` is one of the values."""
        found: list[Row] = []
        for part in chunks(values):
            found += await self.side.fetch(select(*asked).where(column.in_(part), *more))
        return found

    async def marked(
        self,
        kind: str,
        table: Table,
        key: Column[Any],
        columns: Sequence[str],
        gone: Mapping[int, int],
    ) -> list[int]:
        """How many rows of a table were brought, and their sums; but for those that ``gone`` ones
        became, and no others in their place.
        """
        asked = [func.count(), *(func.coalesce(func.sum(table.c[name]), 0) for name in columns)]
        brought = key.in_(select(import_mark.c.target_id).where(_kind == kind))
        ((*found,),) = await self.side.fetch(select(*asked).select_from(table).where(brought))
        for part in chunks(await self._left_over(kind, gone)):
            left = select(*asked).select_from(table).where(key.in_(part))
            ((*less,),) = await self.side.fetch(left)
            found = [a - b for a, b in zip(found, less, strict=True)]
        return [int(each) for each in found]

    async def _left_over(self, kind: str, gone: Mapping[int, int]) -> set[int]:
        left = set(gone.values())
        asked, became = [_source_id, import_mark.c.target_id], import_mark.c.target_id
        rows = await self.where_in(asked, became, left, _kind == kind)
        return left - {row[1] for row in rows if row[0] not in gone}


def is_brought(kind: str, table: Table) -> ColumnElement[bool]:
    """Whether a row of a table in which rows keep their ids came with an import."""
    mark = select(_source_id).where(_kind == kind, _source_id == table.c.id)
    return mark.exists()


def change(table: Table, names: Iterable[str]) -> Update:
    """Sets these columns to values that are ``bound``."""
    return update(table).values({name: bindparam(f"p_{name}") for name in names})


def bound(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values under names that no column has which a statement sets."""
    return {f"p_{name}": value for name, value in values.items()}


def chunks(values: Iterable[Any]) -> list[list[Any]]:
    """Parts that go into one statement."""
    whole = list(values)
    return [whole[start : start + _CHUNK] for start in range(0, len(whole), _CHUNK)]


def _row(kind: str, mark: Mark) -> Row:
    return kind, mark.source_id, mark.digest, mark.secret_digest, mark.target_id


_kind, _source_id = import_mark.c.kind, import_mark.c.source_id
_mark_parts = [
    import_mark.c[name] for name in ("source_id", "digest", "secret_digest", "target_id")
]
_note_again = (
    update(import_mark)
    .values(
        digest=bindparam("p_digest"),
        secret_digest=bindparam("p_secret"),
        target_id=bindparam("p_target_id"),
    )
    .where(_kind == bindparam("p_kind"), _source_id == bindparam("p_source_id"))
)
