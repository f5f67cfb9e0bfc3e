"""What was spent on messages: several periods with one statement, locked in their order.

Their statements stand here and not with the others: there is one for each number of periods.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Integer,
    String,
    and_,
    bindparam,
    or_,
    select,
)
from sqlalchemy.engine.interfaces import Dialect

from denglu.flows.ports import Period, Spent
from denglu.store.connection import Connection
from denglu.store.schema import sms_spend

SPENDING_KEY = ("scope", "kind", "starts_at")
# Hour, day and month, of the site and of a merchant.
_MOST = 6
_NOTHING = Spent(0, 0)


class SqlSpending:
    """Fulfils ``flows.ports.Spending``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def add(self, periods: Sequence[Period], messages: int, cost: int) -> list[Spent]:
        if not periods:
            return []
        more = {"p_messages": messages, "p_cost": cost}
        for n, period in enumerate(periods):
            more[f"p_ends_at{n}"] = period.ends_at
        await self._db.run(f"spend_add_{len(periods)}", _bound(periods) | more)
        return await self.of(periods)

    async def of(self, periods: Sequence[Period]) -> list[Spent]:
        if not periods:
            return []
        rows = await self._db.all(f"spend_of_{len(periods)}", _bound(periods))
        found = {(scope, kind, starts_at): Spent(*spent) for scope, kind, starts_at, *spent in rows}
        return [found.get((p.scope, p.kind, p.starts_at), _NOTHING) for p in periods]


def _bound(periods: Sequence[Period]) -> dict[str, Any]:
    bound: dict[str, Any] = {}
    for n, period in enumerate(periods):
        bound[f"p_scope{n}"] = period.scope
        bound[f"p_kind{n}"] = period.kind
        bound[f"p_starts_at{n}"] = period.starts_at
    return bound


def spending_statements(dialect: Dialect) -> dict[str, ClauseElement]:
    """``spend_add_N`` and ``spend_of_N`` for every number of periods."""
    statements: dict[str, ClauseElement] = {}
    for n in range(1, _MOST + 1):
        statements[f"spend_add_{n}"] = _add(dialect, n)
        statements[f"spend_of_{n}"] = _of(n)
    return statements


def _add(dialect: Dialect, how_many: int) -> ClauseElement:
    """Insert, or add to what is there, one after the other: whoever adds has it locked."""
    values: list[dict[str, Any]] = [
        {
            "scope": bindparam(f"p_scope{n}"),
            "kind": bindparam(f"p_kind{n}"),
            "starts_at": bindparam(f"p_starts_at{n}"),
            "ends_at": bindparam(f"p_ends_at{n}"),
            "messages": bindparam("p_messages"),
            "cost": bindparam("p_cost"),
        }
        for n in range(how_many)
    ]
    sums: dict[str, Any] = {
        "messages": sms_spend.c.messages + bindparam("p_messages", type_=Integer()),
        "cost": sms_spend.c.cost + bindparam("p_cost", type_=BigInteger()),
    }
    if dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        there = sqlite.insert(sms_spend).values(values)
        return there.on_conflict_do_update(index_elements=SPENDING_KEY, set_=sums)
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        known = postgresql.insert(sms_spend).values(values)
        return known.on_conflict_do_update(index_elements=SPENDING_KEY, set_=sums)
    from sqlalchemy.dialects import mysql

    return mysql.insert(sms_spend).values(values).on_duplicate_key_update(sums)


def _of(how_many: int) -> ClauseElement:
    c = sms_spend.c
    one_of = (
        and_(
            c.scope == bindparam(f"p_scope{n}", type_=Integer()),
            c.kind == bindparam(f"p_kind{n}", type_=String()),
            c.starts_at == bindparam(f"p_starts_at{n}", type_=BigInteger()),
        )
        for n in range(how_many)
    )
    return select(c.scope, c.kind, c.starts_at, c.messages, c.cost).where(or_(*one_of))
