"""Deleting one's own account: asked for with a code, withdrawn at will, done when it is due."""

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.deletion import Cancellation
from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Status
from denglu.domain.session import Caller, EndReason, Found
from denglu.domain.sms_code import Usage
from denglu.flows.erasing import Erase
from denglu.flows.notice import Notices
from denglu.flows.ports import Clock, Store, Transaction
from denglu.flows.proof import Proof, Prove

_DAY = 86400


class Cancel:
    """``cooling_off``: seconds between the request and the deletion; 0 deletes at once."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        prove: Prove,
        erase: Erase,
        notices: Notices,
        cooling_off: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._prove = prove
        self._erase = erase
        self._notices = notices
        self._cooling_off = cooling_off

    async def asked(self, found: Found) -> Cancellation | None:
        """What the caller has asked for."""
        return await self._store.read(lambda tx: tx.deletions.of(found.member.id))

    async def ask(self, found: Found, *, code: str, password: str, caller: Caller) -> Cancellation:
        """1. Judge the code (a member without a mobile: the password). 2. Spend it, write the
        request down, end every other session, one commit. 3. Tell the member by SMS.

        Who asks again is told the time of the first request. Raises ``bad_code``,
        ``wrong_password``, ``too_many_attempts``, ``session_ended`` or ``busy``.
        """

        async def write_down(proof: Proof) -> tuple[Cancellation, bool]:
            return await self._store.write(lambda tx: self._ask(tx, proof))

        asked, is_new = await self._prove(
            found, Usage.cancel, code=code, password=password, caller=caller, deed=write_down
        )
        if asked.due_at <= self._clock.now():
            await self._erase(found.member.id, note="member")
        elif is_new:
            days = -(-self._cooling_off // _DAY)
            member = found.member
            await self._notices.cancel_requested(member.mobile, member.namespace, days)
        return asked

    async def _ask(self, tx: Transaction, proof: Proof) -> tuple[Cancellation, bool]:
        now, own = self._clock.now(), proof.found.session
        await self._prove.spend(tx, proof.codes, now)
        before = await self._held(tx, proof.found)
        asked = before or Cancellation(now, now + self._cooling_off)
        if before is None:
            await tx.deletions.put(own.member_id, asked)
        await self._prove.settle(tx, proof, now)
        others = [s.id for s in await tx.sessions.live(own.member_id) if s.id != own.id]
        await tx.sessions.end(others, EndReason.revoked, now)
        if before is None:
            await self._note(tx, Event.cancel_requested, proof.found, proof.caller, now)
        return asked, before is None

    async def withdraw(self, found: Found, caller: Caller) -> None:
        """Keep the account, also where nothing was asked for. Raises ``session_ended`` when the
        time is over.
        """

        async def work(tx: Transaction) -> None:
            now = self._clock.now()
            asked = await self._held(tx, found)
            if asked is None:
                return
            if asked.due_at <= now:
                raise Refusal(Reason.session_ended)
            await tx.deletions.put(found.member.id, None)
            await self._note(tx, Event.cancel_withdrawn, found, caller, now)

        await self._store.write(work)

    async def _held(self, tx: Transaction, found: Found) -> Cancellation | None:
        """The request of a member who waits for nobody else until the commit."""
        if await tx.deletions.hold(found.member.id) != Status.enabled:
            raise Refusal(Reason.session_ended)
        return await tx.deletions.of(found.member.id)

    async def _note(
        self, tx: Transaction, event: Event, found: Found, caller: Caller, now: int
    ) -> None:
        session = found.session
        await tx.trail.write(
            AuditEvent(
                event,
                now,
                merchant_id=session.merchant_id,
                member_id=session.member_id,
                session_id=session.id,
                group=session.group,
                ip=caller.ip,
            )
        )
