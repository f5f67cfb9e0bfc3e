"""Reads the settings from variables and ``denglu.toml``, and names every fault at once."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from denglu.settings.about import About, OutOfBounds, Section
from denglu.settings.model import PREFIX, Settings, facts_of, variable
from denglu.settings.plugged import Plug, Plugged, no_plugins, prefix_of
from denglu.settings.readers import masked_url, plugin
from denglu.settings.together import check_together
from denglu.settings.values import readable, split

CONFIG = "DENGLU_CONFIG"
_LARGEST_SECRET = 65536

S = TypeVar("S", bound=Section)


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


class _Names:
    """Every name that a setting may have, also of the plugins that are switched on."""

    def __init__(self, plugged: Plugged) -> None:
        self.about = facts_of(Settings)
        fields = dict(Settings.model_fields)
        for name, section in plugged.sections.items():
            prefix = prefix_of(name)
            self.about |= {prefix + own: about for own, about in facts_of(section).items()}
            fields |= {prefix + own: about for own, about in section.model_fields.items()}
        self.filed = tuple(name for name, about in self.about.items() if about.filed)
        self.known = frozenset(fields) | {f"{name}_file" for name in self.filed}
        self.lists = frozenset(
            name
            for name, field in fields.items()
            if field.get_default(call_default_factory=True) in ((), {})
        )

    def nearest(self, name: str, key: str) -> str:
        """What was meant; empty where that is anybody's guess."""
        name = name.removeprefix(PREFIX.lower())
        if name in self.known:
            return name
        plain = re.sub(r"[^a-z0-9]+", "_", name)
        close = difflib.get_close_matches(plain, self.known, n=1, cutoff=0.6)
        return close[0] if close else ""


class _Reader:
    """Collects what was given, and what is wrong with it."""

    def __init__(self, cwd: Path, names: _Names) -> None:
        self.cwd = cwd
        self.names = names
        self.faults: list[str] = []

    def from_variables(self, environ: Mapping[str, str]) -> dict[str, _Given]:
        """All ``DENGLU_*`` variables; an empty one is not set, but an empty list is a list."""
        given = {}
        for key, text in sorted(environ.items()):
            if not key.upper().startswith(PREFIX) or key == CONFIG:
                continue
            name = key.removeprefix(PREFIX).lower()
            if key != variable(name) or name not in self.names.known:
                self._unknown(key, variable(self.names.nearest(name, key)), "the environment")
            elif text.strip() or name in self.names.lists:
                given[name] = _Given(text, "the environment")
        return self._with_files(given)

    def from_toml(self, table: Mapping[str, object], where: str) -> dict[str, _Given]:
        """The top level of a TOML file: names in lower case, without the prefix."""
        known = self.names.known
        for key in table.keys() - known:
            self._unknown(key, self.names.nearest(key.lower(), key), where)
        return self._with_files(
            {key: _Given(value, where) for key, value in table.items() if key in known}
        )

    def _unknown(self, key: str, nearest: str, where: str) -> None:
        hint = f"; do you mean {nearest}?" if nearest.removeprefix(PREFIX) else ""
        self.faults.append(f"{readable(key)} (from {where}): there is no such setting{hint}")

    def _with_files(self, given: dict[str, _Given]) -> dict[str, _Given]:
        for name in self.names.filed:
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

    def settings(self, given: dict[str, _Given], plugged: Plugged) -> Settings:
        """Settings of all values that can stand, with a fault for each that cannot."""
        own = {
            name: self._judged(section, given, prefix_of(name))[0]
            for name, section in plugged.sections.items()
        }
        settings, bad = self._judged(Settings, given, "", {"plugins": own})
        self.faults += [t.line(settings) for t in check_together(settings) if not bad & t.names]
        self.faults += list(_strays(settings, plugged))
        return settings

    def _judged(
        self, model: type[S], given: Mapping[str, _Given], prefix: str, more: Any = None
    ) -> tuple[S, set[str]]:
        """A section of the values that can stand, and the names of those that cannot."""
        sources = {name: item.source for name, item in given.items()}
        context = {"cwd": self.cwd, "sources": sources, **(more or {})}
        mine = {prefix + name for name in model.model_fields}
        bad: set[str] = set()
        while True:
            good = {name: given[name] for name in given.keys() & mine - bad}
            values = {name.removeprefix(prefix): item.value for name, item in good.items()}
            try:
                return model.model_validate(values, context=context), bad
            except ValidationError as error:
                found = {_where(prefix, detail): detail for detail in error.errors()}
            self.faults += [self._fault(name, good, detail) for name, detail in found.items()]
            bad |= found.keys()
            if not found.keys() <= good.keys():  # what is not there cannot be left out
                return model.model_construct(), mine

    def _fault(self, name: str, good: Mapping[str, _Given], detail: Any) -> str:
        if name in good:
            return _fault(name, self.names.about[name], good[name], detail)
        if facts := self.names.about.get(name):
            return f"{variable(name)}: is not set; allowed: {facts.allowed}; why: {facts.why}"
        return f"{variable(name)}*: {readable(detail.get('ctx', {}).get('error', detail['msg']))}"


def _where(prefix: str, detail: Any) -> str:
    """The setting that a fault speaks of; the prefix alone, where it is about several."""
    return prefix + str(detail["loc"][0]) if detail["loc"] else prefix


def _strays(settings: Settings, plugged: Plugged) -> Iterator[str]:
    """Gateways and captchas that no plugin has."""
    known = {"sms_gateways": plugged.gateways, "captcha": plugged.captchas}
    for setting, names in known.items():
        chosen = getattr(settings, setting)
        for name in (chosen,) if isinstance(chosen, str) else chosen:
            if "." in name and name not in names:
                source = settings.source_of(setting)
                there = f"; there are {', '.join(sorted(names))}" if names else ""
                yield (
                    f"{variable(setting)}={name} (from {source}): no plugin of "
                    f"{variable('plugins')} has it{there}"
                )


def _fault(name: str, facts: About, given: _Given, detail: Any) -> str:
    text = given.value if isinstance(given.value, str) else str(given.value)
    value = "(hidden)" if facts.secret else readable(masked_url(text) if facts.filed else text)
    cause = detail.get("ctx", {}).get("error")
    own = isinstance(cause, ValueError) and not isinstance(cause, OutOfBounds)
    said = f"{readable(cause)}; " if own and not facts.secret else ""
    return (
        f"{variable(name)}={value} (from {given.source}): {said}"
        f"allowed: {facts.allowed}; why: {facts.why}"
    )


def _read_toml(path: Path, *, required: bool, faults: list[str]) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            faults.append(f"{CONFIG}={readable(path)}: there is no such file")
    except (OSError, ValueError) as error:
        faults.append(f"{readable(path)}: is no readable TOML file: {readable(error)}")
    return {}


def _plugins(given: object) -> tuple[str, ...]:
    """The names in a value that can stand; of one that cannot, nobody is asked."""
    try:
        return tuple(dict.fromkeys(plugin(str(each)) for each in split(given)))
    except ValueError:
        return ()


def load_settings(environ: Mapping[str, str], cwd: Path, plug: Plug = no_plugins) -> Settings:
    """Read the settings that ``environ`` and the TOML file in ``cwd`` give; variables win.

    ``plug`` is given the names of plugins, and says what they add. Raises SettingsError with
    every fault, and what ``plug`` does.
    """
    cwd, faults = cwd.absolute(), list[str]()
    named = environ.get(CONFIG, "").strip()
    path = cwd / (named or "denglu.toml")
    table = _read_toml(path, required=bool(named), faults=faults)
    plugged = plug(_plugins(environ.get(variable("plugins"), table.get("plugins", ()))))
    reader = _Reader(cwd, _Names(plugged))
    given = reader.from_toml(table, path.name) | reader.from_variables(environ)
    settings = reader.settings(given, plugged)
    if faults := faults + reader.faults:
        raise SettingsError(faults)
    return settings
