"""Tries the gateways in their order, and never sends a message twice.

The next gateway is asked only when the one before surely did not send. Silence until the
deadline is no such certainty: the message may be under way.
"""

import asyncio
import logging
from collections.abc import Sequence

from denglu.domain.sms_code import SmsMessage
from denglu.flows.ports import GatewayFailed, SmsGateway, SmsNotSent

_log = logging.getLogger(__name__)


class Failover:
    """All configured gateways. Times in seconds: for each gateway, and for all of them."""

    def __init__(
        self, gateways: Sequence[SmsGateway], *, each: float = 5.0, whole: float = 6.0
    ) -> None:
        self._gateways = tuple(gateways)
        self._each = each
        self._whole = whole

    async def send(self, message: SmsMessage) -> str:
        """Send; returns the name of the gateway that did. Raises SmsNotSent."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._whole
        causes = []
        for gateway in self._gateways:
            if loop.time() >= end:
                break
            try:
                async with asyncio.timeout_at(min(end, loop.time() + self._each)):
                    await gateway.send(message)
            except Exception as error:
                failure = _judge(gateway.name, error)
                causes.append(str(failure))
                if not failure.certainly:
                    break
            else:
                if causes:
                    _log.warning("SMS sent at a later try", extra={"failed": causes})
                return gateway.name
        raise SmsNotSent("; ".join(causes) or "no gateway is configured")


def _judge(name: str, error: Exception) -> GatewayFailed:
    """What a gateway's exception says about the message. Only it can say: surely not sent."""
    if isinstance(error, GatewayFailed):
        return error
    if isinstance(error, TimeoutError):
        return GatewayFailed(name, "no answer in time", certainly=False)
    # The type only: an exception's text may quote the request, and with it the code.
    return GatewayFailed(name, type(error).__name__, certainly=False)
