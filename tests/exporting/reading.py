"""Readers of exports that know the formats' own rules only, and nothing of what wrote them."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\n]*))([,\n])', re.DOTALL)


def read(path: Path) -> list[dict[str, Any]]:
    """Rows by name: texts, whole numbers, Decimals and None."""
    return list(_jsonl(path) if path.suffix == ".jsonl" else _csv(path))


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    text = path.read_bytes().decode()
    assert not text or text.endswith("\n")
    for line in text.split("\n")[:-1]:
        yield json.loads(line)


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    """Quoted is text, bare is a number, nothing at all is None."""
    text = path.read_bytes().decode()
    names, at = text.split("\n", 1)[0].split(","), text.index("\n") + 1
    row: list[Any] = []
    while at < len(text):
        cell = _CELL.match(text, at)
        assert cell is not None, text[at : at + 80]
        at = cell.end()
        quoted, bare, end = cell.groups()
        row.append(quoted.replace('""', '"') if quoted is not None else _number(bare))
        if end == "\n":
            yield dict(zip(names, row, strict=True))
            row = []
    assert row == []


def _number(bare: str) -> int | Decimal | None:
    if not bare:
        return None
    return Decimal(bare) if "." in bare else int(bare)
