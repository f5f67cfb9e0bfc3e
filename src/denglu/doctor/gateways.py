"""The doctor's short look at the SMS gateways: can they be written to, and do they answer?

Keys, signatures and templates are for ``denglu doctor sms``.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from denglu.doctor.finding import Finding, Level
from denglu.doctor.knock import knock
from denglu.settings import Settings
from denglu.settings.model import variable
from denglu.sms import EXTRAS


def examine_gateways(settings: Settings) -> Iterator[Finding]:
    """Can codes be sent?"""
    yield from examine_local(settings)
    for name in settings.sms_gateways:
        if name in _ENDPOINTS:
            yield from _provider(name, settings)


def examine_local(settings: Settings) -> Iterator[Finding]:
    """The gateways that need no network."""
    for name in settings.sms_gateways:
        if name == "console":
            yield _gateway(
                Level.note,
                "console: the server prints codes on its standard output",
                "name a provider's gateway before members use it",
            )
        elif name == "outbox" and settings.sms_outbox is not None:
            yield from _outbox(settings.sms_outbox)


def no_library(name: str, missing: ModuleNotFoundError) -> Finding:
    """The finding where a gateway's library is not installed."""
    return _gateway(
        Level.fault,
        f"the library of {name} is not installed ({missing.name})",
        f"pip install 'denglu[{EXTRAS.get(name, name)}]'",
    )


def _provider(name: str, settings: Settings) -> Iterator[Finding]:
    try:
        endpoint = _ENDPOINTS[name](settings)
    except ModuleNotFoundError as missing:
        yield no_library(name, missing)
        return
    if trouble := knock(endpoint):
        yield _gateway(
            Level.warning,
            f"{name}: {endpoint} does not answer ({trouble})",
            "let this machine reach it, or correct the gateway's address in the settings",
        )
    else:
        yield _gateway(
            Level.ok, f"{name} answers at {endpoint}; `denglu doctor sms` tries keys and templates"
        )


def _aliyun(settings: Settings) -> str:
    from denglu.sms.aliyun import ENDPOINT

    return settings.sms_aliyun_endpoint or ENDPOINT


def _pnvs(settings: Settings) -> str:
    from denglu.sms.pnvs import ENDPOINT

    return settings.sms_pnvs_endpoint or ENDPOINT


def _tencent(settings: Settings) -> str:
    from denglu.sms.tencent import ENDPOINT

    return settings.sms_tencent_endpoint or ENDPOINT


def _http(settings: Settings) -> str:
    parts = urlsplit(settings.sms_http_url)
    return f"{parts.scheme}://{parts.netloc}"


_ENDPOINTS: Mapping[str, Callable[[Settings], str]] = {
    "aliyun": _aliyun,
    "aliyun-pnvs": _pnvs,
    "tencent": _tencent,
    "http": _http,
}


def _outbox(path: Path) -> Iterator[Finding]:
    target = path if path.exists() else path.parent
    if path.is_dir() or not target.exists():
        yield _gateway(
            Level.fault,
            f"outbox: {path} cannot be a file",
            f"make its folder, or set {variable('sms_outbox')}",
        )
    elif not os.access(target, os.W_OK):
        yield _gateway(
            Level.fault, f"outbox: this user cannot write {path}", "change its owner or its place"
        )
    elif path.exists() and path.stat().st_mode & 0o077:
        mode = path.stat().st_mode & 0o777
        yield _gateway(
            Level.fault,
            f"outbox: {path} has mode {mode:03o}, so others can read every code",
            f"chmod 600 {path}",
        )
    else:
        yield _gateway(Level.ok, f"outbox: {path} can be written")


def _gateway(level: Level, message: str, advice: str = "") -> Finding:
    return Finding("gateways", level, message, advice)
