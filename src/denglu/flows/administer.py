"""What operators do to members and sessions. Each deed ends what it must, at once."""

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.member import (
    Member,
    MemberType,
    NewMember,
    Status,
    read_id,
    read_identifier,
)
from denglu.domain.session import EndReason, Session
from denglu.flows.erasing import Erase
from denglu.flows.ports import Clock, Passwords, Store, Transaction

_DEEDS = {
    Status.disabled: (Event.member_disabled, EndReason.disabled),
    Status.enabled: (Event.member_enabled, EndReason.revoked),
}


class Administer:
    """Members and sessions, as operators see them. ``note`` of events: ``operator``."""

    def __init__(self, store: Store, clock: Clock, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._erase = Erase(store, clock)

    async def add(self, *, username: str, mobile: str, nickname: str, password: str) -> Member:
        """Add a member whose values have been checked. Raises ``ports.Taken``."""
        hashed = await self._passwords.hash(password)
        new = NewMember(username, mobile, "", nickname, hashed, source="operator")

        async def work(tx: Transaction) -> Member:
            now = self._clock.now()
            member = await tx.members.get(await tx.members.add(new, now))
            assert member is not None
            await tx.trail.write(_event(Event.member_added, now, member))
            return member

        return await self._store.write(work)

    async def find(self, who: str, merchant_id: int | None = None) -> Member | None:
        """The member with this id, username, mobile or e-mail; a deleted one by id only.

        ``merchant_id``: of that merchant alone, 0 for the site. None: by name of the site, by id
        anybody, merchants' users among them.
        """

        async def work(tx: Transaction) -> Member | None:
            identifier = read_identifier(who)
            member = await tx.members.find(merchant_id or 0, MemberType.member, identifier)
            if member is None and (member_id := read_id(who)) is not None:
                member = await tx.members.get(member_id)
            if member is None or merchant_id is None:
                return member
            is_theirs = (member.merchant_id, member.type) == (merchant_id, MemberType.member)
            return member if is_theirs else None

        return await self._store.read(work)

    async def page(self, after: int, limit: int) -> list[Member]:
        """Members by id."""
        return await self._store.read(lambda tx: tx.roster.page(after, limit))

    async def set_status(self, member: Member, status: Status) -> bool:
        """Disable, enable or delete; ends every session unless it enables."""
        if status is Status.deleted:
            return await self._erase(member.id, note="operator")
        event, reason = _DEEDS[status]

        async def work(tx: Transaction) -> bool:
            now = self._clock.now()
            if not await tx.members.set_status(member.id, status, now):
                return False
            if status is not Status.enabled:
                sessions = await tx.sessions.live(member.id)
                await tx.sessions.end([s.id for s in sessions], reason, now)
            await tx.trail.write(_event(event, now, member))
            return True

        return await self._store.write(work)

    async def sessions(self, member: Member) -> list[Session]:
        """The member's live sessions, oldest first."""
        return await self._store.read(lambda tx: tx.sessions.live(member.id))

    async def revoke(self, member: Member, group: str | None) -> int:
        """End the member's sessions, in one group or in all; returns how many."""

        async def work(tx: Transaction) -> int:
            now = self._clock.now()
            ended = [s.id for s in await tx.sessions.live(member.id, group)]
            count = await tx.sessions.end(ended, EndReason.revoked, now)
            for session_id in ended:
                await tx.trail.write(_event(Event.session_revoked, now, member, session_id))
            return count

        return await self._store.write(work)


def _event(event: Event, now: int, member: Member, session_id: int | None = None) -> AuditEvent:
    return AuditEvent(
        event,
        now,
        merchant_id=member.merchant_id,
        member_id=member.id,
        session_id=session_id,
        note="operator",
    )
