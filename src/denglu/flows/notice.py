"""Telling members by SMS what was done to their account. A notice takes nothing back."""

import logging

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.sms_code import SmsMessage
from denglu.flows.code_try import number_key
from denglu.flows.limiting import Claim, Tried, claim_all
from denglu.flows.ports import Clock, Secrets, SmsNotSent, SmsSender, Store
from denglu.flows.sms_code import Wording

_log = logging.getLogger(__name__)

NOTICE = "notice"
# Who knows a password can change it back and forth: nobody's phone rings all night for it.
_PER_NUMBER = Limit("sms-notice", (Rate(5, 3600), Rate(10, 86400)))


class Notices:
    """Sends notices: as many to a number as codes, and no more."""

    def __init__(
        self, store: Store, clock: Clock, secrets: Secrets, sender: SmsSender, wording: Wording
    ) -> None:
        self._store = store
        self._clock = clock
        self._secrets = secrets
        self._sender = sender
        self._wording = wording

    async def password_changed(self, mobile: str, merchant_id: int) -> None:
        """To be called after the commit. Raises nothing."""
        await self.send(mobile, merchant_id, self._wording.password_changed)

    async def mobile_changed(self, mobile: str, merchant_id: int) -> None:
        """The same; ``mobile`` is the number that was given up."""
        await self.send(mobile, merchant_id, self._wording.mobile_changed)

    async def cancel_requested(self, mobile: str, merchant_id: int, days: int) -> None:
        """The same; ``days``: until the account is deleted."""
        text = self._wording.cancel_requested.format(days=days)
        await self.send(mobile, merchant_id, text)

    async def send(self, mobile: str, merchant_id: int, text: str) -> None:
        """The same with another text; without a mobile there is nobody to tell."""
        if not mobile:
            return
        now = self._clock.now()
        number = number_key(self._secrets, merchant_id, mobile)
        key = self._secrets.key("sms-notice", number.hex())
        claimed = Tried([Claim(_PER_NUMBER, key, Reason.sms_too_frequent)], now)
        try:
            await self._store.write(lambda tx: claim_all(tx, claimed))
            await self._sender.send(SmsMessage(mobile, NOTICE, "", 0, text, now))
        except (Refusal, SmsNotSent) as cause:
            _log.warning("a notice was not sent: %s", cause)
