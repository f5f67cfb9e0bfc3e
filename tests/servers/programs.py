"""Where servers' programs are, and what it means when one is not there."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# Debian keeps some out of an ordinary user's PATH.
_ELSEWHERE = "/usr/sbin:/usr/local/sbin"
MISSING = "not installed here: "


class Missing(Exception):
    """A program is not installed; the text names it and the Debian package that has it."""


def find(name: str, package: str) -> str:
    """The path of a program. Raises Missing."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)]
    path = ":".join([*map(str, places), os.environ.get("PATH", ""), _ELSEWHERE])
    found = shutil.which(name, path=path)
    if found is None:
        raise Missing(f"{MISSING}{name} (apt install {package})")
    return found


def _version(place: Path) -> int:
    name = place.parent.name
    return int(name) if name.isdigit() else 0


def skip_or_fail(missing: Missing) -> NoReturn:
    """Skip the test that needed it; where ``CI=true``, fail."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"{missing}; with CI=true nothing is skipped", pytrace=False)
    pytest.skip(str(missing))
