"""The gateway's harmless twin: it keeps what it is given, and fails when told to."""

import asyncio

from denglu.domain.sms_message import SmsMessage
from denglu.flows.ports import Accepted


class MemoryGateway:
    """Keeps messages in ``sent``, oldest first.

    ``fault`` is raised instead of sending; ``delay`` is how many seconds sending takes.
    """

    def __init__(
        self, name: str = "memory", *, fault: Exception | None = None, delay: float = 0
    ) -> None:
        self.name = name
        self.fault = fault
        self.delay = delay
        self.sent: list[SmsMessage] = []

    async def send(self, message: SmsMessage) -> Accepted:
        """Keep the message, or raise the fault."""
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.fault is not None:
            raise self.fault
        self.sent.append(message)
        return Accepted(f"{self.name}-{len(self.sent)}")

    def last_code(self, mobile: str) -> str:
        """The newest code sent to a mobile. Raises LookupError when there is none."""
        for message in reversed(self.sent):
            if message.mobile == mobile:
                return message.code
        raise LookupError(mobile)
