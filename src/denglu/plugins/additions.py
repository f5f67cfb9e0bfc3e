"""What plugins add, checked: settings, commands, routes, gateways, captchas.

Nothing of a plugin replaces anything of ours or of another plugin. All of it raises PluginFault.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from denglu.plugins.faults import PluginFault, blamed
from denglu.plugins.loading import Plugins, load_plugins

if TYPE_CHECKING:
    import click

    from denglu.api.routes import Route
    from denglu.captcha.asked import Service
    from denglu.flows.ports import SmsGateway
    from denglu.plugins.specs import Desk
    from denglu.settings import Settings
    from denglu.settings.plugged import Plugged


_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+(?:/\{id\})?", re.ASCII)


def plug(names: tuple[str, ...]) -> "Plugged":
    """What plugins add to the settings: fulfils ``settings.plugged.Plug``."""
    from denglu.settings.about import Section
    from denglu.settings.model import Settings, facts_of, variable
    from denglu.settings.plugged import Plugged, prefix_of

    if not names:
        return Plugged()
    plugins = load_plugins(names)
    sections: dict[str, type[Section]] = {}
    filed = [f"{name}_file" for name, facts in facts_of(Settings).items() if facts.filed]
    taken = dict.fromkeys((*Settings.model_fields, *filed), "denglu")
    for name, section in plugins.ask_all("denglu_settings"):
        if not (isinstance(section, type) and issubclass(section, Section)):
            raise PluginFault(name, "denglu_settings gives no subclass of settings.about.Section")
        with blamed(name):
            for own in facts_of(section):
                full = prefix_of(name) + own
                if (owner := taken.setdefault(full, name)) != name:
                    raise PluginFault(name, f"{variable(full)} is a setting of {owner}")
        sections[name] = section
    return Plugged(
        sections,
        frozenset(_openers(plugins, "denglu_gateways")),
        frozenset(_openers(plugins, "denglu_captchas")),
    )


def commands(plugins: Plugins, ours: Collection[str] = ()) -> "dict[str, click.Command]":
    """The commands of all plugins, by name; ``ours`` are taken."""
    import click

    found: dict[str, click.Command] = {}
    for name, given in plugins.ask_all("denglu_commands"):
        for command in _each(name, "denglu_commands", given, click.Command):
            own = str(command.name)
            if own in ours or own in found:
                raise PluginFault(name, f"the command {own} is there already")
            found[own] = command
    return found


def routes(
    plugins: Plugins, desks: "Mapping[str, Desk]", mounts: Iterable[str] = ()
) -> "tuple[Route, ...]":
    """The endpoints of all plugins; ``desks`` by plugin. ``mounts``: what ours are below too."""
    if not plugins.having("denglu_routes"):
        return ()
    from denglu.api.routes import BACK_ENDS, HEALTH, PROXIES, ROUTES, WATCHERS, Route

    below = ("", *(mount.rstrip("/") for mount in mounts))
    ours = (*ROUTES, *HEALTH, *PROXIES, *BACK_ENDS, *WATCHERS)
    taken = {(route.method, mount + route.path) for route in ours for mount in below}
    taken |= {("GET", "/docs"), ("GET", "/openapi.json")}
    names = {route.operation for route in ours}
    found: list[Route] = []
    for name in plugins.having("denglu_routes"):
        given = plugins.ask("denglu_routes", name, desk=desks[name])
        for route in _each(name, "denglu_routes", given, Route):
            _check_route(name, route)
            places = {(route.method, mount + route.path) for mount in below}
            if places & taken:
                raise PluginFault(name, f"{route.method} {route.path} is there already")
            if route.operation in names:
                raise PluginFault(name, f"an operation {route.operation} is there already")
            taken |= places
            names.add(route.operation)
            found.append(route)
    return tuple(found)


def _check_route(name: str, route: "Route") -> None:
    from denglu.api.routes import Gives, Guard

    if not _PATH.fullmatch(route.path):
        raise PluginFault(
            name, f"{route.path!r} is no path such as /v1/{name} or /v1/{name}/{{id}}"
        )
    back_end = route.guard is Guard.back_end and route.gives is Gives.introspection
    if not back_end and route.guard not in (Guard.public, Guard.token, Guard.member):
        # Those keys are looked at where denglu's own routes are bound, and nowhere else.
        raise PluginFault(name, f"{route.path}: the guard {route.guard.value} is denglu's own")


def gateways(plugins: Plugins, settings: "Settings") -> "dict[str, SmsGateway]":
    """The gateways of plugins that the settings name, opened."""
    openers = _openers(plugins, "denglu_gateways")
    found = {}
    for name in settings.sms_gateways:
        if name in openers:
            gateway = _opened(plugins, name, openers[name], settings)
            # Its name goes to rows, logs and metrics.
            _check_name(name, getattr(gateway, "name", None))
            found[name] = gateway
    return found


def captcha(plugins: Plugins, settings: "Settings") -> "Service | None":
    """The captcha that the settings name, where it is a plugin's."""
    openers = _openers(plugins, "denglu_captchas")
    name = settings.captcha
    if name not in openers:
        return None
    service: Service = _opened(plugins, name, openers[name], settings)
    with blamed(name.partition(".")[0]):
        _check_name(name, service.shown["kind"])
    return service


def _openers(plugins: Plugins, hook: str) -> dict[str, Any]:
    from denglu.settings.readers import is_of_plugin

    found = {}
    for name, given in plugins.ask_all(hook):
        if not isinstance(given, Mapping):
            raise PluginFault(name, f"{hook} gives no mapping of names")
        for own, opener in given.items():
            full = f"{name}.{own}"
            if not is_of_plugin(full):
                raise PluginFault(name, f"{hook}: {full!r} is no name such as {name}.sms")
            found[full] = opener
    return found


def settings_of(plugins: Plugins, settings: "Settings", name: str) -> Any:
    """A plugin's own settings; None where it has none."""
    given = settings.of_plugin(name)
    if given is None and name in plugins.having("denglu_settings"):  # ours were not loaded
        with blamed(name):
            given = plugins.ask("denglu_settings", name)()
    return given


def _opened(plugins: Plugins, full: str, opener: Any, settings: "Settings") -> Any:
    name = full.partition(".")[0]
    with blamed(name):
        return opener(settings_of(plugins, settings, name))


def _check_name(full: str, own: object) -> None:
    if own != full:
        raise PluginFault(full.partition(".")[0], f"{full} calls itself {own}")


def _each(name: str, hook: str, given: object, kind: type[Any]) -> Iterable[Any]:
    """What a hook gave, if it is a list of such things."""
    if not isinstance(given, list | tuple) or not all(isinstance(each, kind) for each in given):
        raise PluginFault(name, f"{hook} gives no list of {kind.__name__}s")
    return given
