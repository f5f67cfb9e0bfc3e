"""Budgets of messages: what is spent is counted first, and then compared.

A message is charged before it is sent, as if the dearest gateway took it. How its sending ended
settles that: the price of the gateway that took it, or all of it given back where surely nothing
was sent. So what is spent never exceeds a budget, whoever asks at the same time. Only a message
that is billed as more parts than its text has takes more than was charged.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from denglu.domain.errors import Reason, Refusal
from denglu.domain.spend import Cap, Kind
from denglu.domain.watch import Alert
from denglu.flows.ports import Period, Spent, Transaction

# As a scope: no merchant has this id.
_SITE = -1


@dataclass(frozen=True, slots=True)
class Charge:
    """What a message was charged, and in which periods. ``parts``: as how many it was counted."""

    periods: Sequence[Period] = ()
    cost: int = 0
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Crossing:
    """A budget reached half of it, or its end; ``about``: which one, but for the site's rates."""

    alert: Alert
    about: str = ""


class Budget:
    """See the module's docstring. ``prices``: of one part, of every gateway that may be used.

    ``site``, ``merchant``: the caps of the site, and of each merchant. ``offset``: hours that
    local time is ahead of UTC. Money: ten-thousandths.
    """

    def __init__(
        self,
        prices: Mapping[str, int] | None = None,
        *,
        site: Mapping[Kind, Cap] | None = None,
        merchant: Mapping[Kind, Cap] | None = None,
        offset: int = 8,
    ) -> None:
        self._prices = dict(prices or {})
        self._dearest = max(self._prices.values(), default=0)
        self._site = dict(site or {})
        self._merchant = dict(merchant or {})
        self._offset = offset

    async def charge(
        self, tx: Transaction, merchant_id: int, now: int, parts: int = 1
    ) -> tuple[Charge, Sequence[Crossing]]:
        """Charge one message, in every period that has a cap.

        Raises ``sms_budget`` where one of them has no room: that undoes the transaction. A
        crossing is to be told after the commit.
        """
        cost = self._dearest * parts
        capped = self._capped(merchant_id, now)
        spent = await tx.spending.add([period for period, _ in capped], 1, cost)
        found = [(period, cap, sum_) for (period, cap), sum_ in zip(capped, spent, strict=True)]
        if full := [
            period.ends_at - now
            for period, cap, sum_ in found
            if not cap.holds(sum_.messages, sum_.cost)
        ]:
            raise Refusal(Reason.sms_budget, retry_after=max(full))
        charge = Charge(tuple(period for period, _ in capped), cost, parts)
        return charge, tuple(
            crossing for each in found for crossing in self._crossed(*each, cost=cost)
        )

    async def settle(self, tx: Transaction, charge: Charge, cost: int | None) -> None:
        """Correct a charge by what the message cost; None: surely nothing was sent."""
        messages, less = (-1, -charge.cost) if cost is None else (0, cost - charge.cost)
        if messages or less:
            await tx.spending.add(charge.periods, messages, less)

    def cost(self, gateway: str, parts: int) -> int:
        """What a gateway takes for a message of so many parts."""
        return self._prices.get(gateway, 0) * parts

    def _capped(self, merchant_id: int, now: int) -> list[tuple[Period, Cap]]:
        """The periods of now that have a cap, in the order in which they are locked."""
        found = [
            (Period(scope, kind.value, *kind.span(now, self._offset)), cap)
            for scope, caps in ((_SITE, self._site), (merchant_id, self._merchant))
            for kind, cap in caps.items()
        ]
        return sorted(found, key=lambda each: (each[0].scope, each[0].kind, each[0].starts_at))

    def _crossed(self, period: Period, cap: Cap, spent: Spent, *, cost: int) -> Iterator[Crossing]:
        about = period.kind if period.scope == _SITE else f"{period.kind}/merchant-{period.scope}"
        before = (spent.messages - 1, spent.cost - cost)
        now = (spent.messages, spent.cost)
        if cap.half(*now) and not cap.half(*before):
            yield Crossing(Alert.sms_budget_half, about)
        # One more of these would not be sent.
        if not cap.holds(now[0] + 1, now[1] + cost):
            yield Crossing(Alert.sms_budget_spent, about)
