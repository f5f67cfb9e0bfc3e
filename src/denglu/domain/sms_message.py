"""Messages: what is sent, how a sending ends, and what can be in its way.

Costs are whole ten-thousandths of the currency that prices are given in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Notice(StrEnum):
    """Messages without a code, named as templates are."""

    password_changed = "password-changed"
    mobile_changed = "mobile-changed"
    cancel_requested = "cancel-requested"


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """A message to be sent. ``mobile`` is canonical, ``sent_at`` in Unix seconds.

    ``template``: the usage of a code, or a ``Notice``. ``number``: the message's row, the same
    for every gateway that is tried; 0 where it has none.
    """

    mobile: str
    usage: str
    code: str = field(repr=False)
    minutes: int
    text: str = field(repr=False)
    sent_at: int
    template: str = ""
    product: str = ""
    days: int = 0
    number: int = 0

    @property
    def params(self) -> Mapping[str, str]:
        """What a provider's template may ask for, by name: code, minutes, product, days."""
        known = {
            "code": self.code,
            "minutes": str(self.minutes or ""),
            "product": self.product,
            "days": str(self.days or ""),
        }
        return {name: value for name, value in known.items() if value}


class Trouble(StrEnum):
    """Why a gateway did not send, as far as that decides what is done next."""

    unreachable = "unreachable"  # no connection, or the provider says that it is down
    unanswered = "unanswered"  # it may be under way
    throttled = "throttled"  # too much for our account
    number_limit = "number_limit"  # too much for this number
    refused = "refused"  # our keys, signature, template, balance
    bad_number = "bad_number"
    blocked = "blocked"  # the number's owner or operator wants no such messages
    unasked = "unasked"  # left alone, our own queue is full, no template: nobody was asked

    @property
    def surely_not_sent(self) -> bool:
        """Whether no message is under way."""
        return self is not Trouble.unanswered

    @property
    def elsewhere(self) -> bool:
        """Whether another gateway may be tried."""
        return self not in (Trouble.unanswered, Trouble.bad_number, Trouble.blocked)

    @property
    def ill(self) -> bool | None:
        """Whether the gateway is out of order; None where it was not even asked. A gateway that
        says no to our account or to one template is well: others of its messages may pass.
        """
        if self is Trouble.unasked:
            return None
        return self in (Trouble.unreachable, Trouble.unanswered)


class Outcome(StrEnum):
    """How a message stands."""

    sending = "sending"
    sent = "sent"
    failed = "failed"
    unknown = "unknown"  # no answer: it may have been sent
    dry_run = "dry_run"
    test_number = "test_number"
    delivered = "delivered"
    undelivered = "undelivered"


@dataclass(frozen=True, slots=True)
class MessageResult:
    """How a sending ended. ``error``: a provider's code, or the kind of trouble; never a text that
    may quote the message. ``provider_id``: the message's name there. Times: Unix seconds.
    """

    outcome: Outcome
    at: int
    gateway: str = ""
    provider_id: str = ""
    error: str = ""
    cost: int = 0
    parts: int = 0
    latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says later of a message that it took."""

    gateway: str
    provider_id: str
    delivered: bool
    error: str = ""
