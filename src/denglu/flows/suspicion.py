"""Asking whoever is suspicious to show that there is a person behind a request.

Only where a captcha is configured. Somebody is suspicious above limits of their own, far below
those that refuse; everybody who logs in is while passwords are tried all over the site, and
whoever asks for a code is where SMS pumping is noticed. A good token passes by the limits of
suspicion and by no other. It is spent in the transaction that counts the try, so that it is good
once, whoever presents it at the same time.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.session import Caller
from denglu.flows.limiting import Claim
from denglu.flows.ports import Captcha, Secrets
from denglu.flows.watch import Watch

T = TypeVar("T")
Deed = Callable[[list[Claim]], Awaitable[T]]

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

    async def of_login(self, caller: Caller, token: str, deed: Deed[T]) -> T:
        """Do what a login does, with what it claims besides its own limits.

        Raises ``captcha_required``, ``busy``, and what ``deed`` raises.
        """
        suspects = self._watch.suspects_logins()
        if self._captcha is None:
            return await deed([])
        key = self._secrets.key("login-suspicion", caller.network)
        claims = [Claim(self._logins, key, Reason.captcha_required)]
        return await self._shown(self._captcha, None if suspects else claims, caller, token, deed)

    async def of_code(
        self,
        numbers: Limit,
        message: Sequence[Claim],
        caller: Caller,
        number: bytes,
        token: str,
        deed: Deed[T],
    ) -> T:
        """The same for who asks for a code.

        ``numbers``: different numbers of an address. ``message``: what the message counts under,
        also where a captcha lets it pass. Without a captcha both refuse.
        """
        key = self._secrets.key("sms-address-numbers", caller.network)
        tag = number.hex()[:16]
        if self._captcha is None:
            return await deed([Claim(numbers, key, Reason.sms_too_frequent, tag), *message])
        why = Reason.captcha_required
        claims = [Claim(numbers, key, why, tag), *(replace(one, reason=why) for one in message)]
        besides = [replace(one, anyway=True) for one in message]
        return await self._shown(self._captcha, claims, caller, token, deed, besides)

    async def _shown(
        self,
        captcha: Captcha,
        claims: list[Claim] | None,
        caller: Caller,
        token: str,
        deed: Deed[T],
        besides: Sequence[Claim] = (),
    ) -> T:
        """``claims`` None: suspicious in any case. ``besides``: what is claimed with a good token.

        A token is looked at only where nothing but suspicion stands in the way: to ask a service
        may cost money.
        """
        if claims is not None:
            try:
                return await deed(claims)
            except Refusal as refusal:
                if refusal.reason is not Reason.captcha_required:
                    raise
        if passed := await self._passed(captcha, caller, token):
            try:
                return await deed([passed, *besides])
            except Refusal as refusal:
                if refusal.reason is not Reason.captcha_required:
                    raise
        show = dict(captcha.show())
        raise Refusal(Reason.captcha_required, details={"captcha": show})

    async def _passed(self, captcha: Captcha, caller: Caller, token: str) -> Claim | None:
        digest = await captcha.check(token, caller.ip) if token else None
        if digest is None:
            return None
        once = Limit("captcha", (Rate(1, captcha.life + _TOLERANCE),))
        key = self._secrets.key("captcha", digest.hex())
        return Claim(once, key, Reason.captcha_required, lasting=True)
