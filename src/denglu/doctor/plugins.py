"""The doctor's look at plugins: which are on, and whether their tables are there."""

from collections.abc import Iterator

from denglu.doctor.finding import Finding, Level
from denglu.plugins.loading import load_plugins
from denglu.plugins.tables import branches
from denglu.settings import Settings
from denglu.store.file import FileTrouble
from denglu.store.migrate import look_at_branches, target_of
from denglu.store.network.trouble import DatabaseTrouble
from denglu.store.opening import MissingDriver


def examine_plugins(settings: Settings) -> Iterator[Finding]:
    """Nothing where none is on."""
    if not settings.plugins:
        return
    plugins = load_plugins(settings.plugins)
    yield Finding("plugins", Level.ok, f"on: {', '.join(plugins.names)}")
    of_plugins = branches(plugins)
    try:
        found = look_at_branches(target_of(settings), of_plugins)
    except (FileTrouble, DatabaseTrouble, MissingDriver):
        return  # told of the database
    for branch in of_plugins:
        revision = found.get(branch.plugin)
        if revision is not None and revision > branch.head:
            was = f"are at revision {revision}, newer than {branch.head}"
            yield Finding(
                "plugins",
                Level.fault,
                f"the tables of {branch.plugin} {was}",
                "install the newer version of the plugin again",
            )
        elif revision != branch.head:
            was = f"are at revision {revision}" if revision else "are not made yet"
            yield Finding(
                "plugins",
                Level.fault,
                f"the tables of {branch.plugin} {was}, and it needs {branch.head}",
                "run `denglu migrate`; an SQLite file is migrated by the start of its server",
            )
