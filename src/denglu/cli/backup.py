"""``denglu backup``."""

from pathlib import Path

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import Fault, Misuse
from denglu.cli.output import json_option, print_json


@click.command(short_help="Back up an SQLite database, also beside a running server.")
@click.argument("target", required=False, type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(1),
    metavar="N",
    help="In a folder: keep the newest N backups, this one among them.",
)
@json_option
def backup(target: Path | None, keep: int | None, as_json: bool) -> None:
    """Back up the SQLite database to TARGET: a folder, or a file that is not there yet. Without
    TARGET it is DENGLU_BACKUP_FOLDER, or the working directory.

    A server may be running: the backup holds every change that was answered before it began. It
    is checked before it gets its name, denglu-<date and time in UTC>.db in a folder. The secret
    key is not in it. PostgreSQL and MySQL have tools of their own: pg_dump, mariadb-dump.

    \b
    Example:
      denglu backup
      denglu backup /var/backups/denglu --keep 14
    """
    settings = read_settings()
    if settings.database_kind != "sqlite":
        tool = "pg_dump" if settings.database_kind == "postgresql" else "mariadb-dump or mysqldump"
        raise Misuse(f"the database is on {settings.database_kind}: back it up with {tool}")
    from denglu.moving.backup import back_up
    from denglu.moving.side import MovingTrouble

    if target is None:
        target = settings.backup_folder or Path()
        target.mkdir(mode=0o700, exist_ok=True)
    if not target.is_dir():
        _check_file(target, keep)
    try:
        made = back_up(settings.database_path, target, keep=keep)
    except MovingTrouble as error:
        raise Fault(str(error)) from None
    key = None if settings.secret_key is not None else str(settings.key_path)
    if as_json:
        print_json(
            {
                "backup": str(made.path),
                "bytes": made.size,
                "removed": [str(path) for path in made.removed],
                "key": key,
            }
        )
        return
    click.echo(f"{made.path}: {made.size:,} bytes, checked")
    for path in made.removed:
        click.echo(f"removed {path}")
    click.echo(f"The secret key is not in it: keep {key or 'it'} elsewhere, and safe.")


def _check_file(target: Path, keep: int | None) -> None:
    if not target.suffix:
        raise Misuse(f"{target}: there is no such folder; a file needs an ending, such as .db")
    if keep is not None:
        raise Misuse(f"--keep {keep}: is for a folder, and {target} is none")
