"""Values of the source as our columns hold them. What does not fit is repaired, and told."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

Convert = Callable[[Any], Any]
# What stands for bytes that are no character.
_BROKEN = "\N{REPLACEMENT CHARACTER}"
_INTEGER = 2**31
_BIG = 2**63


class Misfit(Exception):
    """A value does not fit its column. ``instead``: what is stored."""

    def __init__(self, instead: object) -> None:
        self.instead = instead


def text(length: int) -> Convert:
    """A text of at most ``length`` characters, without NUL, which PostgreSQL does not hold."""

    def convert(value: Any) -> str:
        whole = decoded(value)
        if len(whole) <= length and "\0" not in whole and _BROKEN not in whole:
            return whole
        plain = whole.replace("\0", "")[:length]
        if plain != whole or whole.encode() != value:
            raise Misfit(plain)
        return plain

    return convert


def decoded(value: Any) -> str:
    """Bytes of UTF-8, and anything else as it is written; nothing for None."""
    if type(value) is bytes:
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def number(*, big: bool, default: int) -> Convert:
    """A whole number of 32 or 64 bits."""
    bound = _BIG if big else _INTEGER

    def convert(value: Any) -> int:
        try:
            whole = value if type(value) is int else int(value)
        except (TypeError, ValueError):
            raise Misfit(default) from None
        if not -bound <= whole < bound:
            raise Misfit(default)
        if whole != value:
            raise Misfit(whole)
        return whole

    return convert


def cents(value: Any) -> int:
    """Whole hundredths of an amount."""
    try:
        exact = (value if type(value) is Decimal else Decimal(str(value))).scaleb(2)
        whole = int(exact)
    except (InvalidOperation, ValueError, OverflowError):
        raise Misfit(0) from None
    if not -_BIG <= whole < _BIG:
        raise Misfit(0)
    if whole != exact:
        raise Misfit(round(exact))
    return whole


def day(value: Any) -> str | None:
    """``2001-02-03``; None for the day that is none, ``0000-00-00``."""
    written = str(value)
    if not written.strip("0-"):
        return None
    try:
        return date.fromisoformat(written).isoformat()
    except ValueError:
        raise Misfit(None) from None
