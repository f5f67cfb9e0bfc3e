"""How commands print: JSON for programs; aligned columns for people, with mobiles masked."""

import json
import unicodedata
from collections.abc import Sequence
from datetime import datetime

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
password_option = click.option(
    "--password-stdin",
    is_flag=True,
    required=True,
    help="Read the password from standard input: it never stands in a command line.",
)
merchant_option = click.option(
    "--merchant",
    "merchant_id",
    type=click.IntRange(0, 2**31 - 1),
    metavar="ID",
    help="WHO is a member of this merchant, not of the site.",
)


def print_json(value: object, *, indent: int | None = 2) -> None:
    """One JSON value, Chinese as it is; a terminal may show it, so nothing moves a cursor."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # A line end is one of the layout: in a string it is escaped already.
    safe = (c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    click.echo("".join(safe))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they must be; Chinese characters are two cells wide."""
    lines = [head, *([plain(cell) for cell in row] for row in rows)]
    widths = [max(map(_cells, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print_cells(line, widths)


def print_cells(cells: Sequence[str], widths: Sequence[int]) -> None:
    """One line of columns; a cell that is too wide pushes the rest."""
    padded = (
        cell + " " * (width - _cells(cell)) for cell, width in zip(cells, widths, strict=True)
    )
    click.echo("  ".join(padded).rstrip())


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Names and values, one a line."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{name:<{width}}  {plain(value)}".rstrip())


def plain(text: str) -> str:
    """Text that moves no cursor and ends no line."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def when(at: int | None) -> str:
    """A time of the database as local time with its offset; nothing for never."""
    if not at:
        return ""
    return datetime.fromtimestamp(at).astimezone().isoformat(sep=" ", timespec="seconds")


def counted(count: int, thing: str) -> str:
    """``1 session``, ``2 sessions``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _cells(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
