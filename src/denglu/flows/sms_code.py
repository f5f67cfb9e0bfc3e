"""Asking for an SMS code.

1. Claim every limit and store the code, one commit.  2. Send, outside any transaction, the
same for known and unknown numbers.  3. Write down the outcome. A failed sending gives the
number's and the site's budget back; the cooldown stays.
"""

from dataclasses import dataclass

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit
from denglu.domain.mobile import mask_mobile
from denglu.domain.session import Caller
from denglu.domain.sms_code import CodePolicy, SmsMessage, Usage
from denglu.flows.code_try import number_key
from denglu.flows.limiting import Claim, Tried, claim_all, release_all
from denglu.flows.ports import Clock, NewCode, Secrets, SmsNotSent, SmsSender, Store, Transaction


@dataclass(frozen=True, slots=True)
class SmsLimits:
    """Per number: cooldown and budget. Per address: messages and distinct numbers. The site."""

    cooldown: Limit
    number: Limit
    address: Limit
    address_numbers: Limit
    site: Limit


@dataclass(frozen=True, slots=True)
class Wording:
    """The text of messages: ``{code}`` and ``{minutes}`` are filled in."""

    code: str = "【denglu】您的验证码是{code}，{minutes}分钟内有效。请勿泄露给他人。"
    password_changed: str = (
        "【denglu】您的密码已修改，所有设备已退出登录。如非本人操作，请尽快重置密码。"
    )


class SendCode:
    """See the module's docstring."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secrets: Secrets,
        sender: SmsSender,
        policy: CodePolicy,
        limits: SmsLimits,
        wording: Wording,
    ) -> None:
        self._store = store
        self._clock = clock
        self._secrets = secrets
        self._sender = sender
        self._policy = policy
        self._limits = limits
        self._wording = wording

    async def __call__(self, *, mobile: str, usage: Usage, caller: Caller) -> None:
        """Raises ``sms_too_frequent``, ``sms_failed`` or ``busy``."""
        now = self._clock.now()
        code = self._secrets.new_code(self._policy.lowest, self._policy.length)
        key = number_key(self._secrets, caller.merchant_id, mobile)
        tried = Tried(self._claims(key, caller.network), now)

        async def issue(tx: Transaction) -> int:
            await claim_all(tx, tried)
            return await tx.codes.issue(self._new_code(key, mobile, usage, code, caller, now))

        code_id = await self._store.write(issue)
        message = self._message(mobile, usage, code, now)
        try:
            gateway, event = await self._sender.send(message), Event.sms_code_sent
        except SmsNotSent:
            gateway, event = "", Event.sms_code_failed

        async def record(tx: Transaction) -> None:
            later = self._clock.now()
            if event is Event.sms_code_failed:
                await release_all(tx, Tried(tried.claims[1:3], now), later)
            outcome = event.removeprefix("sms_code_")
            await tx.codes.record_outcome(code_id, gateway, outcome, later)
            await tx.trail.write(
                AuditEvent(
                    event,
                    later,
                    merchant_id=caller.merchant_id,
                    ip=caller.ip,
                    note=f"{usage} {mask_mobile(mobile)}",
                )
            )

        await self._store.write(record)
        if event is Event.sms_code_failed:
            raise Refusal(Reason.sms_failed)

    def _claims(self, number: bytes, ip: str) -> list[Claim]:
        limits, secret, name = self._limits, self._secrets.key, number.hex()
        counted = [
            (limits.cooldown, secret("sms-cooldown", name), ""),
            (limits.number, secret("sms-number", name), ""),
            (limits.site, secret("sms-site"), ""),
            (limits.address, secret("sms-address", ip), ""),
            (limits.address_numbers, secret("sms-address-numbers", ip), name[:16]),
        ]
        return [Claim(limit, key, Reason.sms_too_frequent, tag) for limit, key, tag in counted]

    def _new_code(
        self, key: bytes, mobile: str, usage: Usage, code: str, caller: Caller, now: int
    ) -> NewCode:
        salt = self._secrets.new_salt()
        return NewCode(
            merchant_id=caller.merchant_id,
            number_key=key,
            masked=mask_mobile(mobile),
            usage=usage,
            salt=salt,
            digest=self._secrets.code_digest(salt, mobile, usage, code),
            expires_at=now + self._policy.life,
            ip=caller.ip,
            now=now,
        )

    def _message(self, mobile: str, usage: Usage, code: str, now: int) -> SmsMessage:
        minutes = max(1, self._policy.life // 60)
        text = self._wording.code.format(code=code, minutes=minutes)
        return SmsMessage(mobile, usage, code, minutes, text, now)
