"""How a setting's text is read and shown: numbers, switches, lists, rates, durations.

Every reader takes what the environment gives (text), what TOML gives (numbers, arrays), and
a value that was read before; it raises ValueError with what is wrong, in one line.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, ValidationInfo

from denglu.domain.groups import Group
from denglu.domain.limits import Rate

_DAY = 86400
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": _DAY}
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_SWITCH = {"true": True, "1": True, "yes": True, "on": True}
_SWITCH |= {"false": False, "0": False, "no": False, "off": False}
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def plain(text: str) -> str:
    """Return ``text``; refuse line ends and other control characters in it."""
    if _UNSAFE.search(text):
        raise ValueError("holds a control character")
    return text


def split(value: object) -> tuple[Any, ...]:
    """``a, b`` and ``["a", "b"]`` become ``("a", "b")``; blanks count for nothing."""
    if isinstance(value, str):
        return tuple(part for item in value.split(",") if (part := plain(item.strip())))
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError("is no list")


def each(read: Callable[[str], Any], *, most: int = 64) -> PlainValidator:
    """A reader of lists: ``read`` for every entry, doubles dropped, order kept."""

    def read_all(value: object) -> tuple[Any, ...]:
        items = dict.fromkeys(read(_text(item)) for item in split(value))
        if len(items) > most:
            raise ValueError(f"has {len(items)} entries; at most {most} are taken")
        return tuple(items)

    return PlainValidator(read_all)


def _text(item: object) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, bool | int | float | list | dict):
        raise ValueError(f"{item!r} is no text")
    return str(item)


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9]{1,15}", value.strip(), re.ASCII):
        return int(value)
    raise ValueError("is no whole number")


def _number(value: object) -> float:
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value.strip()):
        return float(value)
    raise ValueError("is no number")


def _switch(value: object) -> bool:
    known = _SWITCH.get(str(value).strip().lower())
    if known is None:
        raise ValueError("is neither true nor false")
    return known


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _rates(value: object) -> tuple[Rate, ...]:
    parsed = tuple(item if isinstance(item, Rate) else Rate.parse(item) for item in split(value))
    if not parsed:
        raise ValueError("names no rate")
    if slow := [str(rate) for rate in parsed if rate.window > _DAY]:
        raise ValueError(f"{slow[0]} looks back further than 24h")
    return parsed


def _maybe_rates(value: object) -> tuple[Rate, ...]:
    return _rates(value) if split(value) else ()


def _durations(value: object) -> tuple[int, ...]:
    seconds = tuple(_seconds(item) for item in split(value))
    if not 1 <= len(seconds) <= 8 or list(seconds) != sorted(seconds):
        raise ValueError("must be 1 to 8 durations, each at least as long as the one before")
    return seconds


def _seconds(item: object) -> int:
    match = _DURATION.fullmatch(str(item))
    if match is None or isinstance(item, bool):
        raise ValueError(f"{item!r} is no duration such as 15m")
    return int(match[1]) * _UNITS[match[2]]


def durations_text(value: tuple[int, ...]) -> str:
    """``(900, 3600)`` as ``15m,60m``."""
    return ",".join(f"{s // 60}m" if s % 60 == 0 else f"{s}s" for s in value)


def _located(value: Path | None, info: ValidationInfo) -> Path | None:
    """A relative path counts from the directory that the settings were loaded in."""
    base = (info.context or {}).get("cwd")
    return base / value if value is not None and base is not None else value


def _path(value: object, info: ValidationInfo) -> Path | None:
    if isinstance(value, str) and value:
        value = Path(plain(value))
    if value is not None and not isinstance(value, Path):
        raise ValueError("is no path")
    return _located(value, info)


def text_of(value: object) -> str:
    """A value as it would be written in a variable; empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Group):
        return f"{value.name}:{value.label}:{value.sessions}"
    if isinstance(value, Mapping):
        return ",".join(f"{key}:{item}" for key, item in value.items())
    if isinstance(value, tuple):
        return ",".join(map(text_of, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


Whole = Annotated[int, PlainValidator(_whole)]
Number = Annotated[float, PlainValidator(_number)]
Switch = Annotated[bool, PlainValidator(_switch)]
Lower = BeforeValidator(_lower)
Rates = Annotated[tuple[Rate, ...], PlainValidator(_rates)]
MaybeRates = Annotated[tuple[Rate, ...], PlainValidator(_maybe_rates)]
Durations = Annotated[tuple[int, ...], PlainValidator(_durations)]
Located = Annotated[Path | None, PlainValidator(_path)]


def readable(value: object, longest: int = 100) -> str:
    """Anything as one short line, whatever is in it."""
    text = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", str(value))
    return text if len(text) <= longest else text[: longest - 1] + "…"
