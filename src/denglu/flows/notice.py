"""Telling members by SMS what was done to their account. A notice takes nothing back."""

import logging

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.member import Namespace
from denglu.domain.sms_code import FixedCodes
from denglu.domain.sms_message import Notice
from denglu.domain.wording import Wording
from denglu.flows.code_try import number_key
from denglu.flows.limiting import Claim, Tried, claim_all
from denglu.flows.ports import Clock, Secrets, SmsNotSent, Store, Transaction
from denglu.flows.sending import Booked, Sending

_log = logging.getLogger(__name__)

# Who knows a password can change it back and forth: nobody's phone rings all night for it.
_PER_NUMBER = Limit("sms-notice", (Rate(5, 3600), Rate(10, 86400)))


class Notices:
    """Sends notices: as many to a number as codes, and no more; none to ``fixed`` numbers."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secrets: Secrets,
        sending: Sending,
        wording: Wording,
        fixed: FixedCodes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._secrets = secrets
        self._sending = sending
        self._wording = wording
        self._fixed = fixed

    async def password_changed(self, mobile: str, namespace: Namespace) -> None:
        """To be called after the commit. Raises nothing."""
        await self._send(mobile, namespace, Notice.password_changed)

    async def mobile_changed(self, mobile: str, namespace: Namespace) -> None:
        """The same; ``mobile`` is the number that was given up."""
        await self._send(mobile, namespace, Notice.mobile_changed)

    async def cancel_requested(self, mobile: str, namespace: Namespace, days: int) -> None:
        """The same; ``days``: until the account is deleted."""
        await self._send(mobile, namespace, Notice.cancel_requested, days)

    async def _send(self, mobile: str, namespace: Namespace, notice: Notice, days: int = 0) -> None:
        """Without a mobile there is nobody to tell."""
        if not mobile:
            return
        now = self._clock.now()
        message = self._wording.of_notice(notice, mobile=mobile, now=now, days=days)
        number = number_key(self._secrets, namespace, mobile)
        key = self._secrets.key("sms-notice", number.hex())
        free = self._fixed.code_of(mobile, now) is not None
        claimed = Tried([Claim(_PER_NUMBER, key, Reason.sms_too_frequent)], now)

        async def book(tx: Transaction) -> Booked:
            await claim_all(tx, claimed)
            return await self._sending.book(
                tx, message, namespace=namespace, number_key=number, free=free
            )

        try:
            await self._sending.deliver(await self._store.write(book))
        except (Refusal, SmsNotSent) as cause:
            _log.warning("a notice was not sent: %s", cause)
