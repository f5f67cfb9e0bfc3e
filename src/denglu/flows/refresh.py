"""A new pair for a refresh token: rotated once, told to everyone who asks in time."""

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.member import Status
from denglu.domain.session import (
    Caller,
    EndReason,
    Found,
    Kind,
    RefreshStep,
    Session,
    SessionPolicy,
    check_alive,
    judge_refresh,
    next_lives,
)
from denglu.flows.imported import ImportedTokens
from denglu.flows.opening import Pairs
from denglu.flows.ports import Clock, Store, Tokens, Transaction
from denglu.flows.results import Grant


class Refresh:
    """1. Find the session. 2. Judge: rotate, repeat the current pair, or reuse.
    3. Rotation is a guarded step from one generation to the next; who loses the race repeats.
    """

    def __init__(self, store: Store, clock: Clock, tokens: Tokens, policy: SessionPolicy) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._imported = ImportedTokens(store, clock, tokens)
        self._pairs = Pairs(tokens)
        self._policy = policy

    async def __call__(self, *, token: str, group: Group | None, caller: Caller) -> Grant:
        """``group`` None: any. Raises ``refresh_invalid``, ``refresh_expired``,
        ``session_replaced``, ``session_ended`` (all 401) or ``busy``.
        """
        digest = self._tokens.digest(Kind.refresh, token) or await self._imported.digest(token)
        if digest is None:
            raise Refusal(Reason.refresh_invalid)
        grant = await self._store.write(lambda tx: self._step(tx, digest, group, caller))
        if grant is None:
            raise Refusal(Reason.refresh_invalid)
        return grant

    async def _step(
        self, tx: Transaction, digest: bytes, group: Group | None, caller: Caller
    ) -> Grant | None:
        now = self._clock.now()
        found = _checked(await tx.sessions.find(digest), group, caller)
        step = judge_refresh(found, self._policy, now)
        if step is RefreshStep.rotate:
            lives = next_lives(self._policy, found.session.absolute_expires_at, now)
            if await tx.sessions.rotate(found.session, lives, now):
                generation = found.session.generation + 1
                pair = await self._pairs.remember(tx, found.session, generation)
                return Grant(*pair, lives.access - now, found.member)
            found = _checked(await tx.sessions.find(digest), group, caller)
            step = judge_refresh(found, self._policy, now)
        if step is RefreshStep.reuse:
            await self._end_reused(tx, found.session, caller, now)
            return None
        session = found.session
        left = max(0, session.access_expires_at - now)
        pair = self._pairs.derive(session.nonce, session.id, session.generation)
        return Grant(*pair, left, found.member)

    async def _end_reused(
        self, tx: Transaction, session: Session, caller: Caller, now: int
    ) -> None:
        # Of rivals that replay it at once, one ends the session and tells of it.
        if not await tx.sessions.end([session.id], EndReason.reused, now):
            return
        await tx.trail.write(
            AuditEvent(
                Event.refresh_reuse,
                now,
                merchant_id=session.merchant_id,
                member_id=session.member_id,
                session_id=session.id,
                group=session.group,
                ip=caller.ip,
            )
        )


def _checked(found: Found | None, group: Group | None, caller: Caller) -> Found:
    """The live session that a refresh token of this group belongs to."""
    if found is None or found.token.kind is not Kind.refresh:
        raise Refusal(Reason.refresh_invalid)
    if found.member.type != caller.member_type:
        raise Refusal(Reason.refresh_invalid)
    if group is not None and group.name != found.session.group:
        raise Refusal(Reason.refresh_invalid)
    if found.member.status != Status.enabled:
        raise Refusal(Reason.refresh_invalid)
    check_alive(found)
    return found
