"""Taking everything personal of a member away, for good. The id and the books stay.

The trail keeps what happened to which id, and when: the law asks for that. Counters of limits stand
under keyed digests that name nobody; they are not reset, or who registers a number anew would get
its messages anew.
"""

import logging

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.deletion import Cancellation
from denglu.domain.member import Member, Status
from denglu.domain.mobile import mask_mobile
from denglu.flows.ports import Clock, Store, Transaction

_log = logging.getLogger(__name__)

_BATCH = 200
# Codes for a number that had no member yet were asked for so long before it had, at the most.
_ASKED_BEFORE = 900
# What was under way while a member was erased may have left a line in the trail: then one looks
# again.
_LOOK_AGAIN = 60


class Erase:
    """1. Wipe what is found by the number. 2. Wipe the member, end and wipe the sessions, free
    the names, one commit. 3. Wipe the trail, a batch at a time. The member's request stays
    until there is nothing left to wipe, so whoever is killed goes on with the next round.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, member_id: int, *, note: str) -> bool:
        """Erase a member; False for one who is erased already. ``note`` is for the trail."""
        member = await self._there(member_id)
        return member is not None and await self._erase(member, note, due=False)

    async def due(self, limit: int) -> bool:
        """Erase members whose time has come; whether there were any."""
        now = self._clock.now()
        members = await self._store.read(lambda tx: tx.deletions.due(now, limit))
        for member_id in members:
            if member := await self._there(member_id):
                await self._erase(member, "member", due=True)
            else:
                await self._finish(member_id)
        return bool(members)

    async def _there(self, member_id: int) -> Member | None:
        member = await self._store.read(lambda tx: tx.members.get(member_id))
        return None if member is None or member.status == Status.deleted else member

    async def _erase(self, member: Member, note: str, *, due: bool) -> bool:
        if member.mobile:
            await self._store.write(lambda tx: self._wipe_number(tx, member))
        if not await self._store.write(lambda tx: self._wipe(tx, member, note, due)):
            return False
        await self._wipe_trail(member.id)
        _log.info("member %d was erased", member.id)
        return True

    async def _wipe_number(self, tx: Transaction, member: Member) -> None:
        await tx.deletions.wipe_codes(member)
        await adopt_first_asking(tx, member)

    async def _wipe(self, tx: Transaction, member: Member, note: str, due: bool) -> bool:
        now, member_id = self._clock.now(), member.id
        await tx.deletions.hold(member_id)
        asked = await tx.deletions.of(member_id)
        if due and (asked is None or asked.due_at > now):
            return False  # withdrawn
        if not await tx.members.set_status(member_id, Status.deleted, now):
            return False
        again = Cancellation(asked.requested_at if asked else now, now + _LOOK_AGAIN)
        await tx.deletions.put(member_id, again)
        await tx.deletions.wipe_sessions(member_id, now)
        await tx.trail.write(
            AuditEvent(
                Event.member_deleted,
                now,
                merchant_id=member.merchant_id,
                member_id=member_id,
                note=note,
            )
        )
        return True

    async def _wipe_trail(self, member_id: int) -> None:
        while await self._store.write(lambda tx: tx.deletions.wipe_trail(member_id, _BATCH)):
            pass

    async def _finish(self, member_id: int) -> None:
        """The last look, and the end of the request: of a member who is erased."""
        await self._wipe_trail(member_id)

        async def forget(tx: Transaction) -> None:
            if await tx.deletions.hold(member_id) in (None, Status.deleted):
                await tx.deletions.put(member_id, None)

        await self._store.write(forget)


async def adopt_first_asking(tx: Transaction, member: Member) -> None:
    """What was asked for the number just before the member joined with it is the member's."""
    masked, joined = mask_mobile(member.mobile), member.created_at
    await tx.trail.adopt(member, masked, joined - _ASKED_BEFORE, joined)


async def adopt_latest_asking(tx: Transaction, member: Member, mobile: str, now: int) -> None:
    """The same for a number that becomes the member's now."""
    await tx.trail.adopt(member, mask_mobile(mobile), now - _ASKED_BEFORE, now)
