"""Brings a database to the schema of this version: an SQLite file, PostgreSQL, MySQL/MariaDB.

A target is the path of a file, or the URL of a network database. Calls block; none may be made
where an event loop is running (there: ``asyncio.to_thread``).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from denglu.store.migrate import branches as of_plugins
from denglu.store.migrate import file, revisions
from denglu.store.migrate.branches import Branch, Revisions
from denglu.store.migrate.revisions import HEAD, NEEDS, Found, WrongSchema

__all__ = [
    "HEAD",
    "NEEDS",
    "Branch",
    "Found",
    "Target",
    "WrongSchema",
    "check_schema",
    "current_revision",
    "is_due",
    "look",
    "look_at_branches",
    "migrate",
    "migrate_database",
    "name_of",
    "target_of",
]

Target = Path | str


class Located(Protocol):
    """Says where a database is. ``Settings`` fulfils it."""

    @property
    def database_kind(self) -> Literal["sqlite", "postgresql", "mysql"]: ...
    @property
    def database_url(self) -> str: ...
    @property
    def database_path(self) -> Path: ...


def target_of(options: Located) -> Target:
    """The database that settings name."""
    return options.database_path if options.database_kind == "sqlite" else options.database_url


def name_of(target: Target) -> str:
    """A target for anybody's eyes: no user, no password."""
    if isinstance(target, Path):
        return str(target)
    from denglu.store.network.trouble import place

    return place(target)


def look(target: Target) -> Found:
    """What a database says of itself.

    Raises WrongSchema, FileTrouble, DatabaseTrouble and MissingDriver, as all of these do.
    """
    if isinstance(target, Path):
        return file.look(target)
    from denglu.store.migrate import network

    return network.look(target)


def look_at_branches(target: Target, branches: Sequence[Branch]) -> Revisions:
    """Which revision the tables of each plugin are at."""
    if not branches:
        return {}
    if isinstance(target, Path):
        return file.look_at_branches(target, branches)
    from denglu.store.migrate import network

    return network.look_at_branches(target, branches)


def current_revision(target: Target) -> str | None:
    """The revision a database is at; None before its first migration."""
    return look(target).revision


def is_due(target: Target, branches: Sequence[Branch] = ()) -> bool:
    """Whether the database is older than this version, or than a plugin."""
    where = name_of(target)
    due = revisions.is_due(look(target), where)
    lagging = of_plugins.lagging(branches, look_at_branches(target, branches), where)
    return due or bool(lagging)


def check_schema(options: Located, branches: Sequence[Branch] = ()) -> bool:
    """To be called before serving: whether a migration is due of a database that can be used
    as it is. Raises WrongSchema where it cannot.
    """
    target = target_of(options)
    due = revisions.check(look(target), name_of(target))
    of_plugins.check(branches, look_at_branches(target, branches), name_of(target))
    return due


def migrate(
    target: Target,
    branches: Sequence[Branch] = (),
    *,
    waiting: Callable[[], None] = lambda: None,
) -> bool:
    """Upgrade to ``HEAD``, then the tables of plugins to theirs; returns whether anything was to
    be done here.

    Of a file the ServerLock must be held. A network database may be served meanwhile; where
    another process is migrating it, ``waiting`` is called once, and its end is waited for.
    """
    if isinstance(target, Path):
        return file.migrate(target, branches)
    from denglu.store.migrate import network

    return network.migrate(target, branches, waiting)


def migrate_database(url: str) -> bool:
    """The same for a URL of any kind, as ``DENGLU_DATABASE_URL`` has it after reading."""
    path = url.removeprefix("sqlite:///")
    return migrate(Path(path) if path != url else url)
