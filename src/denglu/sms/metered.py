"""A sender whose messages are counted."""

from denglu.domain.sms_message import SmsMessage
from denglu.flows.ports import Meter, Sent
from denglu.sms.failover import Failover


class Metered:
    """Fulfils ``flows.ports.SmsSender``."""

    def __init__(self, sender: Failover, meter: Meter) -> None:
        self._sender = sender
        self._meter = meter

    async def send(self, message: SmsMessage) -> Sent:
        """Send. Raises SmsNotSent."""
        try:
            sent = await self._sender.send(message)
        finally:
            self._meter.circuits(self._sender.left_alone())
        self._meter.sent(sent.gateway, sent.accepted.parts)
        return sent

    def close(self) -> None:
        """Ask nobody any more."""
        self._sender.close()
