"""Trying an SMS code: counted and committed first, judged after, spent in the deed."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit
from denglu.domain.member import Namespace
from denglu.domain.mobile import mask_mobile
from denglu.domain.session import Caller
from denglu.domain.sms_code import CodePolicy, LiveCode, Usage
from denglu.domain.watch import Sight
from denglu.flows.limiting import (
    Claim,
    Tried,
    claim_all,
    prove_each,
    release_all,
    release_each,
)
from denglu.flows.ports import Clock, Secrets, Store, Transaction
from denglu.flows.pumping import Pumping
from denglu.flows.watch import Watch


@dataclass(frozen=True, slots=True)
class RightCode:
    """A code that fits, not yet spent. ``sent``: what its message was counted under."""

    live: LiveCode
    tried: Tried
    sent: Tried


class CodeTry:
    """Judges codes. ``number``: wrong tries per number, all usages; ``address``: per address."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secrets: Secrets,
        policy: CodePolicy,
        watch: Watch,
        pumping: Pumping,
        *,
        number: Limit,
        address: Limit,
    ) -> None:
        self._store = store
        self._clock = clock
        self._secrets = secrets
        self._policy = policy
        self._watch = watch
        self._pumping = pumping
        self._number = number
        self._address = address

    async def judge(self, mobile: str, usage: Usage, code: str, caller: Caller) -> RightCode:
        """Return the right code. Raises ``bad_code``, or ``too_many_attempts`` by address."""
        if not code:
            raise Refusal(Reason.bad_code)
        key = number_key(self._secrets, caller.namespace, mobile)
        now = self._clock.now()
        tried = Tried(self._claims(key, caller.network), now)
        tries = self._watch.code_tries(self._policy.tries)
        masked = caller.namespace.marked(mask_mobile(mobile))

        async def count(tx: Transaction) -> LiveCode:
            live = await tx.codes.claim_try(key, usage, tries, now)
            if live is None:
                raise Refusal(Reason.bad_code)
            await claim_all(tx, tried)
            await tx.trail.write(
                AuditEvent(
                    Event.sms_code_compared,
                    now,
                    merchant_id=caller.merchant_id,
                    ip=caller.ip,
                    note=f"{usage} {masked}",
                    mobile=mobile,
                    member_type=caller.member_type,
                )
            )
            return live

        try:
            live = await self._store.write(count)
        except Refusal as refusal:
            if refusal.reason is Reason.bad_code:  # whatever kept it from being compared
                raise Refusal(Reason.bad_code) from None
            raise
        if not self._secrets.same(
            live.digest, self._secrets.code_digest(live.salt, mobile, usage, code)
        ):
            self._watch.saw(Sight.code_compared, Sight.code_wrong)
            raise Refusal(Reason.bad_code)
        self._watch.saw(Sight.code_compared)
        return RightCode(live, tried, self._pumping.message(mobile, live.ip, live.sent_at))

    async def spend(self, tx: Transaction, right: RightCode, now: int) -> None:
        """Use the code up. Raises ``bad_code`` when a rival did, or its time is over."""
        await prove_each(tx, [right.sent], now)  # a refusal undoes it
        if not await tx.codes.spend(right.live.id, now):
            raise Refusal(Reason.bad_code)
        await release_all(tx, right.tried, now)

    async def spend_each(self, tx: Transaction, codes: Sequence[RightCode], now: int) -> None:
        """Use several codes up, all or none. Raises ``bad_code``."""
        await prove_each(tx, [right.sent for right in codes], now)
        for right in sorted(codes, key=lambda right: right.live.id):
            if not await tx.codes.spend(right.live.id, now):
                raise Refusal(Reason.bad_code)
        await release_each(tx, [right.tried for right in codes], now)

    async def refund(self, right: RightCode) -> None:
        """The code was right, but the deed was refused: it was no wrong try."""
        now = self._clock.now()

        async def give_back(tx: Transaction) -> None:
            await tx.codes.refund_try(right.live.id)
            await release_all(tx, right.tried, now)

        await self._store.write(give_back)

    def _claims(self, number: bytes, ip: str) -> list[Claim]:
        key = self._secrets.key
        # Named: where nobody knows whether the code was spent, that try may be taken back twice.
        name = secrets.token_hex(4)
        return [
            Claim(self._address, key("code-address", ip), Reason.too_many_attempts),
            Claim(self._number, key("code-number", number.hex()), Reason.bad_code, name),
        ]


def number_key(secrets: Secrets, namespace: Namespace, mobile: str) -> bytes:
    """The key under which codes of a number are kept."""
    return secrets.key("mobile", namespace.tag or "0", mobile)
