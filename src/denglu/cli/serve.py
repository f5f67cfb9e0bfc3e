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
    help="Server processes; SQLite takes one.",
)
def serve(host: str, port: int, workers: int) -> None:
    """Serve the login API until Ctrl+C or SIGTERM; requests in flight are answered first.

    Makes the database and migrates it by itself. GET /healthz says that the process lives,
    GET /readyz that it can answer; the API page is at /docs. Logs go to standard error, one
    JSON object a line.

    \b
    Example:
      denglu serve
      DENGLU_SECRET_KEY_FILE=/run/secrets/denglu denglu serve --host 0.0.0.0 --port 80
    """
    # A start makes much and throws little away; the server switches collection on again.
    gc.disable()
    settings = read_settings()
    if workers > 1:
        raise Misuse(
            f"--workers {workers}: an SQLite file takes one server process; leave --workers out "
            "(databases that take more follow in a later release)"
        )
    # What takes a third of a second to load is loaded when nothing speaks against starting.
    from denglu.cli.summary import summary
    from denglu.logs import configure_logging
    from denglu.settings import SettingsError, check_binding, ensure_secret_key
    from denglu.store.file import make_sure_of_folder

    if faults := check_binding(settings, host):
        raise SettingsError(faults)
    configure_logging(settings.log_level)
    make_sure_of_folder(settings.database_path)
    key = ensure_secret_key(settings)

    from denglu.serving.run import serve as run

    def ready(bound_port: int) -> None:
        with contextlib.suppress(OSError):  # nobody need be reading
            click.echo("\n".join(summary(settings, host, bound_port)))

    run(settings, key, host, port, ready)
