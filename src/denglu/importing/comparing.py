"""The proof of an import: what both databases say themselves, against what was read.

Each row and cent of the source was brought, or left out for a cause; and what was brought is in the
target.
"""

from typing import Any

from sqlalchemy import Column, Table, func, select

from denglu.importing.bringing import Run
from denglu.importing.layout import MONEY, TABLES, TOKENS, default_of
from denglu.importing.tally import Sums
from denglu.store.schema import account, import_mark, level, member, merchant

# The kind of a table's marks, and the rows that they name, where nobody deletes those.
_KINDS: dict[str, tuple[str, Table | None, Column[Any] | None]] = {
    "merchant": ("merchant", merchant, merchant.c.id),
    "member_level": ("level", level, level.c.id),
    "member": ("member", member, member.c.id),
    "member_account": ("account", account, account.c.member_id),
    "member_auth": ("auth", None, None),
    TOKENS: ("token", None, None),
}


async def compare(run: Run, table: str) -> None:
    """Note what both sides say of a table. Raises MovingTrouble."""
    tally = run.tally(table)
    defaults = {name: default_of(TABLES[table].c[name]) for name in MONEY.get(table, ())}
    rows, *sums = await run.source.totals(table, defaults)
    tally.by_source = Sums(rows, sums)
    if not run.target.dry:
        rows, *sums = await _brought(run, table)
        tally.by_target = Sums(rows, sums)


async def _brought(run: Run, table: str) -> list[int]:
    kind, its, key = _KINDS[table]
    if its is None or key is None:
        marks = select(func.count()).select_from(import_mark).where(import_mark.c.kind == kind)
        return [int((await run.target.side.fetch(marks))[0][0])]
    tally = run.tally(table)
    return await run.target.marked(kind, its, key, tally.columns, tally.gone)
