"""The whole of ``denglu copy``: look at both sides, copy, prove it, and only then be done."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from denglu.moving import marker
from denglu.moving.comparing import Compared, compare
from denglu.moving.copying import Copied, Progress, copy_tables, prepare
from denglu.moving.opening import check_revision, name_of, open_side, path_of
from denglu.moving.side import MovingTrouble, Side
from denglu.store.file import ServerLock
from denglu.store.migrate import current_revision, migrate


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


def copy_database(
    source_url: str, target_url: str, *, restart: bool, copying: Progress, comparing: Progress
) -> Report:
    """Copy one database into another, whatever kinds they are; URLs as settings read them.

    ``copying`` and ``comparing`` are told after each batch. Blocks, and runs an event loop of
    its own. Raises MovingTrouble, FileTrouble, WrongSchema, DatabaseTrouble and MissingDriver.
    """
    return asyncio.run(_copy(source_url, target_url, restart, copying, comparing))


async def _copy(
    source_url: str, target_url: str, restart: bool, copying: Progress, comparing: Progress
) -> Report:
    async with _opened(source_url, frozen=True) as source:
        await check_revision(source)
        if source.where == name_of(target_url):
            raise MovingTrouble(f"{source.where} is both sides: name another target")
        await asyncio.to_thread(_migrate, target_url)
        async with _opened(target_url, frozen=False) as target:
            await check_revision(target)
            resumed = await prepare(source, target, restart=restart)
            copied = await copy_tables(source, target, copying)
            compared = await compare(source, target, comparing)
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


def _migrate(url: str) -> None:
    """Make the tables of an empty target. One that is older than this version stays as it is."""
    path = path_of(url)
    if current_revision(url if path is None else path) is not None:
        return
    with contextlib.nullcontext() if path is None else ServerLock(path):
        migrate(url if path is None else path)
