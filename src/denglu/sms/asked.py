"""What gateways have in common that ask a service by calls which block."""

from collections.abc import Callable
from typing import TypeVarTuple

from denglu.blocking import NotStarted, Threads
from denglu.domain.sms_message import Trouble
from denglu.flows.ports import Accepted, GatewayFailed
from denglu.sms.network import PATIENCE, SECONDS

Ts = TypeVarTuple("Ts")

# A provider that takes 2 s is then asked 8 times a second; more wait, or go to the next one.
THREADS = 16
_MOST_PARTS = 10


class AskedGateway:
    """Threads, a deadline, and what comes of both. ``close`` it in the end."""

    name = ""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._threads = Threads(f"sms-{self.name}", threads=THREADS)

    async def ask(self, call: Callable[[*Ts], Accepted], *given: *Ts) -> Accepted:
        """What a call returns that blocks. Raises GatewayFailed, and nothing else."""
        try:
            return await self._threads.call(call, *given, seconds=self.seconds, patience=PATIENCE)
        except GatewayFailed:
            raise
        except NotStarted:
            raise self.failed("queue", Trouble.unasked) from None
        except TimeoutError:
            raise self.failed("no answer in time", Trouble.unanswered) from None
        except Exception as error:
            # The type only: the text of an exception may quote the request, and with it the code.
            raise self.failed(type(error).__name__, Trouble.unanswered) from None

    def failed(self, cause: str, trouble: Trouble) -> GatewayFailed:
        """The failure of this gateway, to be raised."""
        return GatewayFailed(self.name, cause, trouble)

    def close(self) -> None:
        """Ask nobody any more; what is under way ends by its own deadline."""
        self._threads.close()


def parts_billed(said: object, likely: int) -> int:
    """As how many messages a service says it bills one; ``likely`` where that cannot be true."""
    return said if isinstance(said, int) and 1 <= said <= _MOST_PARTS else likely
