"""``denglu doctor sms``: asks each gateway for its keys, signature and templates; nothing is sent.

What it cannot see, it says: only a message that arrives proves that messages arrive.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from denglu.doctor.finding import Finding, Level
from denglu.doctor.gateways import examine_local, no_library
from denglu.doctor.sms_codes import explain, lines_of
from denglu.doctor.sms_fit import examine_fit
from denglu.doctor.sms_money import examine_money
from denglu.domain.sms_message import Trouble
from denglu.settings import Settings, warnings
from denglu.settings.model import variable
from denglu.settings.readers import is_of_plugin
from denglu.sms import open_gateway
from denglu.sms.codes import Check

_LOCAL = ("console", "outbox")
_KEYS = "credentials"
_AWAY = (Trouble.unreachable, Trouble.unanswered, Trouble.throttled)
_OURS = variable("sms_")


@runtime_checkable
class _Checked(Protocol):
    """A gateway that can be looked at without sending. Blocks."""

    def check(self) -> Iterable[Check]: ...
    def close(self) -> None: ...


def examine_sms(settings: Settings) -> Iterator[Finding]:
    """Every finding about messages, gateway by gateway. Blocks, for seconds for each gateway."""
    yield from examine_local(settings)
    asked = [name for name in settings.sms_gateways if name not in _LOCAL]
    for name in asked:
        yield from _examine(name, settings)
    if asked:
        yield Finding(
            "sending",
            Level.note,
            "nothing was sent: whether messages arrive shows only when one does",
            "denglu sms test MOBILE",
        )
    said = (line for line in warnings(settings) if _OURS in line)
    yield from (Finding("settings", Level.warning, line) for line in said)
    yield from examine_fit(settings)
    yield from examine_money(settings)


def _examine(name: str, settings: Settings) -> Iterator[Finding]:
    """What a gateway's provider says."""
    if is_of_plugin(name):
        return
    try:
        gateway = open_gateway(name, settings)
    except ModuleNotFoundError as missing:
        yield no_library(name, missing)
        return
    if isinstance(gateway, _Checked):
        try:
            yield from _told(name, gateway.check())
        finally:
            gateway.close()


def _told(name: str, checks: Iterable[Check]) -> Iterator[Finding]:
    for check in checks:
        known = explain(check.code, check.detail, gateway=name) if check.code else None
        detail = f" ({check.detail})" if check.detail not in ("", check.code) else ""
        message = f"{check.what}: {_said(check)}{detail}"
        yield Finding(name, _level(check), message, lines_of(known) if known else "")


def _level(check: Check) -> Level:
    if check.what == _KEYS and check.ok is not True:
        # Of an account that asked too often nothing is known; who cannot be asked cannot send.
        return Level.warning if check.code == Trouble.throttled else Level.fault
    return {True: Level.ok, False: Level.fault, None: Level.note}[check.ok]


def _said(check: Check) -> str:
    if check.what == _KEYS and (check.ok is None or check.code in _AWAY):
        return f"could not be asked: {check.code}"
    if check.ok is None:
        return "shows only when a message is sent" + (f": {check.code}" if check.code else "")
    return "in order" if check.ok else check.code
