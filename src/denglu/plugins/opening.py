"""Opens the store for a process: with the statements of plugins, and telling them of events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from denglu.plugins.additions import settings_of
from denglu.plugins.loading import Plugins, load_plugins
from denglu.plugins.specs import Desk
from denglu.plugins.tables import erasing, statements
from denglu.store.opening import open_store

if TYPE_CHECKING:
    from denglu.flows.ports import Clock, Store
    from denglu.settings import Settings
    from denglu.store.network.feed import Feed


@dataclass(frozen=True, slots=True)
class Opened:
    """The store of the flows, and what each plugin works with."""

    store: "Store"
    clock: "Clock"
    plugins: Plugins
    desks: Mapping[str, Desk]


def open_plugged(settings: "Settings", clock: "Clock", feed: "Feed | None") -> Opened:
    """To be called on the event loop that will use the store. Raises MissingDriver, PluginFault."""
    plugins = load_plugins(settings.plugins)
    own = {name: settings_of(plugins, settings, name) for name in plugins.names}
    more, erase = statements(plugins), erasing(plugins)
    store = heard = open_store(settings, feed=feed, more=more)
    if erase or plugins.having("denglu_event"):
        from denglu.plugins.store import HeardStore
        from denglu.plugins.telling import Telling

        # What a plugin does about an event is told to nobody: no two can keep each other busy.
        quiet = HeardStore(store, None, erase)
        silent = {name: Desk(quiet, clock, own[name]) for name in plugins.names}
        heard = HeardStore(store, Telling(plugins, silent), erase)
    desks = {name: Desk(heard, clock, own[name]) for name in plugins.names}
    return Opened(heard, clock, plugins, desks)
