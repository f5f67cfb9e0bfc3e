"""Tries the gateways in their order, and never sends a message twice.

The next gateway is asked only when the one before surely did not send. Silence until the
deadline is no such certainty: the message may be under way. A gateway that fails again and again
is left alone for a while (``circuit``); whoever comes then is sent on at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.flows.ports import Accepted, GatewayFailed, Sent, SmsGateway, SmsNotSent
from denglu.sms.circuit import Circuit, Pass

_log = logging.getLogger(__name__)
_QUIET_SECONDS = 60.0

LEFT_ALONE = "circuit_open"
"""The cause of a failure where a gateway was not asked."""

Told = Callable[[str, str, float], None]
"""Hears of every message that a gateway was asked for: its name, ``sent`` or the trouble, and
how many seconds it took."""


@runtime_checkable
class Closing(Protocol):
    """A gateway that holds on to something."""

    def close(self) -> None:
        """Let go of it."""
        ...


class Failover:
    """All configured gateways. Times in seconds: for each gateway, for all of them, and how long
    one is left alone. ``now``: a clock for that which only rises.
    """

    def __init__(
        self,
        gateways: Sequence[SmsGateway],
        *,
        each: float = 5.0,
        whole: float = 6.0,
        pause: float = 15.0,
        now: Callable[[], float] = time.monotonic,
        told: Told | None = None,
    ) -> None:
        self._ways = [_Way(gateway, pause, now, told) for gateway in gateways]
        self._each = each
        self._whole = whole

    async def send(self, message: SmsMessage) -> Sent:
        """Send. Raises SmsNotSent."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._whole
        failures: list[GatewayFailed] = []
        for way in self._ways:
            left = end - loop.time()
            if left <= 0:
                break
            try:
                accepted = await way.ask(message, min(self._each, left))
            except GatewayFailed as failure:
                failures.append(failure)
                if not failure.trouble.elsewhere:
                    break
            else:
                # That one is left alone was said when it began.
                if failed := [str(f) for f in failures if f.trouble is not Trouble.unasked]:
                    _log.warning("SMS sent at a later try", extra={"failed": failed})
                return Sent(way.name, accepted, tuple(failures))
        raise SmsNotSent(failures)

    def left_alone(self) -> Mapping[str, bool]:
        """Of each gateway, whether it is left alone."""
        return {way.name: not way.circuit.closed for way in self._ways}

    def close(self) -> None:
        """Ask nobody any more; what is under way ends by its own deadline."""
        for way in self._ways:
            way.close()


class _Way:
    """One gateway, its circuit, and what is said about it in the log."""

    def __init__(
        self, gateway: SmsGateway, pause: float, now: Callable[[], float], told: Told | None
    ) -> None:
        self.name = gateway.name
        self._gateway = gateway
        self.circuit = Circuit(pause=pause, longest=2 * pause)
        self._now = now
        self._told = told
        self._complained = float("-inf")

    async def ask(self, message: SmsMessage, seconds: float) -> Accepted:
        """Send through this gateway. Raises GatewayFailed."""
        passed = self.circuit.enter(self._now())
        if passed is None:
            raise GatewayFailed(self.name, LEFT_ALONE, Trouble.unasked)
        begun, ill = time.monotonic(), None
        try:
            async with asyncio.timeout(seconds):
                accepted = await self._gateway.send(message)
        except Exception as error:
            failure = _judge(self.name, error)
            ill = failure.trouble.ill
            self._note(failure.trouble.value, begun)
            self._complain(failure)
            raise failure from None
        else:
            ill = False
            self._note("sent", begun)
            return accepted
        finally:
            self._leave(passed, ill)

    def close(self) -> None:
        """Let go of its threads, if it has any."""
        if isinstance(self._gateway, Closing):
            self._gateway.close()

    def _leave(self, passed: Pass, ill: bool | None) -> None:
        before = self.circuit.closed
        self.circuit.leave(passed, ill, self._now())
        if before != self.circuit.closed:
            said = "fails again and again, and is left alone" if before else "answers again"
            _log.warning("SMS gateway %s %s", self.name, said)

    def _note(self, outcome: str, begun: float) -> None:
        if self._told is not None:
            self._told(self.name, outcome, time.monotonic() - begun)

    def _complain(self, failure: GatewayFailed) -> None:
        """A line in the log, once a minute, of what only an operator can mend."""
        now = self._now()
        if failure.trouble is Trouble.refused and now - self._complained >= _QUIET_SECONDS:
            self._complained = now
            _log.warning("SMS gateway %s (see denglu doctor sms)", failure)


def _judge(name: str, error: Exception) -> GatewayFailed:
    """What a gateway's exception says about the message. Only it can say: surely not sent."""
    if isinstance(error, GatewayFailed):
        return error
    if isinstance(error, TimeoutError):
        return GatewayFailed(name, "no answer in time", Trouble.unanswered)
    # The type only: an exception's text may quote the request, and with it the code.
    return GatewayFailed(name, type(error).__name__, Trouble.unanswered)
