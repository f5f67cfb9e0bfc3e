"""One message that tries the gateways: a real one, with a code that is good for nothing.

Its cost counts in the budgets, and it stands among the others; no limit of the number counts it.
"""

from denglu.domain.member import SITE
from denglu.domain.sms_code import CodePolicy, Usage
from denglu.domain.sms_message import MessageResult, SmsMessage
from denglu.domain.wording import Wording
from denglu.flows.code_try import number_key
from denglu.flows.ports import Clock, Secrets, Store
from denglu.flows.sending import Sending


class SendTest:
    """See the module's docstring."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secrets: Secrets,
        sending: Sending,
        policy: CodePolicy,
        wording: Wording,
    ) -> None:
        self._store = store
        self._clock = clock
        self._secrets = secrets
        self._sending = sending
        self._policy = policy
        self._wording = wording

    def message(self, mobile: str, usage: Usage) -> SmsMessage:
        """What is to be sent."""
        code = self._secrets.new_code(self._policy.lowest, self._policy.length)
        life, now = self._policy.life, self._clock.now()
        return self._wording.of_code(usage, mobile=mobile, code=code, life=life, now=now)

    async def __call__(self, message: SmsMessage) -> MessageResult:
        """Raises SmsNotSent and ``sms_budget``."""
        key = number_key(self._secrets, SITE, message.mobile)
        booked = await self._store.write(
            lambda tx: self._sending.book(tx, message, namespace=SITE, number_key=key)
        )
        return await self._sending.deliver(booked)
