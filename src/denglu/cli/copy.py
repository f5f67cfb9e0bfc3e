"""``denglu copy``."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from denglu.cli.faults import FAILED, Fault, Misuse
from denglu.cli.output import json_option, print_json

if TYPE_CHECKING:
    from denglu.moving.copy import OfPlugin, Report


@click.command(short_help="Copy the whole database into another one, of any kind.")
@click.argument("from_url")
@click.argument("to_url")
@click.option("--restart", is_flag=True, help="Throw away what an earlier copy left in TO_URL.")
@json_option
@click.pass_context
def copy(ctx: click.Context, from_url: str, to_url: str, restart: bool, as_json: bool) -> None:
    """Copy every row of FROM_URL into the empty database TO_URL, then compare both. URLs are
    written as for DENGLU_DATABASE_URL; @FILE reads one from a file, so that no password stands
    on the command line.

    Stop the servers of FROM_URL first. Whatever ends a copy early: the same command again goes
    on where it was. Members stay logged in if the server on TO_URL gets the same secret key.
    Exit code: 0 both sides are the same, 1 they are not, or a fault.

    \b
    Example:
      denglu copy sqlite:///denglu.db postgresql://denglu@db.example/denglu
      denglu copy sqlite:///denglu.db @/run/secrets/denglu-url
    """
    # A fault is told in one line by the command, not in passing by those who met it.
    logging.getLogger().addHandler(logging.NullHandler())
    source, target = read_url(from_url, "FROM_URL"), read_url(to_url, "TO_URL")
    report = _copy(source, target, restart=restart, silent=as_json)
    key = _key(source)
    if as_json:
        print_json(_as_json(report, key))
    elif report.same:
        _print(report, key)
    if not report.same:
        for line in _differences(report):
            click.echo(f"denglu: {line}", err=True)
        ctx.exit(FAILED)


def read_url(url: str, name: str) -> str:
    """A database's URL in its one spelling; ``@FILE`` reads it from a file. Raises Misuse."""
    from denglu.settings.readers import database_url

    try:
        text = Path(url[1:]).read_text("utf-8") if url.startswith("@") else url
        return database_url(text)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "is no text"
        raise Misuse(f"{name}: the file {url[1:]} cannot be read: {said}") from None
    except ValueError as error:
        raise Misuse(f"{name} {error}") from None


def _copy(source: str, target: str, *, restart: bool, silent: bool) -> "Report":
    from denglu.cli.progress import Shown
    from denglu.moving.copy import copy_database
    from denglu.moving.side import MovingTrouble
    from denglu.store.network.trouble import DatabaseTrouble

    with (
        Shown("copying", silent=silent) as copying,
        Shown("comparing", silent=silent) as comparing,
    ):
        try:
            return copy_database(
                source,
                target,
                restart=restart,
                copying=copying,
                comparing=comparing,
                plugins=_plugins(),
            )
        except MovingTrouble as error:
            raise Fault(str(error)) from None
        except DatabaseTrouble as error:
            raise Fault(str(error).replace("DENGLU_DATABASE_URL", "its URL")) from None


def _plugins() -> "list[OfPlugin]":
    """Of plugins that are on, those with tables."""
    from denglu.cli.plugged import switched_on

    plugins = switched_on()
    if plugins is None:
        return []
    from denglu.moving.copy import OfPlugin
    from denglu.plugins.tables import branches, tables

    own = tables(plugins)
    return [OfPlugin(branch, own[branch.plugin]) for branch in branches(plugins)]


def _key(source: str) -> str | None:
    """The file of the secret key that a server made beside an SQLite file, if it did."""
    from denglu.moving.opening import path_of

    path = path_of(source)
    key = path and path.with_name(path.name + ".key")
    return str(key) if key and key.exists() else None


def _print(report: "Report", key: str | None) -> None:
    rows = sum(table.rows[0] for table in report.compared)
    if report.copied.kept:
        click.echo(f"{report.copied.kept:,} rows were there from an earlier start")
    click.echo(f"{report.target} is the same as {report.source}: {rows:,} rows, every value")
    click.echo(
        "Take the secret key along: only with it do sessions, codes and lockouts hold. "
        + (f"It is in {key}" if key else "It is DENGLU_SECRET_KEY of the server until now")
    )


def _differences(report: "Report") -> list[str]:
    """A line for each table that is not the same, and what to do."""
    lines = [
        f"table {table.table}: {table.differing:,} rows differ, the first by their keys: "
        + ", ".join(table.first)
        for table in report.compared
        if not table.same
    ]
    return [
        *lines,
        f"{report.target} is not the same as {report.source}: one of them changed meanwhile. "
        "See that no server runs on either, and run the command again with --restart",
    ]


def _as_json(report: "Report", key: str | None) -> dict[str, object]:
    return {
        "source": report.source,
        "target": report.target,
        "same": report.same,
        "resumed": report.resumed,
        "rows_kept": report.copied.kept,
        "rows_added": report.copied.added,
        "key": key,
        "tables": [
            {
                "table": table.table,
                "source_rows": table.rows[0],
                "target_rows": table.rows[1],
                "source_sha256": table.checksums[0],
                "target_sha256": table.checksums[1],
                "differing": table.differing,
                "first_differing": table.first,
            }
            for table in report.compared
        ],
    }
