"""Changing the mobile, with codes to the present number and to the new one."""

from collections.abc import Sequence

from denglu.domain.audit import Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.member import Identifier, Member, read_identifier
from denglu.domain.mobile import mask_mobile
from denglu.domain.session import Caller, EndReason, Found
from denglu.domain.sms_code import Usage
from denglu.flows.account_keys import AccountKeys
from denglu.flows.code_try import RightCode
from denglu.flows.erasing import adopt_first_asking, adopt_latest_asking
from denglu.flows.limiting import clear_all
from denglu.flows.notice import Notices
from denglu.flows.opening import Opening
from denglu.flows.ports import Clock, Secrets, Store, Taken, Transaction
from denglu.flows.proof import Proof, Prove
from denglu.flows.results import Grant


class ChangeMobile:
    """1. Judge the code of the present number (a member who has none: the password). 2. Judge
    the code of the new one. 3. Spend both, store the number, end every session in every group,
    open one for the caller, one commit. 4. Tell the number that was given up by SMS.

    A right code is good again whenever the change is refused. That the new number is somebody
    else's is told only to who has the right codes.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secrets: Secrets,
        prove: Prove,
        opening: Opening,
        notices: Notices,
    ) -> None:
        self._store = store
        self._clock = clock
        self._keys = AccountKeys(secrets)
        self._prove = prove
        self._opening = opening
        self._notices = notices

    async def __call__(
        self,
        found: Found,
        *,
        mobile: str,
        code: str,
        password: str,
        new_code: str,
        caller: Caller,
    ) -> Grant:
        """``code`` counts for a member who has a mobile, ``password`` for one who has none.

        Raises ``bad_code``, ``wrong_password``, ``mobile_taken``, ``too_many_attempts``,
        ``session_ended`` or ``busy``.
        """

        async def change(proof: Proof) -> tuple[Grant, Member]:
            grant = await self._prove.with_code(
                mobile,
                Usage.binding_mobile,
                new_code,
                caller,
                lambda new: self._store.write(lambda tx: self._change(tx, proof, mobile, new)),
            )
            return grant, proof.member

        grant, before = await self._prove(
            found, Usage.reset_mobile, code=code, password=password, caller=caller, deed=change
        )
        await self._notices.mobile_changed(before.mobile, before.namespace)
        return grant

    async def _change(self, tx: Transaction, proof: Proof, mobile: str, new: RightCode) -> Grant:
        now, member, caller = self._clock.now(), proof.member, proof.caller
        await self._prove.spend(tx, [*proof.codes, new], now)
        await self._store_mobile(tx, member, mobile, now)
        if member.mobile:
            await clear_all(tx, self._lockouts(member, mobile, caller.network), now)
        await self._prove.settle(tx, proof, now)
        grant = await self._opening.instead_of_all(
            tx,
            member.id,
            EndReason.revoked,
            Group(proof.found.session.group, ""),  # none of its sessions is left
            caller,
            Event.mobile_changed,
            now,
            note=f"{mask_mobile(member.mobile)} {mask_mobile(mobile)}".strip(),
        )
        if member.mobile:
            await adopt_first_asking(tx, member)
        await adopt_latest_asking(tx, member, mobile, now)
        return grant

    async def _store_mobile(self, tx: Transaction, member: Member, mobile: str, now: int) -> None:
        who = Identifier(username="", mobile=mobile)
        if await tx.members.find(member.merchant_id, member.type, who):
            raise Refusal(Reason.mobile_taken)
        try:
            changed = await tx.names.set_mobile(member, mobile, now)
        except Taken:
            raise Refusal(Reason.mobile_taken) from None
        if not changed:  # disabled, or it was changed elsewhere: either ended this session
            raise Refusal(Reason.session_ended)

    def _lockouts(self, member: Member, mobile: str, ip: str) -> Sequence[bytes]:
        """Who owns both numbers need not pay for what others tried under them. What was tried
        against the member stays counted under the member.
        """
        both = [read_identifier(text) for text in (member.mobile, mobile)]
        names = [self._keys.of(who, None, member.namespace)[0] for who in both]
        return [
            *(self._keys.account(name) for name in names),
            *(self._keys.account_address(name, ip) for name in names),
        ]
