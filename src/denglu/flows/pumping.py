"""Counting messages under number blocks and address ranges, so that SMS pumping is noticed.

A message counts in the transaction that claims the other limits of sending. It is proven in the
one that spends its code, found again by number, address and time alone. What surely was not sent
is taken back by who sent it; messages that cost nothing are not counted. Who is refused, and how,
is ``suspicion``'s.
"""

from collections.abc import Collection

from denglu.domain.errors import Reason
from denglu.domain.limits import Limit
from denglu.domain.pumping import block_of, range_of
from denglu.domain.sms_code import FixedCodes
from denglu.domain.watch import Alert
from denglu.flows.limiting import Claim, Tried
from denglu.flows.ports import Secrets
from denglu.flows.watch import Watch


class Pumping:
    """See the module's docstring. ``block``, ``span``: unproven messages of a number block, and
    of an address range. ``dry``: no message is sent at all.
    """

    def __init__(
        self,
        secrets: Secrets,
        watch: Watch,
        fixed: FixedCodes,
        *,
        block: Limit,
        span: Limit,
        dry: bool = False,
    ) -> None:
        self._secrets = secrets
        self._watch = watch
        self._fixed = fixed
        self._block = block
        self._span = span
        self._dry = dry

    def message(self, mobile: str, ip: str, at: int) -> Tried:
        """What a message counts under that was asked for by ``ip`` at ``at``: the same whenever
        it is asked, while the settings are.
        """
        if self._dry or self._fixed.code_of(mobile, at) is not None:
            return Tried((), at)
        return Tried(tuple(self._named(mobile, ip).values()), at)

    def note(self, mobile: str, ip: str, refused: Collection[Claim]) -> None:
        """Tell the operator which of them refused a message."""
        keys = {claim.key for claim in refused}
        for name, claim in self._named(mobile, ip).items():
            if claim.key in keys:
                self._watch.note(Alert.sms_pumping, about=name)

    def _named(self, mobile: str, ip: str) -> dict[str, Claim]:
        key, why = self._secrets.key, Reason.sms_too_frequent
        block, span = block_of(mobile), range_of(ip)
        named = {block: Claim(self._block, key("sms-block", block), why)}
        if span:
            named[span] = Claim(self._span, key("sms-range", span), why)
        return named
