"""The copy: every table in batches, in the order of its key; each batch is there for good.

How far it came is what the target holds, so whoever is killed goes on by starting again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, and_, delete, func, or_, select

from denglu.moving import marker
from denglu.moving.side import Key, MovingTrouble, Row, Side, columns_of, key_of
from denglu.store.schema import level, metadata, schema_note

BATCH = 4000

# Told at the start of a table and after each batch: its name, rows done, rows in all.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """What was done: rows that were already there, and rows that were added."""

    kept: int
    added: int


def tables(also: Sequence[Table] = ()) -> Sequence[Table]:
    """Every table that holds data, ``also`` those of plugins. What migrations note about
    themselves, each side has.
    """
    return [*(table for table in metadata.tables.values() if table is not schema_note), *also]


async def prepare(source: Side, target: Side, *, restart: bool, also: Sequence[Table] = ()) -> bool:
    """Make sure that the target is empty, or holds a copy of this source that was begun.

    Returns whether one was begun. ``restart`` empties what a copy left. Raises MovingTrouble.
    """
    begun = await marker.begun_from(target)
    if begun is None:
        if held := await _held(target, also):
            raise MovingTrouble(
                f"{target.where} holds data of its own (table {held}): a copy needs an empty "
                "database; name another one"
            )
        await target.run(delete(level))  # the one that a migration makes
        await marker.note(target, source.where)
        return False
    if restart:
        for table in reversed(tables(also)):
            await target.run(delete(table))
        await marker.forget(target)
        await marker.note(target, source.where)
        return False
    if begun != source.where:
        raise MovingTrouble(
            f"{target.where} holds a copy that was begun from {begun}: go on from that one, or "
            "begin anew with --restart"
        )
    return True


async def copy_tables(
    source: Side, target: Side, progress: Progress, also: Sequence[Table] = ()
) -> Copied:
    """Copy what the target does not hold yet. Raises MovingTrouble."""
    kept = added = 0
    for table in tables(also):
        total = await count(source, table)
        there = done = await count(target, table)
        progress(table.name, min(done, total), total)
        key = await _last_key(target, table)
        while rows := await source.fetch(batch(table, key)):
            await target.insert(table, rows)
            key = key_in(table, rows[-1])
            done += len(rows)
            progress(table.name, min(done, total), total)
        if "id" in table.columns:
            await target.settle(table)
        kept, added = kept + there, added + done - there
    return Copied(kept, added)


def batch(table: Table, after: Key | None) -> Select[Row]:
    """The next ``BATCH`` rows behind a key, in the order of keys."""
    statement = select(*columns_of(table)).order_by(*key_of(table)).limit(BATCH)
    return statement if after is None else statement.where(_behind(key_of(table), after))


def key_in(table: Table, row: Row) -> Key:
    """The key of a row."""
    names = table.columns.keys()
    return tuple(row[names.index(column.name)] for column in key_of(table))


async def count(side: Side, table: Table) -> int:
    """How many rows a table has."""
    ((rows,),) = await side.fetch(select(func.count()).select_from(table))
    return int(rows)


async def _last_key(side: Side, table: Table) -> Key | None:
    keys = key_of(table)
    newest_first = [column.desc() for column in keys]
    rows = await side.fetch(select(*keys).order_by(*newest_first).limit(1))
    return tuple(rows[0]) if rows else None


def _behind(columns: Sequence[Column[Any]], key: Key) -> ColumnElement[bool]:
    column, value = columns[0], key[0]
    if len(columns) == 1:
        return column > value
    return or_(column > value, and_(column == value, _behind(columns[1:], key[1:])))


async def _held(target: Side, also: Sequence[Table]) -> str | None:
    """A table that holds more than a migration puts there."""
    for table in tables(also):
        own = select(*key_of(table)).limit(1)
        if table is level:
            own = own.where((level.c.level != 1) | (level.c.updated_at != 0))
        if await target.fetch(own):
            return table.name
    return None
