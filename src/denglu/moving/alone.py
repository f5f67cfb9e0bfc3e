"""Folders in which backups and exports are made: one at a time, and there for good."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from denglu.moving.side import MovingTrouble


@contextlib.contextmanager
def alone_in(folder: Path, doing: str, *, linked: bool) -> Iterator[None]:
    """Nobody else does the same there meanwhile; ``doing``: what that is, for people.

    ``linked``: the folder may be a link to one. Raises MovingTrouble when somebody does, and
    OSError for what is no folder.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(folder, flags if linked else flags | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MovingTrouble(f"another {doing} is being made in {folder}") from None
        except OSError:
            pass  # some network disks know no such lock
        yield
    finally:
        os.close(descriptor)


def make_durable(folder: Path) -> None:
    """Names that were given or taken in it outlive a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
