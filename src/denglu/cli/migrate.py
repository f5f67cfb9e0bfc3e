"""``denglu migrate``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import FAILED
from denglu.cli.output import json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from denglu.settings import Settings
    from denglu.store.migrate import Branch, Target


@click.command(short_help="Bring the database to this version.")
@click.option("--check", is_flag=True, help="Only say whether a migration is due; then exit 1.")
@json_option
@click.pass_context
def migrate(ctx: click.Context, check: bool, as_json: bool) -> None:
    """Bring the database to the schema of this version; make its tables if there are none.

    For an SQLite file `denglu serve` does this by itself, and a server that runs on the file must
    be stopped first. PostgreSQL and MySQL are migrated beside their servers, and before the
    servers are upgraded. The tables of plugins that are switched on come after those of denglu.
    Exit code with --check: 0 the database is current, 1 a migration is due.

    \b
    Example:
      denglu migrate --check || denglu migrate
    """
    from denglu.store.migrate import (
        HEAD,
        current_revision,
        is_due,
        look_at_branches,
        name_of,
        target_of,
    )

    settings = read_settings()
    target, branches = target_of(settings), _branches(settings)
    name = name_of(target)
    before, of_plugins = current_revision(target), look_at_branches(target, branches)
    newest = {branch.plugin: branch.head for branch in branches}
    due = is_due(target, branches)
    done = due and not check and _upgrade(target, branches)
    revision = HEAD if due and not check else before
    if as_json:
        found: dict[str, object] = {
            "database": name,
            "revision": revision,
            "newest": HEAD,
            "due": due and check,
            "migrated": done,
        }
        if branches:
            at = newest if due and not check else of_plugins
            found["plugins"] = {
                plugin: {"revision": at.get(plugin), "newest": head}
                for plugin, head in newest.items()
            }
        print_json(found)
    was = f"at revision {before}{_plugins(newest, of_plugins)}" if before else "not made yet"
    now = f"{HEAD}{_plugins(newest, newest)}"
    if due and check:
        click.echo(
            f"denglu: a migration is due: {name} is {was}, this denglu needs {now}: "
            "run `denglu migrate`",
            err=True,
        )
        ctx.exit(FAILED)
    elif done:
        _say(f"{name} is now at revision {now}; it was {was}", as_json)
    else:
        _say(f"{name} is current (revision {revision}{_plugins(newest, newest)})", as_json)


def _branches(settings: "Settings") -> "Sequence[Branch]":
    from denglu.plugins.loading import load_plugins
    from denglu.plugins.tables import branches

    return branches(load_plugins(settings.plugins))


def _plugins(newest: "Mapping[str, str]", at: "Mapping[str, str | None]") -> str:
    return "".join(f", {plugin} {at.get(plugin) or 'none'}" for plugin in newest)


def _upgrade(target: "Target", branches: "Sequence[Branch]") -> bool:
    from denglu.store.file import ServerLock
    from denglu.store.migrate import migrate

    if isinstance(target, Path):
        with ServerLock(target):
            return migrate(target, branches)
    return migrate(target, branches, waiting=_tell_of_another)


def _tell_of_another() -> None:
    click.echo("another denglu is migrating it: waiting for that", err=True)


def _say(line: str, as_json: bool) -> None:
    if not as_json:
        click.echo(line)
