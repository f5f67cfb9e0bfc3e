"""Asking for an SMS code.

1. Claim every limit, store the code and book its message, one commit.  2. Send, outside any
transaction, the same for known and unknown numbers.  3. Write down how it ended. What surely was
not sent gives the number's and the site's tries back; the cooldown stays. To a number with a
fixed code nothing is sent; every limit holds for it as for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, reaches
from denglu.domain.mobile import mask_mobile
from denglu.domain.session import Caller
from denglu.domain.sms_code import CodePolicy, FixedCodes, Usage
from denglu.domain.sms_message import MessageResult, Outcome
from denglu.domain.watch import Alert
from denglu.domain.wording import Wording
from denglu.flows.budget import Crossing
from denglu.flows.code_try import number_key
from denglu.flows.limiting import Claim, Full, Tried, claim_all, release_all, write_unless_full
from denglu.flows.ports import Clock, NewCode, Secrets, SmsNotSent, Store, Transaction
from denglu.flows.pumping import Pumping
from denglu.flows.sending import Booked, Sending
from denglu.flows.suspicion import Suspicion

_NOT_SENT = (Outcome.failed, Outcome.unknown)
_BUDGET = ((0.5, Alert.sms_budget_half), (1.0, Alert.sms_budget_spent))


@dataclass(frozen=True, slots=True)
class SmsLimits:
    """Per number: cooldown and budget. Per address: messages and distinct numbers. The site.

    ``address_numbers`` refuses only where there is no captcha to ask for. ``phone``: for a number
    of all merchants and the site together, where there are merchants.
    """

    cooldown: Limit
    number: Limit
    address: Limit
    address_numbers: Limit
    site: Limit
    phone: Limit | None = None


class SendCode:
    """See the module's docstring."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secrets: Secrets,
        sending: Sending,
        policy: CodePolicy,
        limits: SmsLimits,
        wording: Wording,
        suspicion: Suspicion,
        pumping: Pumping,
        fixed: FixedCodes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._secrets = secrets
        self._sending = sending
        self._policy = policy
        self._limits = limits
        self._given_back = (limits.number, limits.phone, limits.site)
        self._wording = wording
        self._suspicion = suspicion
        self._pumping = pumping
        self._fixed = fixed

    async def __call__(
        self, *, mobile: str, usage: Usage, caller: Caller, captcha_token: str = ""
    ) -> None:
        """Raises ``sms_too_frequent``, ``captcha_required``, ``sms_budget``, ``sms_failed`` or
        ``busy``.
        """
        key = number_key(self._secrets, caller.namespace, mobile)
        now = self._clock.now()
        fixed = self._fixed.code_of(mobile, now)
        code = fixed or self._secrets.new_code(self._policy.lowest, self._policy.length)
        new = self._new_code(key, mobile, usage, code, caller, now)
        life = self._policy.life
        message = self._wording.of_code(usage, mobile=mobile, code=code, life=life, now=now)
        counted = self._claims(mobile, key, caller.network)
        pumped = self._pumping.message(mobile, caller.ip, now).claims

        async def issue(besides: Sequence[Claim]) -> Booked:
            tried = Tried([*counted, *besides], now)
            free = fixed is not None

            async def work(tx: Transaction) -> Booked:
                crossed = await self._issue(tx, tried, new)
                booked = await self._sending.book(
                    tx, message, namespace=caller.namespace, number_key=key, free=free
                )
                return replace(booked, crossings=[*crossed, *booked.crossings])

            try:
                return await write_unless_full(self._store, work)
            except Full as full:
                self._pumping.note(mobile, caller.ip, full.claims)
                raise

        booked = await self._suspicion.of_code(
            self._limits.address_numbers, pumped, caller, key, captcha_token, issue
        )

        async def closing(tx: Transaction, result: MessageResult) -> None:
            if result.outcome is Outcome.failed:
                back = [claim for claim in counted if claim.limit in self._given_back]
                await release_all(tx, Tried([*back, *pumped], now), result.at)
            failed = result.outcome in _NOT_SENT
            masked = caller.namespace.marked(mask_mobile(mobile))
            await tx.trail.write(
                AuditEvent(
                    Event.sms_code_failed if failed else Event.sms_code_sent,
                    result.at,
                    merchant_id=caller.merchant_id,
                    ip=caller.ip,
                    note=f"{usage} {masked}",
                    mobile=mobile,
                    member_type=caller.member_type,
                )
            )

        try:
            await self._sending.deliver(booked, closing)
        except SmsNotSent as lost:
            raise self._refusal(lost) from None

    async def _issue(self, tx: Transaction, tried: Tried, new: NewCode) -> Sequence[Crossing]:
        """Count the try and store the code; returns what that did to the site's tries."""
        counted = await claim_all(tx, tried)
        await tx.codes.issue(new)
        site, limit = counted[self._secrets.key("sms-site")], self._limits.site
        return [
            Crossing(alert) for share, alert in _BUDGET if reaches(limit, site, tried.at, share)
        ]

    def _refusal(self, lost: SmsNotSent) -> Refusal:
        """Where a provider's limit is in the way, waiting helps, as with our own."""
        if not lost.limited:
            return Refusal(Reason.sms_failed)
        cooldown = max(rate.window for rate in self._limits.cooldown.rates)
        return Refusal(Reason.sms_too_frequent, retry_after=cooldown)

    def _claims(self, mobile: str, number: bytes, ip: str) -> list[Claim]:
        limits, secret, name = self._limits, self._secrets.key, number.hex()
        counted = [
            (limits.cooldown, secret("sms-cooldown", name)),
            (limits.number, secret("sms-number", name)),
            (limits.site, secret("sms-site")),
            (limits.address, secret("sms-address", ip)),
        ]
        if limits.phone is not None:
            counted.append((limits.phone, secret("sms-phone", mobile)))
        return [Claim(limit, key, Reason.sms_too_frequent) for limit, key in counted]

    def _new_code(
        self, key: bytes, mobile: str, usage: Usage, code: str, caller: Caller, now: int
    ) -> NewCode:
        salt = self._secrets.new_salt()
        return NewCode(
            merchant_id=caller.merchant_id,
            number_key=key,
            masked=caller.namespace.marked(mask_mobile(mobile)),
            usage=usage,
            salt=salt,
            digest=self._secrets.code_digest(salt, mobile, usage, code),
            expires_at=now + self._policy.life,
            ip=caller.ip,
            now=now,
        )
