"""``denglu serve``: what a start needs, and how many processes it becomes."""

import contextlib
import gc
import logging
from collections.abc import Callable

from denglu.extras import load_captcha, load_metrics, load_sms
from denglu.metrics import common_folder, forget_folder
from denglu.plugins.loading import load_plugins
from denglu.plugins.tables import branches
from denglu.security.common_passwords import common_passwords
from denglu.serving.listener import allow_files, bound, forbid_core_dumps
from denglu.serving.process import Process
from denglu.serving.workers import Workers
from denglu.settings import Settings
from denglu.store.file import ServerLock, check_file
from denglu.store.migrate import check_schema, migrate

_log = logging.getLogger(__name__)

# Called once, when the server answers: with the port it listens on.
Ready = Callable[[int], None]


def serve(
    settings: Settings, key: bytes, host: str, port: int, ready: Ready, *, workers: int = 1
) -> None:
    """Serve until a signal says stop; returns when every request in flight is answered.

    An SQLite file is brought up to date first, and takes one process. Raises FileTrouble,
    WrongSchema, DatabaseTrouble, MissingDriver, PluginFault, CannotListen or WorkerTrouble before
    the first byte, and KeyboardInterrupt when a second signal cut the farewell short.
    """
    forbid_core_dumps()
    forget_folder()
    if settings.database_kind == "sqlite":
        whole = _on_file(settings, key, host, port, ready)
    else:
        whole = _on_network(settings, key, host, port, ready, workers)
    if not whole:
        raise KeyboardInterrupt


def _on_file(settings: Settings, key: bytes, host: str, port: int, ready: Ready) -> bool:
    path = settings.database_path
    with ServerLock(path), bound(host, port) as sockets:
        of_plugins = branches(load_plugins(settings.plugins))
        if migrate(path, of_plugins):
            _log.info("the database was brought up to date")
        check_schema(settings, of_plugins)
        check_file(path)
        allow_files(settings.max_connections)
        chosen = sockets[0].getsockname()[1]
        process = Process(settings=settings, key=key, host=host, sockets=sockets)
        return process.serve(lambda: ready(chosen))


def _on_network(
    settings: Settings, key: bytes, host: str, port: int, ready: Ready, workers: int
) -> bool:
    with bound(host, port) as sockets:
        if check_schema(settings, branches(load_plugins(settings.plugins))):
            _log.warning("the database's schema is older than this version; run `denglu migrate`")
        allow_files(settings.max_connections)
        chosen = sockets[0].getsockname()[1]
        process = Process(
            settings=shared_out(settings, workers), key=key, host=host, sockets=sockets
        )
        if workers == 1:
            return process.serve(lambda: ready(chosen))
        with common_folder() if settings.metrics_key else contextlib.nullcontext():
            _load_what_all_need(settings)
            parent = Workers(workers, process.work, sockets, grace=settings.shutdown_grace)
            return parent.run(lambda: ready(chosen))


def shared_out(settings: Settings, workers: int) -> Settings:
    """The machine's CPUs hash for all workers together, unless somebody said otherwise."""
    if settings.source_of("hash_workers") != "default":
        return settings
    return settings.model_copy(update={"hash_workers": max(1, settings.hash_workers // workers)})


def _load_what_all_need(settings: Settings) -> None:
    """Workers share what their parent has in memory, as long as the collector leaves it alone."""
    if settings.database_kind == "postgresql":
        from denglu.store.postgres import statements
    else:
        from denglu.store.mysql import statements
    statements()
    common_passwords()
    load_captcha(settings)
    load_sms(settings)
    load_metrics(settings)
    gc.collect()
    gc.freeze()
    gc.enable()
