"""The tallies of limits: several keys with one statement, locked in their order.

Their statements stand here and not with the others: there is one for each number of keys.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    ColumnElement,
    Text,
    bindparam,
    case,
    cast,
    false,
    select,
    update,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeEngine

from denglu.store.connection import Connection
from denglu.store.schema import tally

# So many one statement deals with at the most: asking for a code has seven.
_SLOTS = 7


class SqlTallies:
    """Fulfils ``flows.ports.Tallies``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def load(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        for some in _slots(keys):
            await self._db.run(f"tally_ensure_{len(some)}", _bound(some))
        return await self.recall(keys)

    async def recall(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        found: dict[bytes, str] = {}
        for some in _slots(keys):
            rows = await self._db.all(f"tally_load_{len(some)}", _bound(some))
            found |= {bytes(key): text for key, text in rows if text}
        return found

    async def save(self, tallies: Mapping[bytes, tuple[str, int]]) -> None:
        for some in _slots(sorted(tallies)):
            params = _bound(some)
            for n, key in enumerate(some):
                params[f"p_tries{n}"], params[f"p_expires_at{n}"] = tallies[key]
            await self._db.run(f"tally_save_{len(some)}", params)


def _slots(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """As many keys as one statement takes at the most."""
    for start in range(0, len(keys), _SLOTS):
        yield keys[start : start + _SLOTS]


def _bound(keys: Sequence[bytes]) -> dict[str, Any]:
    return {f"p_key{n}": key for n, key in enumerate(keys)}


def tally_statements(dialect: Dialect) -> dict[str, ClauseElement]:
    """``tally_ensure_N``, ``tally_load_N`` and ``tally_save_N`` for every number of keys."""
    statements: dict[str, ClauseElement] = {}
    for n in range(1, _SLOTS + 1):
        statements[f"tally_ensure_{n}"] = _ensure(dialect, n)
        statements[f"tally_load_{n}"] = _load(n)
        statements[f"tally_save_{n}"] = _save(n)
    return statements


def _keys(how_many: int) -> list[Any]:
    return [bindparam(f"p_key{n}") for n in range(how_many)]


def _ensure(dialect: Dialect, how_many: int) -> ClauseElement:
    """Insert empty tallies unless they are there, and lock them, one after the other."""
    values = [{"tally_key": key, "tries": "", "expires_at": 0} for key in _keys(how_many)]
    if dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(tally).values(values).on_conflict_do_nothing()
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        # What is there is locked also where nothing is to be updated, which is everywhere.
        same = {"expires_at": tally.c.expires_at}
        return (
            postgresql.insert(tally)
            .values(values)
            .on_conflict_do_update(index_elements=["tally_key"], set_=same, where=false())
        )
    from sqlalchemy.dialects import mysql

    # INSERT IGNORE would take a shared lock, and two rivals with one wait for each other.
    return mysql.insert(tally).values(values).on_duplicate_key_update(tally_key=tally.c.tally_key)


def _load(how_many: int) -> ClauseElement:
    return (
        select(tally.c.tally_key, tally.c.tries)
        .where(tally.c.tally_key.in_(_keys(how_many)))
        .order_by(tally.c.tally_key)
        .with_for_update()
    )


def _save(how_many: int) -> ClauseElement:
    keys = _keys(how_many)

    def of_key(name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
        values = [cast(bindparam(f"p_{name}{n}"), kind) for n in range(how_many)]
        return case(
            *((tally.c.tally_key == key, value) for key, value in zip(keys, values, strict=True))
        )

    return (
        update(tally)
        .values(tries=of_key("tries", Text()), expires_at=of_key("expires_at", BigInteger()))
        .where(tally.c.tally_key.in_(keys))
    )
