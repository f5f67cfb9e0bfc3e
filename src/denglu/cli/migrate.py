"""``denglu migrate``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import FAILED
from denglu.cli.output import json_option, print_json

if TYPE_CHECKING:
    from denglu.store.migrate import Target


@click.command(short_help="Bring the database to this version.")
@click.option("--check", is_flag=True, help="Only say whether a migration is due; then exit 1.")
@json_option
@click.pass_context
def migrate(ctx: click.Context, check: bool, as_json: bool) -> None:
    """Bring the database to the schema of this version; make its tables if there are none.

    For an SQLite file `denglu serve` does this by itself, and a server that runs on the file must
    be stopped first. PostgreSQL and MySQL are migrated beside their servers, and before the
    servers are upgraded. Exit code with --check: 0 the database is current, 1 a migration is due.

    \b
    Example:
      denglu migrate --check || denglu migrate
    """
    from denglu.store.migrate import HEAD, current_revision, is_due, name_of, target_of

    target = target_of(read_settings())
    name = name_of(target)
    before = current_revision(target)
    due = is_due(target)
    done = due and not check and _upgrade(target)
    revision = HEAD if due and not check else before
    if as_json:
        print_json(
            {
                "database": name,
                "revision": revision,
                "newest": HEAD,
                "due": due and check,
                "migrated": done,
            }
        )
    was = f"at revision {before}" if before else "not made yet"
    if due and check:
        click.echo(
            f"denglu: a migration is due: {name} is {was}, this denglu needs {HEAD}: "
            "run `denglu migrate`",
            err=True,
        )
        ctx.exit(FAILED)
    elif done:
        _say(f"{name} is now at revision {HEAD}; it was {was}", as_json)
    else:
        _say(f"{name} is current (revision {revision})", as_json)


def _upgrade(target: "Target") -> bool:
    from denglu.store.file import ServerLock
    from denglu.store.migrate import migrate

    if isinstance(target, Path):
        with ServerLock(target):
            return migrate(target)
    return migrate(target, waiting=_tell_of_another)


def _tell_of_another() -> None:
    click.echo("another denglu is migrating it: waiting for that", err=True)


def _say(line: str, as_json: bool) -> None:
    if not as_json:
        click.echo(line)
