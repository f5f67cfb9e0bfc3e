"""SMS gateways and the order they are tried in. Imports the domain and the ports only."""

from denglu.sms.console import ConsoleGateway
from denglu.sms.failover import Failover
from denglu.sms.memory import MemoryGateway
from denglu.sms.metered import Metered
from denglu.sms.outbox import OutboxGateway
from denglu.sms.sender import EXTRAS, load_gateway, open_gateway, open_sender

__all__ = [
    "EXTRAS",
    "ConsoleGateway",
    "Failover",
    "MemoryGateway",
    "Metered",
    "OutboxGateway",
    "load_gateway",
    "open_gateway",
    "open_sender",
]
