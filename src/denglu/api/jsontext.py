"""JSON text with exact decimals: a `Decimal` never passes through a binary float."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from json.encoder import py_encode_basestring
from typing import TypeAlias

try:
    from json.encoder import c_encode_basestring as _c_quote  # type: ignore[attr-defined]
except ImportError:  # an interpreter without the C accelerator
    _c_quote = None

_quote = _c_quote or py_encode_basestring

Json: TypeAlias = "bool | int | float | str | Decimal | Mapping[str, Json] | Sequence[Json] | None"


def to_json(value: Json) -> bytes:
    """Compact JSON in UTF-8, non-ASCII as it is."""
    # What UTF-8 can't hold (a lone surrogate) becomes its JSON escape, not an error.
    return _text(value).encode("utf-8", "backslashreplace")


def _text(value: Json) -> str:
    if isinstance(value, str):
        return str(_quote(value))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, int | float):
        return repr(value) if isinstance(value, float) else str(int(value))
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_quote(k)}:{_text(v)}" for k, v in value.items()) + "}"
    return "[" + ",".join(map(_text, value)) + "]"


def plain_decimal(value: Decimal) -> str:
    """The shortest way to write a decimal as a JSON number: 12.50 is 12.5, 0.00 is 0."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
