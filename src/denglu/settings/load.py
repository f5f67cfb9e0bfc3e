"""Reads the settings from variables and ``denglu.toml``, and names every fault at once."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from denglu.settings.about import OutOfBounds
from denglu.settings.model import PREFIX, Settings, about, variable
from denglu.settings.readers import masked_url
from denglu.settings.together import check_together
from denglu.settings.values import readable

CONFIG = "DENGLU_CONFIG"
_FILED = tuple(name for name in Settings.model_fields if about(name).filed)
_KNOWN = frozenset(Settings.model_fields) | {f"{name}_file" for name in _FILED}
_LARGEST_SECRET = 65536


class SettingsError(Exception):
    """The settings cannot be used. ``faults``: one line each, all of them."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as somebody wrote it, and where."""

    value: object
    source: str


class _Reader:
    """Collects what was given, and what is wrong with it."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.faults: list[str] = []

    def from_variables(self, environ: Mapping[str, str]) -> dict[str, _Given]:
        """All ``DENGLU_*`` variables; an empty one is not set, but an empty list is a list."""
        given = {}
        for key, text in sorted(environ.items()):
            if not key.upper().startswith(PREFIX) or key == CONFIG:
                continue
            name = key.removeprefix(PREFIX).lower()
            if key != variable(name) or name not in _KNOWN:
                self._unknown(key, variable(_nearest(name, key)), "the environment")
            elif text.strip() or _is_list(name):
                given[name] = _Given(text, "the environment")
        return self._with_files(given)

    def from_toml(self, path: Path, *, required: bool) -> dict[str, _Given]:
        """The top level of a TOML file: names in lower case, without the prefix."""
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            if required:
                self.faults.append(f"{CONFIG}={readable(path)}: there is no such file")
            return {}
        except (OSError, ValueError) as error:
            self.faults.append(f"{readable(path)}: is no readable TOML file: {readable(error)}")
            return {}
        for key in table.keys() - _KNOWN:
            self._unknown(key, _nearest(key.lower(), key), path.name)
        return self._with_files(
            {key: _Given(value, path.name) for key, value in table.items() if key in _KNOWN}
        )

    def _unknown(self, key: str, nearest: str, where: str) -> None:
        hint = f"; do you mean {nearest}?" if nearest.removeprefix(PREFIX) else ""
        self.faults.append(f"{readable(key)} (from {where}): there is no such setting{hint}")

    def _with_files(self, given: dict[str, _Given]) -> dict[str, _Given]:
        for name in _FILED:
            if pointer := given.pop(f"{name}_file", None):
                own = variable(f"{name}_file")
                if name in given:
                    self.faults.append(
                        f"{own} (from {pointer.source}): {variable(name)} is given as well; "
                        "keep one of them"
                    )
                elif content := self._content(own, str(pointer.value)):
                    given[name] = content
        return given

    def _content(self, own: str, path: str) -> _Given | None:
        try:
            with (self.cwd / path).open("rb") as file:
                text = file.read(_LARGEST_SECRET).decode("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            cause = error.strerror if isinstance(error, OSError) else "is no UTF-8 text"
            self.faults.append(f"{own}={readable(path)}: cannot be read: {cause}")
            return None
        return _Given(text, f"file {path}")

    def judge(self, given: dict[str, _Given]) -> Settings:
        """Settings of all values that can stand, with a fault for each that cannot."""
        bad: set[str] = set()
        while True:
            good = {name: item for name, item in given.items() if name not in bad}
            try:
                settings = Settings.model_validate(
                    {name: item.value for name, item in good.items()},
                    context={
                        "cwd": self.cwd,
                        "sources": {name: item.source for name, item in good.items()},
                    },
                )
            except ValidationError as error:
                for detail in error.errors(include_url=False):
                    name = str(detail["loc"][0])
                    if name not in bad:
                        self.faults.append(_fault(name, good[name], detail))
                    bad.add(name)
                continue
            break
        self.faults += [t.line(settings) for t in check_together(settings) if not bad & t.names]
        return settings


def _fault(name: str, given: _Given, detail: Any) -> str:
    facts = about(name)
    text = given.value if isinstance(given.value, str) else str(given.value)
    value = "(hidden)" if facts.secret else readable(masked_url(text) if facts.filed else text)
    cause = detail.get("ctx", {}).get("error")
    own = isinstance(cause, ValueError) and not isinstance(cause, OutOfBounds)
    said = f"{readable(cause)}; " if own and not facts.secret else ""
    return (
        f"{variable(name)}={value} (from {given.source}): {said}"
        f"allowed: {facts.allowed}; why: {facts.why}"
    )


def _is_list(name: str) -> bool:
    field = Settings.model_fields.get(name)
    return field is not None and field.get_default(call_default_factory=True) in ((), {})


def _nearest(name: str, key: str) -> str:
    name = name.removeprefix(PREFIX.lower())
    if name in _KNOWN:
        return name
    close = difflib.get_close_matches(re.sub(r"[^a-z0-9]+", "_", name), _KNOWN, n=1, cutoff=0.6)
    return close[0] if close else ""


def load_settings(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Read the settings that ``environ`` and the TOML file in ``cwd`` give; variables win.

    Raises SettingsError with every fault.
    """
    reader = _Reader(cwd.absolute())
    named = environ.get(CONFIG, "").strip()
    given = reader.from_toml(reader.cwd / (named or "denglu.toml"), required=bool(named))
    given |= reader.from_variables(environ)
    settings = reader.judge(given)
    if reader.faults:
        raise SettingsError(reader.faults)
    return settings
