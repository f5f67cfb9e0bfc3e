"""What plugins add to the settings. Who loads plugins tells; nothing is imported here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from denglu.settings.about import Section


@dataclass(frozen=True, slots=True)
class Plugged:
    """``sections`` by plugin; the names of gateways and captchas, ``plugin.name``."""

    sections: Mapping[str, type[Section]] = field(default_factory=dict)
    gateways: frozenset[str] = frozenset()
    captchas: frozenset[str] = frozenset()


Plug = Callable[[tuple[str, ...]], Plugged]
"""Given the names of DENGLU_PLUGINS."""


def no_plugins(names: tuple[str, ...]) -> Plugged:
    """Where nobody loads plugins."""
    return Plugged()


def prefix_of(plugin: str) -> str:
    """What its settings, in small letters, begin with."""
    return plugin.replace("-", "_") + "_"
