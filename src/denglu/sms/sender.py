"""Makes the sender that the settings ask for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from denglu.flows.ports import SmsGateway
from denglu.sms.console import ConsoleGateway
from denglu.sms.failover import Failover
from denglu.sms.outbox import OutboxGateway


class SmsOptions(Protocol):
    """The settings that sending needs. ``Settings`` fulfils it."""

    @property
    def sms_gateways(self) -> Sequence[str]: ...
    @property
    def sms_outbox(self) -> Path | None: ...
    @property
    def sms_gateway_timeout(self) -> float: ...
    @property
    def sms_timeout(self) -> float: ...


def open_sender(options: SmsOptions) -> Failover:
    """All gateways that the settings name, in that order. Raises ValueError for others."""
    return Failover(
        [_open_gateway(name, options) for name in options.sms_gateways],
        each=options.sms_gateway_timeout,
        whole=options.sms_timeout,
    )


def _open_gateway(name: str, options: SmsOptions) -> SmsGateway:
    if name == "console":
        return ConsoleGateway()
    if name == "outbox" and options.sms_outbox is not None:
        return OutboxGateway(options.sms_outbox)
    raise ValueError(f"{name!r} is no gateway, or its settings are missing")
