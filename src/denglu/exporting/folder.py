"""The folder of an export: it gets its name when everything is in it, and never before.

Until then it is called ``NAME.part``, and what a killed export left there is removed by the
next one into the same NAME. Nobody but the owner may read any of it.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from denglu.moving.alone import alone_in, make_durable
from denglu.moving.side import MovingTrouble

_OURS = (".jsonl", ".csv", ".json")


@contextlib.contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """The folder to write into, named ``folder`` when the block ends well, gone when it does not.

    Raises MovingTrouble.
    """
    folder = folder.absolute()
    try:
        if os.path.lexists(folder):
            raise MovingTrouble(f"{folder} is there already: name a folder that is not")
        part = folder.with_name(folder.name + ".part")
        part.mkdir(mode=0o700, exist_ok=True)
        with alone_in(part, "export", linked=False):
            _clear(part)
            try:
                yield part
                make_durable(part)
                _rename(part, folder)
            except BaseException:
                _clear(part)
                part.rmdir()
                raise
        make_durable(folder.parent)
    except OSError as error:
        raise MovingTrouble(f"no export at {folder}: {error.strerror}") from None


@contextlib.contextmanager
def written(path: Path) -> Iterator[TextIO]:
    """A new file in UTF-8 with mode 600, on the disk when the block ends."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(descriptor)


def _rename(part: Path, folder: Path) -> None:
    if os.path.lexists(folder):  # a file of that name, or a link, would be replaced
        raise MovingTrouble(f"{folder} is there already: name a folder that is not")
    part.rename(folder)


def _clear(part: Path) -> None:
    """Remove what an export left, and nothing else."""
    left = list(part.iterdir())
    for path in left:
        if path.suffix not in _OURS:
            raise MovingTrouble(f"{path} is not of an export: remove it, or name another folder")
    for path in left:
        path.unlink()
