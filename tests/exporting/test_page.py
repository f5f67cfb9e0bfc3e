"""docs/exporting.md describes exactly what is exported."""

import re
from pathlib import Path

from denglu.exporting.tables import exported, kind_of

PAGE = Path(__file__).parents[2] / "docs/exporting.md"
_ROW = re.compile(r"\| `(\w+)` \| ([\w ]+?)( or none)? \| (.+) \|")
# The page says which whole numbers are times.
_TIMES = {"time": "whole number"}
_SECRET = ("password", "hash", "nonce", "digest", "salt")


def described() -> dict[str, list[tuple[str, str, bool]]]:
    """Columns by file, as the page has them: name, kind, whether there may be none."""
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for section in PAGE.read_text("utf-8").split("\n## ")[1:]:
        rows = [_ROW.fullmatch(line) for line in section.splitlines()]
        if columns := [(r[1], _TIMES.get(r[2], r[2]), r[3] is not None) for r in rows if r]:
            found[section.partition("\n")[0]] = columns
    return found


def test_the_page_names_every_column_and_what_it_holds() -> None:
    assert described() == {
        each.name: [(c.name, kind_of(c).value, bool(c.nullable)) for c in each.columns]
        for each in exported(with_hashes=True)
    }


def test_secrets_are_left_out() -> None:
    names = {column.name for each in exported(with_hashes=False) for column in each.columns}
    assert not [name for name in names if any(word in name for word in _SECRET)]
    assert {
        column.name for each in exported(with_hashes=True) for column in each.columns
    } - names == {"password_hash"}
