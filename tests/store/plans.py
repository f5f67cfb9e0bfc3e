"""How a database goes about a statement of the store's, in its own words."""

import re
from collections.abc import Mapping

from denglu.store import mysql, postgres
from denglu.store.compiled import Compiled
from denglu.store.sqlite import STATEMENTS
from tests.store.grounds import Ground


def plan(ground: Ground, kind: str, name: str, **params: int | str) -> str:
    """What EXPLAIN says; a store must have been opened on the ground."""
    compiled: dict[str, Mapping[str, Compiled]] = {
        "sqlite": STATEMENTS,
        "postgresql": postgres.statements(),
        "mysql": mysql.statements(),
    }
    statement = compiled[kind][name]
    text, values = statement.sql, list(map(repr, statement.bind(params)))
    if kind == "postgresql":
        text = re.sub(r"\$(\d+)", lambda found: values[int(found[1]) - 1], text)
    else:
        left = iter(values)
        text = re.sub(r"\?", lambda _: next(left), text)
    return str(ground.sql(f"EXPLAIN {'QUERY PLAN ' if kind == 'sqlite' else ''}{text}"))
