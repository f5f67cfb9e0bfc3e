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
        with blamed(name):
            folder = Path(schema.migrations)
        scripts = sorted(path.name for path in folder.glob("*.py"))
        revisions = [match[1] for script in scripts if (match := _SCRIPT.fullmatch(script))]
        if not revisions:
            raise PluginFault(name, f"no script such as 0001_first.py in {folder}")
        found.append(Branch(name, folder, revisions[-1]))
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
    owners: dict[str, str] = {}
    for name, schema in plugins.ask_all("denglu_schema"):
        if not isinstance(schema, Schema):
            raise PluginFault(name, "denglu_schema gives no Schema")
        with blamed(name):
            _check(name, schema)
        for table in schema.tables.tables:
            if (owner := owners.setdefault(table, name)) != name:
                raise PluginFault(name, f"the table {table} is there already, of plugin {owner}")
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
    if isinstance(schema.erase, str):
        raise PluginFault(name, "erase is a text: a list of names is meant")
    for own in schema.erase:
        _check_erasing(name, own, schema)


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


def _check_erasing(name: str, own: str, schema: Schema) -> None:
    """Found out now, and not when somebody wants to be forgotten."""
    from sqlalchemy import Delete, Update

    statement = schema.statements.get(own)
    if not isinstance(statement, Delete | Update):
        raise PluginFault(name, f"there is no delete or update {own}, which is to erase")
    wanted = {bound for bound, about in statement.compile().binds.items() if about.required}
    if wanted != {"p_member_id"}:
        raise PluginFault(name, f"the statement {own} erases, and takes p_member_id alone")
