"""Setting a new password with an SMS code (up-pwd)."""

import logging
from collections.abc import Sequence

from denglu.domain.audit import Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.member import Member, read_identifier
from denglu.domain.session import Caller, EndReason
from denglu.domain.sms_code import SmsMessage, Usage
from denglu.flows.code_try import CodeTry, RightCode
from denglu.flows.limiting import clear_all
from denglu.flows.login import AccountKeys
from denglu.flows.mobile_login import owner
from denglu.flows.opening import Opening
from denglu.flows.ports import (
    Clock,
    Passwords,
    Secrets,
    SmsNotSent,
    SmsSender,
    Store,
    Transaction,
)
from denglu.flows.results import Grant
from denglu.flows.sms_code import Wording

_log = logging.getLogger(__name__)
NOTICE = "notice"


class ResetPassword:
    """1. Judge the code. 2. Hash. 3. Spend the code, store the password, end every session
    in every group, open one for the caller, one commit. 4. Tell the member by SMS.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        secrets: Secrets,
        tries: CodeTry,
        opening: Opening,
        sender: SmsSender,
        wording: Wording,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._keys = AccountKeys(secrets)
        self._tries = tries
        self._opening = opening
        self._sender = sender
        self._wording = wording

    async def __call__(
        self, *, mobile: str, code: str, group: Group, password: str, caller: Caller
    ) -> Grant:
        """Raises ``bad_code``, ``member_not_found``, ``too_many_attempts`` or ``busy``."""
        right = await self._tries.judge(mobile, Usage.up_pwd, code, caller)
        try:
            await self._store.read(lambda tx: owner(tx, mobile, caller))
            hashed = await self._passwords.hash(password)
            grant = await self._store.write(
                lambda tx: self._reset(tx, right, mobile, hashed, group, caller)
            )
        except Refusal:
            await self._tries.refund(right)
            raise
        await self._notify(mobile)
        return grant

    async def _reset(
        self,
        tx: Transaction,
        right: RightCode,
        mobile: str,
        hashed: str,
        group: Group,
        caller: Caller,
    ) -> Grant:
        now = self._clock.now()
        await self._tries.spend(tx, right, now)
        member = await owner(tx, mobile, caller)
        if not await tx.members.set_password(member.id, hashed, now):
            raise Refusal(Reason.member_not_found)
        await clear_all(tx, self._lockouts(member, mobile, caller.network), now)
        sessions = await tx.sessions.live(member.id)
        await tx.sessions.end([s.id for s in sessions], EndReason.password_changed, now)
        changed = await tx.members.get(member.id)
        assert changed is not None
        await tx.members.visit(changed, now, caller.ip)
        return await self._opening.open(tx, changed, group, caller, Event.password_reset, now)

    def _lockouts(self, member: Member, mobile: str, ip: str) -> Sequence[bytes]:
        spellings = [name for name in (mobile, member.username, member.email) if name]
        names = {
            name for text in spellings for name in self._keys.of(read_identifier(text), member)
        }
        return [
            *(self._keys.account(name) for name in names),
            *(self._keys.account_address(name, ip) for name in names),
        ]

    async def _notify(self, mobile: str) -> None:
        text = self._wording.password_changed
        message = SmsMessage(mobile, NOTICE, "", 0, text, self._clock.now())
        try:
            await self._sender.send(message)
        except SmsNotSent as failure:
            _log.warning("notice of a password change was not sent: %s", failure)
