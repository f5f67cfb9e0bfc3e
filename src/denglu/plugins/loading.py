"""Finds the plugins that are switched on, loads them once, and asks their hooks.

Whatever a plugin does wrong becomes a ``PluginFault``: one line with its name and the cause.
"""

import functools
import inspect
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from denglu.plugins.faults import PluginFault, blamed
from denglu.plugins.specs import Specs

GROUP = "denglu.plugins"
_HOOKS = "denglu_"


class _Manager(pluggy.PluginManager):
    """Also refuses a function that is named like a hook and not marked as one."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        options = super().parse_hookimpl_opts(plugin, name)
        meant = name.startswith(_HOOKS) and inspect.isroutine(inspect.getattr_static(plugin, name))
        if options is None and meant:
            raise TypeError(f"{name} is not marked with @denglu.plugins.hookimpl")
        return options


class Plugins:
    """The plugins that are switched on, in the order of DENGLU_PLUGINS."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        """Import and register them. Raises PluginFault."""
        self.names = tuple(names)
        self._manager = _Manager("denglu")
        self._manager.add_hookspecs(Specs)
        for name in self.names:
            with blamed(name):
                self._register(name)

    def _register(self, name: str) -> None:
        plugin = _found(name).load()
        self._manager.register(plugin, name=name)
        self._manager.check_pending()
        if not self._manager.get_hookcallers(plugin):
            raise PluginFault(name, "has no hook: mark functions with @denglu.plugins.hookimpl")

    def ask(self, hook: str, name: str, **given: object) -> Any:
        """What a plugin that has the hook answers. Raises PluginFault."""
        mine = self._manager.get_plugin(name)
        others = [each for each in self._manager.get_plugins() if each is not mine]
        with blamed(name):
            answers = self._manager.subset_hook_caller(hook, others)(**given)
        return answers[0] if answers else None  # None is no answer to pluggy

    def ask_all(self, hook: str, **given: object) -> Iterator[tuple[str, Any]]:
        """The names of the plugins that have the hook, and what each answers."""
        for name in self.having(hook):
            yield name, self.ask(hook, name, **given)

    def having(self, hook: str) -> list[str]:
        """The names of the plugins that have a hook."""
        having = {each.plugin_name for each in getattr(self._manager.hook, hook).get_hookimpls()}
        return [name for name in self.names if name in having]

    def hooks_of(self, name: str) -> list[str]:
        """The hooks that a plugin fulfils."""
        callers = self._manager.get_hookcallers(self._manager.get_plugin(name)) or ()
        return sorted(caller.name for caller in callers)


@functools.cache
def load_plugins(names: tuple[str, ...]) -> Plugins:
    """The plugins of these names; each is imported once in a process. Raises PluginFault."""
    return Plugins(names)


def installed() -> dict[str, list[EntryPoint]]:
    """What could be switched on, by name. Two packages may give the same name."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def _found(name: str) -> EntryPoint:
    points = installed().get(name, [])
    if not points:
        raise PluginFault(name, "is not installed; `denglu plugin list` shows those that are")
    if len({point.value for point in points}) > 1:
        sources = " and ".join(sorted(point.value for point in points))
        raise PluginFault(name, f"is given twice, by {sources}: uninstall one of them")
    return points[0]
