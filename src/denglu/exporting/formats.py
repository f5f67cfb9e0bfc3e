"""Rows as text, so that every value can be read back exactly.

JSON Lines: an object a line; decimals are strings, since many readers make binary fractions of
JSON's numbers. CSV: RFC 4180 in UTF-8 with a line of names; a text stands in quotation marks
always and nothing else ever does, so that an empty text ("") and none at all differ.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from denglu.exporting.tables import Kind
from denglu.moving.side import Row

Lines = Callable[[Sequence[Row]], str]


def jsonl(names: Sequence[str], kinds: Sequence[Kind]) -> tuple[str, Lines]:
    """What comes before the rows, and how rows are written."""
    exact = [kind is Kind.exact for kind in kinds]
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

    def line(row: Row) -> str:
        values = (
            decimal(value) if hundredths else value
            for value, hundredths in zip(row, exact, strict=True)
        )
        return encode(dict(zip(names, values, strict=True))) + "\n"

    return "", lambda rows: "".join(map(line, rows))


def csv(names: Sequence[str], kinds: Sequence[Kind]) -> tuple[str, Lines]:
    """The same."""
    write = [_CELLS[kind] for kind in kinds]

    def line(row: Row) -> str:
        cells = (
            "" if value is None else cell(value) for cell, value in zip(write, row, strict=True)
        )
        return ",".join(cells) + "\n"

    return ",".join(names) + "\n", lambda rows: "".join(map(line, rows))


def decimal(hundredths: int) -> str:
    """``-5`` is ``-0.05``."""
    whole, rest = divmod(abs(hundredths), 100)
    return f"{'-' if hundredths < 0 else ''}{whole}.{rest:02d}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


_CELLS: dict[Kind, Callable[[Any], str]] = {
    Kind.whole: str,
    Kind.exact: decimal,
    Kind.text: _quoted,
}

FORMATS = {"jsonl": jsonl, "csv": csv}
