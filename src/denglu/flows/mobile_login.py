"""Login with a mobile and an SMS code."""

from denglu.domain.audit import Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.member import Identifier, Member
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.flows.code_try import CodeTry, RightCode
from denglu.flows.opening import Opening
from denglu.flows.ports import Clock, Store, Transaction
from denglu.flows.results import Grant


class MobileLogin:
    """1. Judge the code (counted first). 2. Spend it and open the session, one commit."""

    def __init__(self, store: Store, clock: Clock, tries: CodeTry, opening: Opening) -> None:
        self._store = store
        self._clock = clock
        self._tries = tries
        self._opening = opening

    async def __call__(self, *, mobile: str, code: str, group: Group, caller: Caller) -> Grant:
        """Raises ``bad_code``, ``member_not_found``, ``too_many_attempts`` or ``busy``."""
        right = await self._tries.judge(mobile, Usage.login, code, caller)
        try:
            return await self._store.write(
                lambda tx: self._log_in(tx, right, mobile, group, caller)
            )
        except Refusal:
            await self._tries.refund(right)
            raise

    async def _log_in(
        self, tx: Transaction, right: RightCode, mobile: str, group: Group, caller: Caller
    ) -> Grant:
        now = self._clock.now()
        await self._tries.spend(tx, right, now)
        member = await owner(tx, mobile, caller)
        if not await tx.members.visit(member, now, caller.ip):
            raise Refusal(Reason.member_not_found)
        return await self._opening.open(tx, member, group, caller, Event.mobile_login, now)


async def owner(tx: Transaction, mobile: str, caller: Caller) -> Member:
    """The enabled member with this mobile. Raises ``member_not_found``."""
    who = Identifier(username="", mobile=mobile)
    member = await tx.members.find(caller.merchant_id, caller.member_type, who)
    if member is None or not member.enabled:
        raise Refusal(Reason.member_not_found)
    return member
