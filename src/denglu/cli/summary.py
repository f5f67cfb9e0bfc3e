"""What a server says on the terminal when it is ready."""

import apsw

from denglu import __version__
from denglu.serving.listener import url_host
from denglu.settings import Settings, warnings
from denglu.store.file import OLD_SQLITE, is_old_sqlite
from denglu.store.migrate import name_of, target_of

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


def summary(settings: Settings, host: str, port: int, workers: int = 1) -> list[str]:
    """The lines: where, what, and what is worth a second look."""
    base = f"http://{url_host(_EVERY_ADDRESS.get(host.strip('[]'), host.strip('[]')))}:{port}"
    pairs = [
        ("API", f"{base}/v1/site/login, …" + _mounts(settings)),
        ("API page", f"{base}/docs" if settings.docs_enabled else "off (DENGLU_DOCS_ENABLED)"),
        ("Database", name_of(target_of(settings))),
        *([("Workers", str(workers))] if workers > 1 else []),
        ("Profile", settings.wire),
        *([("Plugins", ", ".join(settings.plugins))] if settings.plugins else []),
        ("SMS codes", _codes(settings)),
        ("Secret key", _key(settings)),
    ]
    return [
        f"denglu {__version__} is ready" + _where(host),
        *(f"  {name:<11}{value}" for name, value in pairs),
        *(f"  warning: {line}" for line in cautions(settings)),
        "Ctrl+C stops it.",
    ]


def cautions(settings: Settings) -> list[str]:
    """What an operator should know about these settings on this machine."""
    found = warnings(settings)
    if settings.sms_code_length < 6:
        found.append("codes of four digits are outside what SECURITY.md claims")
    if settings.database_kind == "sqlite" and is_old_sqlite(apsw.sqlite_lib_version()):
        found.append(OLD_SQLITE.format(version=apsw.sqlite_lib_version()))
    return found


def _where(host: str) -> str:
    every = host.strip("[]") in _EVERY_ADDRESS
    return " and listens on every address of this machine" if every else ""


def _mounts(settings: Settings) -> str:
    return f" (also under {', '.join(settings.mounts)})" if settings.mounts else ""


def _codes(settings: Settings) -> str:
    places = {
        "console": "appear here, on standard output",
        "outbox": f"are written to {settings.sms_outbox}",
    }
    said = (places.get(name, f"are sent through {name}") for name in settings.sms_gateways)
    return ", else ".join(said).replace(", else are ", ", else ")


def _key(settings: Settings) -> str:
    if settings.secret_key is not None:
        return f"from {settings.source_of('secret_key')}"
    return f"kept in {settings.key_path}: back it up, and let nobody read it"
