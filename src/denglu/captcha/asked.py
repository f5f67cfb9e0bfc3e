"""Captchas that a service judges: asked on a few threads, within a deadline.

The libraries of these services block, so none of them runs on the event loop. What a service
says of a token is final; what it cannot say is ``busy``, or a pass where the operator chose so.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from denglu.blocking import NotStarted, Threads
from denglu.domain.errors import Detail, Reason, Refusal
from denglu.flows.ports import Secrets

_log = logging.getLogger(__name__)

CONNECT_SECONDS = 2.0
SECONDS = 3.0
# The services take a token once themselves; this long we remember it besides.
LIFE = 1800
_QUIET_SECONDS = 60.0


class Unanswered(Exception):
    """The service could not say whether a token is good. The text is for the log."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a service said of a token: ``passed`` is its name there, empty for a bad one;
    ``fault`` what an operator should hear of.
    """

    passed: str = ""
    fault: str = ""


class Service(Protocol):
    """One service's captcha."""

    @property
    def shown(self) -> Mapping[str, Detail]:
        """What a client needs to show it."""
        ...

    def judge(self, token: str, ip: str) -> Verdict:
        """Ask, blocking, for about ``SECONDS``. Raises Unanswered."""
        ...


class AskedCaptcha:
    """Fulfils ``flows.ports.Captcha``. ``lenient``: a token passes while its service is away."""

    def __init__(
        self, service: Service, secrets: Secrets, *, lenient: bool, seconds: float = SECONDS
    ) -> None:
        self._service = service
        self._secrets = secrets
        self._lenient = lenient
        self._seconds = seconds
        self._threads = Threads("captcha")
        self._told = float("-inf")

    @property
    def life(self) -> int:
        """Seconds after which a service takes no token any more, and far beyond."""
        return LIFE

    def show(self) -> Mapping[str, Detail]:
        """What a client needs to show it."""
        return self._service.shown

    async def check(self, token: str, ip: str) -> bytes | None:
        """The digest of a token that the service lets pass. Raises ``busy``."""
        try:
            verdict = await self._judged(token, ip)
        except Unanswered as error:
            self._tell(f"the captcha service cannot be asked: {error}")
            if not self._lenient:
                raise _busy() from None
            verdict = Verdict(passed=token)
        if verdict.fault:
            self._tell(f"the captcha service takes no token: {verdict.fault}")
        return self._secrets.key("captcha", verdict.passed) if verdict.passed else None

    def close(self) -> None:
        """Ask nobody any more; what is under way ends by its own deadline."""
        self._threads.close()

    async def _judged(self, token: str, ip: str) -> Verdict:
        try:
            return await self._threads.call(self._service.judge, token, ip, seconds=self._seconds)
        except NotStarted:
            # One that still waits behind others says nothing about the service.
            raise _busy() from None
        except TimeoutError:
            raise Unanswered("no answer in time") from None

    def _tell(self, what: str) -> None:
        """A line in the log, once a minute: a flood of bad tokens is no flood of lines."""
        now = time.monotonic()
        if now - self._told >= _QUIET_SECONDS:
            self._told = now
            _log.warning(what)


def _busy() -> Refusal:
    return Refusal(Reason.busy, retry_after=3)
