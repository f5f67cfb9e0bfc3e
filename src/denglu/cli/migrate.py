"""``denglu migrate``."""

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import FAILED
from denglu.cli.output import json_option, print_json


@click.command(short_help="Bring the database to this version.")
@click.option("--check", is_flag=True, help="Only say whether a migration is due; then exit 1.")
@json_option
@click.pass_context
def migrate(ctx: click.Context, check: bool, as_json: bool) -> None:
    """Bring the database to the schema of this version; make it if there is none.

    `denglu serve` does this by itself. A server that is running on the file must be stopped
    first. Exit code with --check: 0 the database is current, 1 a migration is due.

    \b
    Example:
      denglu migrate --check || denglu migrate
    """
    from denglu.store.file import ServerLock
    from denglu.store.migrate import HEAD, current_revision, is_due
    from denglu.store.migrate import migrate as upgrade

    database = read_settings().database_path
    before = current_revision(database)
    due = is_due(database)
    if due and not check:
        with ServerLock(database):
            upgrade(database)
    if as_json:
        done = due and not check
        print_json(
            {
                "database": str(database),
                "revision": HEAD if done else before,
                "newest": HEAD,
                "due": due and check,
                "migrated": done,
            }
        )
    was = f"at revision {before}" if before else "not made yet"
    if not due:
        _say(f"{database} is current (revision {HEAD})", as_json)
    elif not check:
        _say(f"{database} is now at revision {HEAD}; it was {was}", as_json)
    else:
        click.echo(
            f"denglu: a migration is due: {database} is {was}, this denglu needs {HEAD}: "
            "run `denglu migrate`",
            err=True,
        )
        ctx.exit(FAILED)


def _say(line: str, as_json: bool) -> None:
    if not as_json:
        click.echo(line)
