"""``denglu export``."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import Fault
from denglu.cli.output import json_option, print_json

if TYPE_CHECKING:
    from denglu.exporting.export import Report


@click.command(short_help="Write all member data to files: JSON Lines or CSV.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="JSON Lines, or CSV.",
)
@click.option("--with-password-hashes", is_flag=True, help="Password hashes too.")
@json_option
def export(folder: Path, form: str, with_password_hashes: bool, as_json: bool) -> None:
    """Write all members with their accounts, levels, bindings, merchants and requests for deletion
    to files in DIR, a folder that is not there yet. docs/exporting.md describes each column.

    A server may be running: the files hold the database as it was when this began. DIR gets its
    name when everything is in it; only its owner may read it. Sessions, codes and the audit trail
    are not in it: they are of no use elsewhere.

    \b
    Example:
      denglu export /var/backups/members
      denglu export members --format csv
    """
    settings = read_settings()
    report = _export(settings.database_url, folder, form, with_password_hashes, silent=as_json)
    if as_json:
        print_json({"folder": str(report.folder), "rows": report.files})
        return
    for name, rows in report.files.items():
        click.echo(f"{report.folder / name}: {rows:,} rows")
    if with_password_hashes:
        click.echo("Password hashes are in it: keep it as safe as the database.")


def _export(url: str, folder: Path, form: str, hashes: bool, *, silent: bool) -> "Report":
    from denglu.cli.progress import Shown
    from denglu.exporting.export import export_database
    from denglu.moving.side import MovingTrouble

    with Shown("exporting", silent=silent) as shown:
        try:
            return export_database(
                url,
                folder,
                form=form,
                with_hashes=hashes,
                now=int(time.time()),
                progress=shown,
            )
        except MovingTrouble as error:
            raise Fault(str(error)) from None
