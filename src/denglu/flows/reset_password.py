"""Setting a new password with an SMS code (up-pwd)."""

from collections.abc import Sequence

from denglu.domain.audit import Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.member import Member
from denglu.domain.session import Caller, EndReason
from denglu.domain.sms_code import Usage
from denglu.flows.account_keys import AccountKeys
from denglu.flows.code_try import CodeTry, RightCode
from denglu.flows.limiting import clear_all
from denglu.flows.mobile_login import owner
from denglu.flows.notice import Notices
from denglu.flows.opening import Opening
from denglu.flows.ports import Clock, Passwords, Secrets, Store, Transaction
from denglu.flows.results import Grant


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
        notices: Notices,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._keys = AccountKeys(secrets)
        self._tries = tries
        self._opening = opening
        self._notices = notices

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
        await self._notices.password_changed(mobile, caller.namespace)
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
        await clear_all(tx, self._lockouts(member, caller.network), now)
        why, event = EndReason.password_changed, Event.password_reset
        return await self._opening.instead_of_all(tx, member.id, why, group, caller, event, now)

    def _lockouts(self, member: Member, ip: str) -> Sequence[bytes]:
        names = self._keys.every(member)
        return [
            *(self._keys.account(name) for name in names),
            *(self._keys.account_address(name, ip) for name in names),
        ]
