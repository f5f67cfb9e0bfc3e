"""Opens the sides of a copy or an import, and looks whether they can be used."""

from pathlib import Path

from sqlalchemy import column, select, table

from denglu.moving.side import MovingTrouble, Side
from denglu.store.migrate import HEAD
from denglu.store.network.trouble import place
from denglu.store.opening import MissingDriver


async def open_side(url: str, *, frozen: bool, alone: bool = True) -> Side:
    """Open a database: ``frozen`` to be read as it is at one instant, else to be written.
    ``alone``: an SQLite file that is served is refused.

    ``url`` is one as settings have it after reading. Raises MovingTrouble, FileTrouble and
    MissingDriver.
    """
    kind, where, path = url.partition("://")[0], name_of(url), path_of(url)
    try:
        if path is not None:
            from denglu.moving.sqlite_side import SqliteSide

            return SqliteSide(path, frozen=frozen, alone=alone)
        if kind == "postgresql":
            from denglu.moving.postgres_side import open_postgres

            return await open_postgres(url, where, frozen=frozen)
        from denglu.moving.mysql_side import open_mysql

        return await open_mysql(url, where, frozen=frozen)
    except ModuleNotFoundError as missing:
        raise MissingDriver(kind, missing) from None


def path_of(url: str) -> Path | None:
    """The file of an SQLite URL; None for a network database."""
    path = url.removeprefix("sqlite:///")
    return None if path == url else Path(path)


def name_of(url: str) -> str:
    """A database for anybody's eyes: no user, no password."""
    path = path_of(url)
    return place(url) if path is None else str(path.resolve())


async def check_revision(side: Side) -> None:
    """Raise MovingTrouble unless the database has exactly this version's schema."""
    names = await side.tables()
    revision = None
    if "alembic_version" in names:
        version = table("alembic_version", column("version_num"))
        rows = await side.fetch(select(version.c.version_num))
        revision = str(rows[0][0]) if rows else None
    if revision is None:
        what = "the database of something else" if names else "empty"
        raise MovingTrouble(f"{side.where} is {what}, and no denglu database")
    if revision != HEAD:
        raise MovingTrouble(
            f"{side.where} is at revision {revision} and this denglu needs {HEAD}: bring it there "
            "with `denglu migrate` first"
        )
