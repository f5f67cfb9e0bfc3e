"""Notices a reverse proxy that nobody said to believe: all clients share its address then, and
its limits.

It looks only at calls that limits guard, believes no header, and refuses nothing.
"""

import logging
from ipaddress import ip_address

from denglu.api.exchange import Exchange
from denglu.api.options import Clock

_log = logging.getLogger(__name__)

# Judged so many calls at a time, however long they take to come.
_CALLS = 100
_SHARE = 0.9
_PAUSE = 3600


class ProxyWatch:
    """Of this process alone. ``warnings``: what is to be said now, in a sentence each."""

    def __init__(self, now: Clock) -> None:
        self.warnings: list[str] = []
        self._now = now
        self._calls = 0
        self._forwarded: dict[str, int] = {}
        self._silent_until = 0

    def saw(self, exchange: Exchange) -> None:
        """Count a call."""
        self._calls += 1
        address = exchange.unbelieved_proxy
        if address is not None and _is_inner(address):
            self._forwarded[address] = self._forwarded.get(address, 0) + 1
        if self._calls == _CALLS:
            self._judge()
            self._calls = 0
            self._forwarded.clear()

    def _judge(self) -> None:
        address, count = max(self._forwarded.items(), key=lambda item: item[1], default=("", 0))
        if count <= _SHARE * _CALLS:
            self.warnings = []
            return
        warning = (
            f"{count} of the last {_CALLS} calls that limits guard came from {address}, which says "
            "that it forwards them: all clients share its address and its limits. If it is your "
            f"proxy, set DENGLU_TRUSTED_PROXIES={address}, and let it send X-Forwarded-For"
        )
        self.warnings = [warning]
        if (now := self._now()) >= self._silent_until:
            self._silent_until = now + _PAUSE
            _log.warning("%s", warning)


def _is_inner(address: str) -> bool:
    try:
        return not ip_address(address).is_global
    except ValueError:
        return False
