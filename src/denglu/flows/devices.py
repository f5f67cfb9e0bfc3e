"""A member looks at where they are logged in, and ends sessions: one, or all but their own."""

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Caller, EndReason, Found, Session
from denglu.flows.ports import Clock, Store, Transaction


class Devices:
    """The caller's own sessions. ``note`` of events: ``member``."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def sessions(self, found: Found) -> list[Session]:
        """The live sessions: the caller's own, then the others, last active ones first."""
        now = self._clock.now()
        live = await self._store.read(lambda tx: live_with(tx, found, now))
        return sorted(live, key=lambda s: (s.id != found.session.id, -s.rotated_at, -s.id))

    async def end(self, found: Found, session_id: int, caller: Caller) -> None:
        """End one; the caller's own, too: that is a logout.

        Raises ``not_found``, whether it is somebody else's, ended, or was never there.
        """

        async def work(tx: Transaction) -> None:
            now = self._clock.now()
            live = await live_with(tx, found, now)
            ended = [await _end(tx, s, found, caller, now) for s in live if s.id == session_id]
            if not any(ended):
                raise Refusal(Reason.not_found)

        await self._store.write(work)

    async def end_others(self, found: Found, caller: Caller) -> None:
        """End all but the caller's."""

        async def work(tx: Transaction) -> None:
            now = self._clock.now()
            live = await live_with(tx, found, now)
            for session in sorted(live, key=lambda session: session.id):
                if session.id != found.session.id:
                    await _end(tx, session, found, caller, now)

        await self._store.write(work)


async def live_with(tx: Transaction, found: Found, now: int) -> list[Session]:
    """The member's live sessions. Raises ``session_ended`` when the caller's is none of them.

    A token check may be a quarter of a second old; here it is not. So who was thrown out a
    moment ago throws out nobody.
    """
    live = [s for s in await tx.sessions.live(found.member.id) if s.refresh_expires_at > now]
    if all(session.id != found.session.id for session in live):
        raise Refusal(Reason.session_ended)
    return live


async def _end(tx: Transaction, session: Session, found: Found, caller: Caller, now: int) -> bool:
    own = session.id == found.session.id
    reason = EndReason.logged_out if own else EndReason.revoked
    if not await tx.sessions.end([session.id], reason, now):
        return False  # a rival did
    await tx.trail.write(
        AuditEvent(
            Event.logout if own else Event.session_revoked,
            now,
            merchant_id=session.merchant_id,
            member_id=session.member_id,
            session_id=session.id,
            group=session.group,
            ip=caller.ip,
            note="" if own else "member",
        )
    )
    return True
