"""Statements compiled once: SQL text and the order of its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, CompoundSelect, Select
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Params = Mapping[str, Any]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL for one dialect. ``order`` names the parameters, ``constants`` fills some of them."""

    sql: str
    order: tuple[str, ...]
    constants: Params

    def bind(self, params: Params) -> Row:
        """The parameters in the order of the SQL text. KeyError when one is missing."""
        if self.constants:
            params = {**self.constants, **params}
        return tuple([params[name] for name in self.order])


def compile_statement(statement: ClauseElement, dialect: Dialect) -> Compiled:
    """Compile for a dialect with a positional parameter style."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    assert isinstance(compiled, SQLCompiler)
    order = tuple(compiled.positiontup or ())
    constants = {
        name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required
    }
    # The members of an ``IN`` have names of their own.
    listed = set(order) - compiled.binds.keys()
    if listed:
        given = compiled.params
        constants |= {name: given[name] for name in listed}
    return Compiled(str(compiled), order, constants)


def reads_in(statements: Mapping[str, ClauseElement]) -> frozenset[str]:
    """The names of those that neither write nor lock."""
    return frozenset(
        name
        for name, statement in statements.items()
        if isinstance(statement, Select | CompoundSelect) and statement._for_update_arg is None
    )
