"""The whole of ``denglu export``: one snapshot of the database, a file for each table."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from denglu import __version__
from denglu.exporting.folder import made_whole, written
from denglu.exporting.formats import FORMATS
from denglu.exporting.tables import Exported, exported
from denglu.moving import marker
from denglu.moving.copying import Progress, count
from denglu.moving.opening import check_revision, open_side
from denglu.moving.side import MovingTrouble, Row, Side
from denglu.store.migrate import HEAD

BATCH = 2000
ABOUT = "export.json"


@dataclass(frozen=True, slots=True)
class Report:
    """Where the export is, and the files with their number of rows."""

    folder: Path
    files: dict[str, int]


def export_database(
    url: str, folder: Path, *, form: str, with_hashes: bool, now: int, progress: Progress
) -> Report:
    """Write everything into a new folder; ``form`` is one of FORMATS, the URL as settings read it.

    A server may be running: the files hold what was committed when this began. Blocks, and runs
    an event loop of its own. Raises MovingTrouble, FileTrouble, DatabaseTrouble, MissingDriver.
    """
    return asyncio.run(_export(url, folder, form, with_hashes, now, progress))


async def _export(
    url: str, folder: Path, form: str, with_hashes: bool, now: int, progress: Progress
) -> Report:
    files: dict[str, int] = {}
    side = await open_side(url, frozen=True, alone=False)
    try:
        await check_revision(side)
        if begun := await marker.begun_from(side):
            raise MovingTrouble(f"{side.where} holds a copy of {begun} that is not done")
        with made_whole(folder) as part:
            for each in exported(with_hashes=with_hashes):
                path = part / f"{each.name}.{form}"
                files[path.name] = await _write(side, each, path, form, progress)
            about = {"denglu": __version__, "revision": HEAD, "made_at": now, "rows": files}
            with written(part / ABOUT) as file:
                file.write(json.dumps(about, indent=2) + "\n")
    finally:
        await side.close()
    return Report(folder, files)


async def _write(side: Side, each: Exported, path: Path, form: str, progress: Progress) -> int:
    """One file; returns its rows."""
    names = [column.name for column in each.columns]
    head, lines = FORMATS[form](names, each.kinds)
    total = await count(side, each.table)
    at, done = names.index(each.key.name), 0
    progress(each.name, done, total)
    with written(path) as file:
        file.write(head)
        rows = await _after(side, each, None)
        while rows:
            file.write(lines(rows))
            done += len(rows)
            progress(each.name, done, total)
            rows = await _after(side, each, rows[-1][at])
    return done


async def _after(side: Side, each: Exported, key: int | None) -> list[Row]:
    statement = select(*each.columns).order_by(each.key).limit(BATCH)
    return await side.fetch(statement if key is None else statement.where(each.key > key))
