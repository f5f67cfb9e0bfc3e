"""RageFrame's database, read as it was at one instant and never written."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    TableClause,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
)

from denglu.importing.layout import NEEDED, TABLES, TOKENS
from denglu.moving.side import MovingTrouble, Row, Side

BATCH = 4000
_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")


class Source:
    """Its tables, and their columns with their types. Made with ``look_at``."""

    def __init__(self, side: Side, prefix: str, columns: dict[str, dict[str, str]]) -> None:
        self._side = side
        self._prefix = prefix
        self._columns = columns

    def has(self, name: str) -> bool:
        """Whether there is such a table; ``name`` without the prefix, as everywhere."""
        return name in self._columns

    def columns(self, name: str) -> Collection[str]:
        """Those that a table has; none where it is not there."""
        return self._columns.get(name, set())

    async def batches(self, name: str, columns: Sequence[str]) -> AsyncIterator[list[Row]]:
        """All rows in the order of their ids, the first of ``columns``."""
        if name not in self._columns:
            return
        own = self._table(name)
        wanted = [_read(each, self._columns[name][each]) for each in columns]
        after: int | None = None
        while True:
            ask = select(*wanted).select_from(own).order_by(own.c.id).limit(BATCH)
            rows = await self._side.fetch(ask if after is None else ask.where(own.c.id > after))
            if rows:
                after = rows[-1][0]
                yield rows
            if len(rows) < BATCH:
                return

    async def count(self, name: str) -> int:
        """How many rows a table has."""
        return (await self.totals(name, {}))[0]

    async def newest(self, name: str) -> int:
        """The largest id of a table; 0 where there is none."""
        ((found,),) = await self._side.fetch(select(func.max(self._table(name).c.id)))
        return int(found or 0)

    async def totals(self, name: str, columns: Mapping[str, int]) -> list[int]:
        """How many rows there are, and the sum of each column in hundredths, as the database says;
        ``columns``: what counts, in hundredths, where there is nothing.
        """
        if name not in self._columns:
            return [0] * (1 + len(columns))
        own = self._table(name)
        there = [each for each in columns if each in self._columns[name]]
        sums = [
            func.coalesce(func.sum(func.coalesce(own.c[each] * 100, columns[each])), 0)
            for each in there
        ]
        (found,) = await self._side.fetch(select(func.count(), *sums).select_from(own))
        rows, said = int(found[0]), dict(zip(there, found[1:], strict=True))
        return [rows, *(int(said.get(name, rows * left)) for name, left in columns.items())]

    def _table(self, name: str) -> TableClause:
        return table(self._prefix + name, *(column(each) for each in self._columns[name]))


async def look_at(side: Side, prefix: str) -> Source:
    """Find out which tables there are, and what they hold. Raises MovingTrouble."""
    known = table(
        "columns",
        column("table_schema"),
        column("table_name"),
        column("column_name"),
        column("data_type"),
        schema="information_schema",
    )
    names = [prefix + name for name in (*TABLES, TOKENS)]
    ask = select(known.c.table_name, known.c.column_name, known.c.data_type).where(
        known.c.table_schema == func.database(), known.c.table_name.in_(names)
    )
    columns: dict[str, dict[str, str]] = {}
    for whole, name, kind in await side.fetch(ask):
        if whole not in names:  # the same word in other letters
            continue
        its = columns.setdefault(str(whole).removeprefix(prefix), {})
        its[str(name).lower()] = str(kind).lower()
    if "member" not in columns:
        raise MovingTrouble(
            f"{side.where} has no table {prefix}member: is it RageFrame's database, and is the "
            "prefix of its tables another one (--prefix)?"
        )
    for name, there in columns.items():
        if missing := [each for each in NEEDED[name] if each not in there]:
            raise MovingTrouble(
                f"{side.where}: table {prefix}{name} has no column {missing[0]}: it is none of "
                "RageFrame's"
            )
    return Source(side, prefix, columns)


def _read(name: str, kind: str) -> ColumnElement[Any]:
    """Texts as bytes of UTF-8, for a column may hold what is none; a day may be one that no
    calendar has.
    """
    if kind in _TEXTS:
        return literal_column(f"CAST(CONVERT(`{name}` USING utf8mb4) AS BINARY)")
    return cast(column(name), String) if kind == "date" else column(name)
