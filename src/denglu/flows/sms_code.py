"""Asking for an SMS code.

1. Claim every limit and store the code, one commit.  2. Send, outside any transaction, the
same for known and unknown numbers.  3. Write down the outcome. A failed sending gives the
number's and the site's budget back; the cooldown stays. To a number with a fixed code nothing
is sent; every limit holds for it as for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, reaches
from denglu.domain.mobile import mask_mobile
from denglu.domain.session import Caller
from denglu.domain.sms_code import CodePolicy, FixedCodes, SmsMessage, Usage
from denglu.domain.watch import Alert
from denglu.flows.code_try import number_key
from denglu.flows.limiting import Claim, Tried, claim_all, release_all
from denglu.flows.ports import Clock, NewCode, Secrets, SmsNotSent, SmsSender, Store, Transaction
from denglu.flows.suspicion import Suspicion
from denglu.flows.watch import Watch

# What a number with a fixed code has in the place of a gateway's name.
_NO_GATEWAY = "test number"
_BUDGET = ((0.5, Alert.sms_budget_half), (1.0, Alert.sms_budget_spent))


@dataclass(frozen=True, slots=True)
class SmsLimits:
    """Per number: cooldown and budget. Per address: messages and distinct numbers. The site.

    ``address_numbers`` refuses only where there is no captcha to ask for.
    """

    cooldown: Limit
    number: Limit
    address: Limit
    address_numbers: Limit
    site: Limit


@dataclass(frozen=True, slots=True)
class Wording:
    """The text of messages: ``{code}``, ``{minutes}`` and ``{days}`` are filled in."""

    code: str = "【denglu】您的验证码是{code}，{minutes}分钟内有效。请勿泄露给他人。"
    password_changed: str = (
        "【denglu】您的密码已修改，所有设备已退出登录。如非本人操作，请尽快重置密码。"
    )
    mobile_changed: str = (
        "【denglu】您的账号已更换绑定手机号，此号码不再用于登录。如非本人操作，请立即联系客服。"
    )
    cancel_requested: str = (
        "【denglu】您已申请注销账号，{days}天后将永久删除。如非本人操作，请登录后撤回并修改密码。"
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
        suspicion: Suspicion,
        watch: Watch,
        fixed: FixedCodes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._secrets = secrets
        self._sender = sender
        self._policy = policy
        self._limits = limits
        self._wording = wording
        self._suspicion = suspicion
        self._watch = watch
        self._fixed = fixed

    async def __call__(
        self, *, mobile: str, usage: Usage, caller: Caller, captcha_token: str = ""
    ) -> None:
        """Raises ``sms_too_frequent``, ``captcha_required``, ``sms_failed`` or ``busy``."""
        key = number_key(self._secrets, caller.merchant_id, mobile)
        now = self._clock.now()
        fixed = self._fixed.code_of(mobile, now)
        code = fixed or self._secrets.new_code(self._policy.lowest, self._policy.length)
        new = self._new_code(key, mobile, usage, code, caller, now)
        counted = self._claims(key, caller.network)

        async def issue(besides: Sequence[Claim]) -> tuple[int, Sequence[Alert]]:
            tried = Tried([*counted, *besides], now)
            return await self._store.write(lambda tx: self._issue(tx, tried, new))

        code_id, alerts = await self._suspicion.of_code(
            self._limits.address_numbers, caller, key, captcha_token, issue
        )
        self._watch.note(*alerts)
        gateway, event = _NO_GATEWAY, Event.sms_code_sent
        if fixed is None:
            gateway, event = await self._send(self._message(mobile, usage, code, now))

        async def record(tx: Transaction) -> None:
            later = self._clock.now()
            if event is Event.sms_code_failed:
                await release_all(tx, Tried(counted[1:3], now), later)
            outcome = event.removeprefix("sms_code_")
            await tx.codes.record_outcome(code_id, gateway, outcome, later)
            await tx.trail.write(
                AuditEvent(
                    event,
                    later,
                    merchant_id=caller.merchant_id,
                    ip=caller.ip,
                    note=f"{usage} {mask_mobile(mobile)}",
                    mobile=mobile,
                )
            )

        await self._store.write(record)
        if event is Event.sms_code_failed:
            raise Refusal(Reason.sms_failed)

    async def _issue(
        self, tx: Transaction, tried: Tried, new: NewCode
    ) -> tuple[int, Sequence[Alert]]:
        """The new code's id, and what its message did to the site's budget."""
        counted = await claim_all(tx, tried)
        site = tried.claims[2]
        alerts = [
            alert
            for share, alert in _BUDGET
            if reaches(site.limit, counted[site.key], tried.at, share)
        ]
        return await tx.codes.issue(new), alerts

    async def _send(self, message: SmsMessage) -> tuple[str, Event]:
        try:
            return await self._sender.send(message), Event.sms_code_sent
        except SmsNotSent:
            return "", Event.sms_code_failed

    def _claims(self, number: bytes, ip: str) -> list[Claim]:
        limits, secret, name = self._limits, self._secrets.key, number.hex()
        counted = [
            (limits.cooldown, secret("sms-cooldown", name)),
            (limits.number, secret("sms-number", name)),
            (limits.site, secret("sms-site")),
            (limits.address, secret("sms-address", ip)),
        ]
        return [Claim(limit, key, Reason.sms_too_frequent) for limit, key in counted]

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
