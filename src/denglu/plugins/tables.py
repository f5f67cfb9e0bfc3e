"""Tables of plugins: their migrations and statements, checked. All of it raises PluginFault."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from denglu.plugins.faults import PluginFault, blamed
from denglu.plugins.loading import Plugins
from denglu.plugins.specs import Schema

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement, Table

    from denglu.store.migrate.branches import Branch

_SCRIPT = re.compile(r"([0-9]{4})_\w+\.py", re.ASCII)


def branches(plugins: Plugins) -> "tuple[Branch, ...]":
    """The migrations of every plugin that has tables."""
    from denglu.store.migrate.branches import Branch

    found = []
    for name, schema in _schemas(plugins):
        scripts = sorted(path.name for path in Path(schema.migrations).glob("*.py"))
        revisions = [match[1] for script in scripts if (match := _SCRIPT.fullmatch(script))]
        if not revisions:
            raise PluginFault(name, f"no script such as 0001_first.py in {schema.migrations}")
        found.append(Branch(name, Path(schema.migrations), revisions[-1]))
    return tuple(found)


def statements(plugins: Plugins) -> "Mapping[str, ClauseElement]":
    """The statements of all plugins, as ``plugin.name``."""
    return {
        f"{name}.{own}": statement
        for name, schema in _schemas(plugins)
        for own, statement in schema.statements.items()
    }


def erasing(plugins: Plugins) -> tuple[str, ...]:
    """The statements of all plugins that are run when a member is erased."""
    return tuple(f"{name}.{own}" for name, schema in _schemas(plugins) for own in schema.erase)


def tables(plugins: Plugins) -> "dict[str, list[Table]]":
    """The tables by plugin; those that others refer to come first."""
    return {name: schema.tables.sorted_tables for name, schema in _schemas(plugins)}


def _schemas(plugins: Plugins) -> list[tuple[str, Schema]]:
    found: list[tuple[str, Schema]] = []
    for name, schema in plugins.ask_all("denglu_schema"):
        if not isinstance(schema, Schema):
            raise PluginFault(name, "denglu_schema gives no Schema")
        with blamed(name):
            _check(name, schema)
        found.append((name, schema))
    return found


def _check(name: str, schema: Schema) -> None:
    from denglu.store.schema import metadata

    prefix = name.replace("-", "_") + "_"
    for table in schema.tables.tables.values():
        if not table.name.startswith(prefix) or table.name in metadata.tables:
            raise PluginFault(name, f"a table {table}: it may have {prefix}… of its own")
        _check_columns(name, table)
    for own, statement in schema.statements.items():
        _check_statement(name, own, statement, schema)
    if lost := set(schema.erase) - schema.statements.keys():
        raise PluginFault(name, f"there is no statement {min(lost)}, which is to erase")


def _check_columns(name: str, table: "Table") -> None:
    """What every database keeps exactly, and a copy finds again."""
    from sqlalchemy import Integer, LargeBinary, String

    if not table.primary_key.columns:
        raise PluginFault(name, f"the table {table} has no primary key")
    for column in table.columns:
        if not isinstance(column.type, Integer | String | LargeBinary):
            raise PluginFault(name, f"{column} is no Integer, String or LargeBinary")


def _check_statement(name: str, own: str, statement: object, schema: Schema) -> None:
    from sqlalchemy import CompoundSelect, Delete, Insert, Select, Update

    if isinstance(statement, Select | CompoundSelect):
        return
    if not isinstance(statement, Insert | Update | Delete):
        raise PluginFault(name, f"the statement {own} is no select, insert, update or delete")
    if statement.table not in schema.tables.tables.values():
        raise PluginFault(
            name, f"the statement {own} changes {statement.table}, which is not its own"
        )
