"""Asking whoever is suspicious to show that there is a person behind a request.

Only where a captcha is configured. Somebody is suspicious above limits of their own, far below
those that refuse; everybody who logs in is while passwords are tried all over the site. A good
token passes by the limits of suspicion and by no other. It is spent in the transaction that
counts the try, so that it is good once, whoever presents it at the same time.
"""

import contextlib
from collections.abc import Iterator

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.session import Caller
from denglu.flows.limiting import Claim
from denglu.flows.ports import Captcha, Secrets
from denglu.flows.watch import Watch

# Clocks of one deployment may differ: a spent token is remembered longer than it is good.
_TOLERANCE = 120


class Suspicion:
    """See the module's docstring. ``logins``: wrong passwords of an address above which it is
    suspicious."""

    def __init__(
        self,
        captcha: Captcha | None,
        secrets: Secrets,
        watch: Watch,
        *,
        logins: Limit,
    ) -> None:
        self._captcha = captcha
        self._secrets = secrets
        self._watch = watch
        self._logins = logins

    async def of_login(self, caller: Caller, token: str) -> list[Claim]:
        """What a login claims besides its own limits. Raises ``captcha_required``, ``busy``."""
        if self._captcha is None:
            return []
        if passed := await self._passed(self._captcha, caller, token):
            return [passed]
        if self._watch.suspects_logins():
            raise Refusal(Reason.captcha_required)
        key = self._secrets.key("login-suspicion", caller.network)
        return [Claim(self._logins, key, Reason.captcha_required)]

    async def of_code(
        self, numbers: Limit, caller: Caller, number: bytes, token: str
    ) -> list[Claim]:
        """What asking for a code claims besides its own limits. Raises ``busy``.

        ``numbers``: different numbers of an address. Without a captcha it refuses.
        """
        key = self._secrets.key("sms-address-numbers", caller.network)
        tag = number.hex()[:16]
        if self._captcha is None:
            return [Claim(numbers, key, Reason.sms_too_frequent, tag)]
        passed = await self._passed(self._captcha, caller, token)
        return [passed or Claim(numbers, key, Reason.captcha_required, tag)]

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """A ``captcha_required`` that comes out says what to show."""
        try:
            yield
        except Refusal as refusal:
            if refusal.reason is not Reason.captcha_required or self._captcha is None:
                raise
            show = dict(self._captcha.show())
            raise Refusal(Reason.captcha_required, details={"captcha": show}) from None

    async def _passed(self, captcha: Captcha, caller: Caller, token: str) -> Claim | None:
        digest = await captcha.check(token, caller.ip) if token else None
        if digest is None:
            return None
        once = Limit("captcha", (Rate(1, captcha.life + _TOLERANCE),))
        key = self._secrets.key("captcha", digest.hex())
        return Claim(once, key, Reason.captcha_required, lasting=True)
