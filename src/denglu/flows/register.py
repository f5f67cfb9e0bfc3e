"""Registration with a mobile, an SMS code and a password."""

from denglu.domain.audit import Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.member import Identifier, NewMember
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.flows.code_try import CodeTry, RightCode
from denglu.flows.opening import Opening
from denglu.flows.ports import Clock, Passwords, Store, Taken, Transaction
from denglu.flows.results import Grant


class Register:
    """1. Judge the code. 2. Only then tell whether the number is taken. 3. Hash.
    4. Spend the code, store the member, open the session, one commit.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        tries: CodeTry,
        opening: Opening,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._tries = tries
        self._opening = opening

    async def __call__(
        self,
        *,
        mobile: str,
        code: str,
        group: Group,
        password: str,
        nickname: str,
        caller: Caller,
    ) -> Grant:
        """Raises ``bad_code``, ``mobile_taken``, ``too_many_attempts`` or ``busy``."""
        right = await self._tries.judge(mobile, Usage.register, code, caller)
        try:
            await self._check_free(mobile, caller)
            new = NewMember(
                mobile=mobile,
                nickname=nickname,
                password_hash=await self._passwords.hash(password),
                source=group.name,
                merchant_id=caller.merchant_id,
                type=caller.member_type,
            )
            return await self._store.write(lambda tx: self._join(tx, right, new, group, caller))
        except Refusal:
            await self._tries.refund(right)
            raise

    async def _check_free(self, mobile: str, caller: Caller) -> None:
        who = Identifier(username="", mobile=mobile)
        taken = await self._store.read(
            lambda tx: tx.members.find(caller.merchant_id, caller.member_type, who)
        )
        if taken is not None:
            raise Refusal(Reason.mobile_taken)

    async def _join(
        self, tx: Transaction, right: RightCode, new: NewMember, group: Group, caller: Caller
    ) -> Grant:
        now = self._clock.now()
        await self._tries.spend(tx, right, now)
        try:
            member_id = await tx.members.add(new, now)
        except Taken:
            raise Refusal(Reason.mobile_taken) from None
        member = await tx.members.get(member_id)
        assert member is not None
        await tx.members.visit(member, now, caller.ip)
        return await self._opening.open(tx, member, group, caller, Event.member_registered, now)
