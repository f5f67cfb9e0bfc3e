"""``denglu serve``."""

import contextlib
import gc

import click

from denglu.cli.backstage import read_settings
from denglu.cli.faults import Misuse


@click.command(short_help="Serve the login API.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Server processes, on PostgreSQL or MySQL; an SQLite file takes one.",
)
def serve(host: str, port: int, workers: int) -> None:
    """Serve the login API until Ctrl+C or SIGTERM; requests in flight are answered first.

    Makes an SQLite file and migrates it by itself; for PostgreSQL and MySQL there is `denglu
    migrate`. GET /healthz says that the process lives, GET /readyz that it can answer; the API
    page is at /docs. Logs go to standard error, one JSON object a line.

    \b
    Example:
      denglu serve
      DENGLU_SECRET_KEY_FILE=/run/secrets/denglu denglu serve --host 0.0.0.0 --port 80
      DENGLU_DATABASE_URL=postgresql://denglu@db/denglu denglu serve --workers 4
    """
    # A start makes much and throws little away; the server switches collection on again.
    gc.disable()
    settings = read_settings()
    on_file = settings.database_kind == "sqlite"
    if workers > 1 and on_file:
        raise Misuse(
            f"--workers {workers}: an SQLite file takes one server process; leave --workers out, "
            "or let DENGLU_DATABASE_URL name a PostgreSQL or MySQL database"
        )
    # What takes a third of a second to load is loaded when nothing speaks against starting.
    from denglu.cli.summary import summary
    from denglu.logs import configure_logging
    from denglu.settings import SettingsError, check_binding, ensure_secret_key
    from denglu.store.file import make_sure_of_folder

    if faults := check_binding(settings, host):
        raise SettingsError(faults)
    configure_logging(settings.log_level)
    if on_file:
        make_sure_of_folder(settings.database_path)
    key = ensure_secret_key(settings)

    from denglu.serving.run import serve as run

    def ready(bound_port: int) -> None:
        with contextlib.suppress(OSError):  # nobody need be reading
            click.echo("\n".join(summary(settings, host, bound_port, workers)))

    run(settings, key, host, port, ready, workers=workers)
