"""Migrations of plugins: each has scripts and a version table of its own.

They come after ours, in the same run. Unlike ours they have no span: a plugin works with its
tables at the revision it brings, and at no other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from denglu.store.migrate.revisions import WrongSchema

VERSION_TABLES = "alembic_version_"


@dataclass(frozen=True, slots=True)
class Branch:
    """A plugin's migrations: the folder of their scripts, and the newest revision."""

    plugin: str
    folder: Path
    head: str

    @property
    def version_table(self) -> str:
        """Where the database notes the revision."""
        return f"{VERSION_TABLES}{self.plugin.replace('-', '_')}"


Revisions = Mapping[str, str | None]
"""What a database is at, by plugin; None before the first migration."""


def lagging(branches: Iterable[Branch], found: Revisions, where: str) -> list[Branch]:
    """Those with a migration to be made. Raises WrongSchema for one that is too new."""
    for branch in branches:
        revision = found.get(branch.plugin)
        if revision is not None and revision > branch.head:
            raise WrongSchema(
                f"{where} has the tables of plugin {branch.plugin} at revision {revision}, and "
                f"this one knows up to {branch.head}: use the newer one"
            )
    return [branch for branch in branches if found.get(branch.plugin) != branch.head]


def check(branches: Iterable[Branch], found: Revisions, where: str) -> None:
    """To be called before serving. Raises WrongSchema where a migration is due."""
    for branch in lagging(branches, found, where):
        was = found.get(branch.plugin)
        raise WrongSchema(
            f"{where} has no tables of plugin {branch.plugin} yet: run `denglu migrate`"
            if was is None
            else f"{where} has the tables of plugin {branch.plugin} at revision {was}, older than "
            f"{branch.head}: run `denglu migrate`"
        )
