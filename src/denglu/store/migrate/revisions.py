"""Which revision a database is at, and whether this version can use it.

A migration is an *expand* step: the version before can live with what it makes. What it makes
needless is dropped a version later (*contract*). So the code knows two revisions, ``HEAD`` and
``NEEDS``, and the database notes with each revision how old its reader may be.
"""

from dataclasses import dataclass

# The newest revision, and the oldest one that this version serves. A test holds them to the
# migration scripts. Known here so that a start on a current database need not load Alembic.
HEAD = "0005"
NEEDS = "0001"
# There as long as a copy into the database is not done: half of its members would be missing.
COPY_NOTE = "denglu_copy"


class WrongSchema(Exception):
    """This version cannot use the database; the text says why and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a database says of itself. ``revision`` is None before the first migration.

    ``oldest_reader``: the ``HEAD`` of the oldest version that may use it; None unless noted.
    ``half_copied``: a copy into it was begun and is not done.
    """

    revision: str | None = None
    oldest_reader: str | None = None
    half_copied: bool = False

    @property
    def is_newer(self) -> bool:
        """Whether a later version than this one has migrated it."""
        return self.revision is not None and self.revision > HEAD


def is_due(found: Found, where: str) -> bool:
    """Whether a migration is to be made. Raises WrongSchema for a database that is too new."""
    if not found.is_newer:
        return found.revision != HEAD
    if found.oldest_reader is None or found.oldest_reader > HEAD:
        raise WrongSchema(
            f"{where} is at revision {found.revision} and this denglu knows up to {HEAD}: "
            "it was written by a newer version; use that one"
        )
    return False


def check(found: Found, where: str) -> bool:
    """Whether a migration is due of a database that this version can use as it is.

    Raises WrongSchema for one that it cannot use.
    """
    due = is_due(found, where)
    if found.half_copied:
        raise WrongSchema(
            f"{where} holds a copy that is not done: run the same `denglu copy` again, to its end"
        )
    if found.revision is None:
        raise WrongSchema(f"{where} has no tables yet: run `denglu migrate`")
    if found.revision < NEEDS:
        raise WrongSchema(
            f"{where} is at revision {found.revision}, older than this denglu, which needs "
            f"{NEEDS}: run `denglu migrate`"
        )
    return due


def checked(revision: object, where: str) -> str:
    """A revision as migrations of denglu write it. Raises WrongSchema for anything else."""
    if not (isinstance(revision, str) and len(revision) == len(HEAD) and revision.isdecimal()):
        raise WrongSchema(f"{where} is the database of something else")
    return revision
