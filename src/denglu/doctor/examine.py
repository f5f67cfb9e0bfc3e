"""``denglu doctor``: looks at everything that a server depends on, and says what to do.

It changes nothing and needs no server; one may be running.
"""

from collections.abc import Iterator

from denglu.doctor.captcha import examine_captcha
from denglu.doctor.database import examine_database, has_sessions
from denglu.doctor.finding import Finding, Level
from denglu.doctor.gateways import examine_gateways
from denglu.doctor.machine import examine_clock, examine_files, examine_proxy
from denglu.doctor.metrics import examine_metrics
from denglu.doctor.plugins import examine_plugins
from denglu.doctor.redis import examine_redis
from denglu.settings import (
    Settings,
    SettingsError,
    check_binding,
    ensure_secret_key,
    warnings,
)
from denglu.settings.model import variable

__all__ = ["Finding", "Level", "examine", "settings_faults"]


def examine(settings: Settings, host: str, workers: int = 1) -> list[Finding]:
    """Every finding about serving with these settings on ``host``, area by area."""
    return [
        *_settings(settings, host),
        *_secret_key(settings),
        *examine_database(settings, workers),
        *examine_plugins(settings),
        *examine_redis(settings),
        *examine_clock(settings),
        *examine_proxy(settings, host),
        *examine_gateways(settings),
        *examine_captcha(settings),
        *examine_metrics(settings),
        *examine_files(settings),
    ]


def settings_faults(error: SettingsError) -> list[Finding]:
    """Settings that cannot be used, as findings; nothing else can be looked at."""
    return [Finding("settings", Level.fault, line) for line in error.faults]


def _settings(settings: Settings, host: str) -> Iterator[Finding]:
    faults = check_binding(settings, host)
    yield from (Finding("settings", Level.fault, line) for line in faults)
    yield from (Finding("settings", Level.warning, line) for line in warnings(settings))
    if settings.sms_code_length < 6:
        yield Finding(
            "settings",
            Level.warning,
            "codes of four digits are outside what SECURITY.md claims",
            f"set {variable('sms_code_length')}=6 as soon as the apps can take it",
        )
    if not faults:
        yield Finding("settings", Level.ok, f"in order for a server on {host}")


def _secret_key(settings: Settings) -> Iterator[Finding]:
    if settings.secret_key is not None:
        yield Finding("secret key", Level.ok, f"comes from {settings.source_of('secret_key')}")
    elif settings.database_kind == "sqlite":
        yield from _kept_key(settings)


def _kept_key(settings: Settings) -> Iterator[Finding]:
    path = settings.key_path
    if path.exists():
        try:
            ensure_secret_key(settings)
        except SettingsError as error:
            yield from (Finding("secret key", Level.fault, line) for line in error.faults)
        else:
            yield Finding(
                "secret key",
                Level.ok,
                f"kept in {path}, readable by its owner only",
                "back it up: without it every member has to log in anew",
            )
    elif has_sessions(settings):
        yield Finding(
            "secret key",
            Level.warning,
            f"there are sessions, and no {path}: the next server on loopback makes a new key, "
            "and every token made with another one is void",
            f"restore the file, or set {variable('secret_key_file')}",
        )
    else:
        yield Finding("secret key", Level.note, f"the first server on loopback makes {path}")
