"""The whole of ``denglu copy``: look at both sides, copy, prove it, and only then be done."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Table, column, select, table

from denglu.moving import marker
from denglu.moving.comparing import Compared, compare
from denglu.moving.copying import Copied, Progress, copy_tables, prepare
from denglu.moving.opening import check_revision, name_of, open_side, path_of
from denglu.moving.side import MovingTrouble, Side
from denglu.store.file import ServerLock
from denglu.store.migrate import HEAD, Branch, current_revision, look_at_branches, migrate
from denglu.store.migrate.branches import VERSION_TABLES


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. ``resumed``: an earlier copy was gone on with."""

    source: str
    target: str
    resumed: bool
    copied: Copied
    compared: list[Compared]

    @property
    def same(self) -> bool:
        """Whether the target holds what the source does."""
        return all(table.same for table in self.compared)


@dataclass(frozen=True, slots=True)
class OfPlugin:
    """The tables of a plugin that is on, and their migrations."""

    branch: Branch
    tables: Sequence[Table]


def copy_database(
    source_url: str,
    target_url: str,
    *,
    restart: bool,
    copying: Progress,
    comparing: Progress,
    plugins: Sequence[OfPlugin] = (),
) -> Report:
    """Copy one database into another, whatever kinds they are; URLs as settings read them.

    ``copying`` and ``comparing`` are told after each batch. Blocks, and runs an event loop of
    its own. Raises MovingTrouble, FileTrouble, WrongSchema, DatabaseTrouble and MissingDriver.
    """
    return asyncio.run(_copy(source_url, target_url, restart, copying, comparing, plugins))


async def _copy(
    source_url: str,
    target_url: str,
    restart: bool,
    copying: Progress,
    comparing: Progress,
    plugins: Sequence[OfPlugin],
) -> Report:
    async with _opened(source_url, frozen=True) as source:
        await check_revision(source)
        if source.where == name_of(target_url):
            raise MovingTrouble(f"{source.where} is both sides: name another target")
        plugins = await _there(source, plugins)
        also = [table for plugin in plugins for table in plugin.tables]
        branches = [plugin.branch for plugin in plugins]
        await asyncio.to_thread(_migrate, target_url, branches)
        async with _opened(target_url, frozen=False) as target:
            await check_revision(target)
            resumed = await prepare(source, target, restart=restart, also=also)
            copied = await copy_tables(source, target, copying, also)
            compared = await compare(source, target, comparing, also)
            report = Report(source.where, target.where, resumed, copied, compared)
            if report.same:
                await marker.forget(target)
            return report


@contextlib.asynccontextmanager
async def _opened(url: str, *, frozen: bool) -> AsyncIterator[Side]:
    side = await open_side(url, frozen=frozen)
    try:
        yield side
    finally:
        await side.close()


async def _there(source: Side, plugins: Sequence[OfPlugin]) -> list[OfPlugin]:
    """Those whose tables the source has. Raises MovingTrouble where some would be left behind."""
    tables = await source.tables()
    noted = {name for name in tables if name.startswith(VERSION_TABLES)}
    if lost := noted - {plugin.branch.version_table for plugin in plugins}:
        name = min(lost).removeprefix(VERSION_TABLES).replace("_", "-")
        raise MovingTrouble(
            f"{source.where} has tables of plugin {name}, which is not on: switch it on with "
            f"DENGLU_PLUGINS, so that they are copied, or drop them and {min(lost)}"
        )
    found = [plugin for plugin in plugins if plugin.branch.version_table in noted]
    for plugin in found:
        noted_at = table(plugin.branch.version_table, column("version_num"))
        revisions = [str(row[0]) for row in await source.fetch(select(noted_at.c.version_num))]
        if revisions != [plugin.branch.head]:
            raise MovingTrouble(
                f"{source.where} has the tables of plugin {plugin.branch.plugin} at revision "
                f"{' '.join(revisions) or 'none'}, and not {plugin.branch.head}: "
                "run `denglu migrate`"
            )
    return found


def _migrate(url: str, branches: Sequence[Branch]) -> None:
    """Make the tables of an empty target, and those of plugins. One that is older than this
    version stays as it is.
    """
    path = path_of(url)
    target = url if path is None else path
    current, found = current_revision(target), look_at_branches(target, branches)
    lacking = any(found.get(branch.plugin) is None for branch in branches)
    if current is None or (current == HEAD and lacking):
        with contextlib.nullcontext() if path is None else ServerLock(path):
            migrate(target, branches)
