"""Opening a session: the part that every way of logging in has in common."""

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.member import Member
from denglu.domain.session import Caller, EndReason, Kind, Session, SessionPolicy, first_lives
from denglu.flows.ports import NewSession, TokenDigests, Tokens, Transaction
from denglu.flows.results import Grant


class Pairs:
    """Makes the pair of a session's generation, and what the store keeps of it."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def derive(self, nonce: bytes, session_id: int, generation: int) -> tuple[str, str]:
        """The access token and the refresh token."""
        return (
            self._tokens.derive(Kind.access, nonce, session_id, generation),
            self._tokens.derive(Kind.refresh, nonce, session_id, generation),
        )

    async def remember(self, tx: Transaction, session: Session, generation: int) -> tuple[str, str]:
        """Make the digests of a generation known; returns its pair."""
        return await self.store(tx, session.id, session.member_id, session.nonce, generation)

    async def store(
        self, tx: Transaction, session_id: int, member_id: int, nonce: bytes, generation: int
    ) -> tuple[str, str]:
        """Derive a pair and make its digests known."""
        access, refresh = self.derive(nonce, session_id, generation)
        digests = (
            self._tokens.digest(Kind.access, access),
            self._tokens.digest(Kind.refresh, refresh),
        )
        assert digests[0] is not None and digests[1] is not None
        pair = TokenDigests(digests[0], digests[1])
        await tx.sessions.add_pair(session_id, member_id, generation, pair)
        return access, refresh


class Opening:
    """Opens sessions inside a transaction."""

    def __init__(self, tokens: Tokens, policy: SessionPolicy) -> None:
        self._tokens = tokens
        self._pairs = Pairs(tokens)
        self._policy = policy

    async def instead_of_all(
        self,
        tx: Transaction,
        member_id: int,
        why: EndReason,
        group: Group,
        caller: Caller,
        event: Event,
        now: int,
        *,
        note: str = "",
    ) -> Grant:
        """End every session of an enabled member in every group; count the visit and open one.

        Raises ``member_not_found`` when a user's merchant was disabled meanwhile.
        """
        live = await tx.sessions.live(member_id)
        await tx.sessions.end([session.id for session in live], why, now)
        member = await tx.members.get(member_id)
        assert member is not None
        if not await tx.members.visit(member, now, caller.ip):
            raise Refusal(Reason.member_not_found)
        return await self.open(tx, member, group, caller, event, now, note=note)

    async def open(
        self,
        tx: Transaction,
        member: Member,
        group: Group,
        caller: Caller,
        event: Event,
        now: int,
        *,
        note: str = "",
    ) -> Grant:
        """Open a session for a member whose visit has been counted in this transaction.

        ``event`` and ``note`` are for the trail.
        """
        nonce = self._tokens.new_nonce()
        lives, absolute = first_lives(self._policy, now)
        session_id, replaced = await tx.sessions.open(
            NewSession(
                merchant_id=member.merchant_id,
                member_id=member.id,
                member_type=member.type,
                group=group.name,
                allowed=group.sessions,
                nonce=nonce,
                lives=lives,
                absolute_expires_at=absolute,
                device=caller.device,
                ip=caller.ip,
                now=now,
            )
        )
        access, refresh = await self._pairs.store(tx, session_id, member.id, nonce, 1)
        for old in replaced:
            await _write(tx, Event.session_replaced, member, old.id, group, caller, now)
        await _write(tx, event, member, session_id, group, caller, now, note)
        fresh = await tx.members.get(member.id)
        return Grant(access, refresh, lives.access - now, fresh or member)


async def _write(
    tx: Transaction,
    event: Event,
    member: Member,
    session_id: int,
    group: Group,
    caller: Caller,
    now: int,
    note: str = "",
) -> None:
    await tx.trail.write(
        AuditEvent(
            event,
            now,
            merchant_id=member.merchant_id,
            member_id=member.id,
            session_id=session_id,
            group=group.name,
            ip=caller.ip,
            note=note,
        )
    )
