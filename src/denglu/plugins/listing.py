"""Which plugins there are, and what is wrong with those that are on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from denglu.plugins.additions import commands, plug
from denglu.plugins.faults import PluginFault
from denglu.plugins.loading import Plugins, installed, load_plugins
from denglu.plugins.tables import branches, statements


@dataclass(frozen=True, slots=True)
class Listed:
    """One plugin. ``package`` and ``version`` are empty where it is not installed; ``hooks`` are
    known of one that is on and sound.
    """

    name: str
    package: str = ""
    version: str = ""
    on: bool = False
    hooks: tuple[str, ...] = ()
    fault: str = ""


def listed(on: Sequence[str], ours: Collection[str]) -> list[Listed]:
    """Those that are on in their order, then the others by name. ``ours``: denglu's commands."""
    others = sorted(installed().keys() - set(on))
    found = [_listed(name, name in on, ours) for name in (*on, *others)]
    if any(each.fault for each in found):
        return found
    try:  # each is sound by itself: are they together?
        _look_into(tuple(on), ours)
    except PluginFault as fault:
        return [
            replace(each, fault=fault.cause) if each.name == fault.name else each for each in found
        ]
    return found


def _listed(name: str, on: bool, ours: Collection[str]) -> Listed:
    points = installed().get(name, [])
    package = points[0].dist if points else None
    source = (package.name, package.version) if package else ("", "")
    if not on:
        return Listed(name, *source)
    try:
        plugins = _look_into((name,), ours)
        return Listed(name, *source, on=True, hooks=tuple(plugins.hooks_of(name)))
    except PluginFault as fault:
        return Listed(name, *source, on=True, fault=fault.cause)


def _look_into(names: tuple[str, ...], ours: Collection[str]) -> Plugins:
    """Ask whatever is asked before a server is wired. Raises PluginFault."""
    plugins = load_plugins(names)
    plug(names)
    commands(plugins, ours)
    branches(plugins)
    statements(plugins)
    return plugins
