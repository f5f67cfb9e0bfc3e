"""``denglu import``."""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

import click

from denglu.cli.backstage import behind, read_settings
from denglu.cli.copy import read_url
from denglu.cli.faults import FAILED, Fault, Misuse
from denglu.cli.output import json_option, print_json

if TYPE_CHECKING:
    from denglu.flows.ports import Clock, Passwords, Store
    from denglu.importing.bringing import Terms
    from denglu.importing.rageframe import Order, Report
    from denglu.settings import Settings

_DAY = 86400
_LONGEST_TTL = 365 * _DAY


@click.group("import", short_help="Bring the members of another server here.")
def import_() -> None:
    """Bring the members of another server here."""


@import_.command(short_help="From RageFrame, with balances, levels and live tokens.")
@click.argument("url")
@click.option("--dry-run", is_flag=True, help="Only say what would happen; write nothing here.")
@click.option("--prefix", default="rf_", show_default=True, help="Of the names of its tables.")
@click.option("--report", metavar="FILE", help="Write each oddity to FILE, as JSON Lines.")
@click.option(
    "--access-ttl",
    type=click.IntRange(60, _LONGEST_TTL),
    default=7200,
    show_default=True,
    help="Seconds that its access tokens are good for.",
)
@click.option(
    "--refresh-ttl",
    type=click.IntRange(60, _LONGEST_TTL),
    default=30 * _DAY,
    show_default=True,
    help="Seconds that its refresh tokens are good for.",
)
@click.option(
    "--site-merchant",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    metavar="ID",
    help="The merchant whose members are the site's here: 1 where a version 2 has no others.",
)
@click.option(
    "--same-source",
    is_flag=True,
    help="URL is the database of earlier runs under another name.",
)
@json_option
@click.pass_context
def rageframe(
    ctx: click.Context,
    url: str,
    dry_run: bool,
    prefix: str,
    report: str | None,
    access_ttl: int,
    refresh_ttl: int,
    site_merchant: int,
    same_source: bool,
    as_json: bool,
) -> None:
    """Bring members, accounts, levels, third-party bindings, merchants and live tokens from the
    MySQL or MariaDB database of RageFrame (version 3, and 2) at URL, which is only read. @FILE
    reads the URL from a file, so that no password stands on the command line.

    Run it again to bring what changed since; or where it was killed. Servers may run meanwhile,
    there and here. Members keep their ids and stay logged in, passwords are hashed anew at the
    first login. Who has a name that two members claim: the enabled one, then the lowest id.
    Exit code: 0 every row and cent is accounted for, 1 it is not, or a fault.

    \b
    Example:
      denglu import rageframe mysql://reader@db.example/shop --dry-run --report odd.jsonl
      denglu import rageframe @/run/secrets/rageframe-url
    """
    from denglu.cli.import_views import as_json_value, differences, print_report
    from denglu.importing.rageframe import Order

    settings = read_settings()
    order = Order(
        source_url=_source(url),
        target_url=settings.database_url,
        terms=_terms(settings, access_ttl, refresh_ttl, site_merchant),
        prefix=_prefix(prefix),
        dry=dry_run,
        renamed=same_source,
    )
    done = _import(settings, order, report, silent=as_json)
    if as_json:
        print_json(as_json_value(done))
    else:
        print_report(done, report)
    if not done.same:
        for line in differences(done):
            click.echo(f"denglu: {line}", err=True)
        ctx.exit(FAILED)


def _source(url: str) -> str:
    source = read_url(url, "URL")
    if not source.startswith("mysql://"):
        raise Misuse("URL is no mysql:// or mariadb:// database, which RageFrame's is")
    return source


def _prefix(text: str) -> str:
    if not all(char.isascii() and (char.isalnum() or char == "_") for char in text):
        raise Misuse("--prefix holds letters, digits and _ only")
    return text


def _terms(settings: "Settings", access: int, refresh: int, site_merchant: int) -> "Terms":
    from denglu.domain.groups import Groups
    from denglu.importing.bringing import Terms

    groups = Groups(settings.groups, folded=True, aliases=settings.group_aliases)
    return Terms(access, refresh, settings.refresh_absolute, groups, site_merchant)


def _import(settings: "Settings", order: "Order", report: str | None, *, silent: bool) -> "Report":
    from denglu.cli.progress import Shown
    from denglu.importing.rageframe import import_rageframe
    from denglu.moving.side import MovingTrouble
    from denglu.store.network.trouble import DatabaseTrouble

    async def work(store: "Store", clock: "Clock", _: "Passwords") -> "Report":
        with Shown("reading" if order.dry else "bringing", silent=silent) as bringing:
            try:
                with _written(report) as file:
                    return await import_rageframe(order, store, clock, file=file, bringing=bringing)
            except MovingTrouble as error:
                raise Fault(f"{error}") from None
            except DatabaseTrouble as error:
                raise Fault(str(error).replace("DENGLU_DATABASE_URL", "its URL")) from None

    return behind(settings, work, create=not order.dry)


@contextlib.contextmanager
def _written(report: str | None) -> Iterator[IO[str] | None]:
    """The report's file: its owner's alone, since it names members by their ids. Raises Fault."""
    if report is None:
        yield None
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(report, flags, 0o600), "w", encoding="utf-8") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fchmod(file.fileno(), 0o600)
            yield file
    except OSError as error:
        raise Fault(f"--report {report}: {error.strerror}") from None
