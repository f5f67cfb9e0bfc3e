"""Setting a new password with the old one."""

import logging

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Member
from denglu.domain.session import Caller, EndReason, Found, Session
from denglu.flows.devices import live_with
from denglu.flows.limiting import Tried
from denglu.flows.notice import Notices
from denglu.flows.opening import Pairs
from denglu.flows.password_try import Attempt, PasswordTry
from denglu.flows.ports import Clock, Passwords, Store, Tokens, Transaction
from denglu.flows.refresh import Refresh
from denglu.flows.results import Grant

_log = logging.getLogger(__name__)


class ChangePassword:
    """1. Count the try and compare the old password, as a login does. 2. Hash. 3. Store the
    password, forget the account's failures, end every other session, one commit. 4. Tell the
    member by SMS. 5. Give the caller's session its next pair, as a refresh does.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        tokens: Tokens,
        tries: PasswordTry,
        refresh: Refresh,
        notices: Notices,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._pairs = Pairs(tokens)
        self._tries = tries
        self._refresh = refresh
        self._notices = notices

    async def __call__(
        self, found: Found, *, old_password: str, password: str, caller: Caller
    ) -> Grant:
        """Raises ``wrong_password``, ``too_many_attempts``, ``session_ended`` or ``busy``."""
        try:
            async with self._tries.seat():
                own, member = await self._judged(found, old_password, password, caller)
        except Refusal as refusal:
            if refusal.reason is Reason.bad_credentials:
                raise Refusal(Reason.wrong_password) from None
            raise
        await self._notices.password_changed(member.mobile, member.merchant_id)
        return await self._renewed(own, member, caller)

    async def _judged(
        self, found: Found, old_password: str, password: str, caller: Caller
    ) -> tuple[Session, Member]:
        # Not the member of the token check: that one may be a quarter of a second old.
        member = await self._store.read(lambda tx: tx.members.get(found.member.id))
        assert member is not None

        async def change(tried: Tried) -> tuple[Session, Member]:
            hashed = await self._passwords.hash(password)
            own = await self._store.write(
                lambda tx: self._change(tx, tried, found, member, hashed, caller)
            )
            return own, member

        attempt = Attempt(None, member, caller, found.session.group, note="password")
        return await self._tries.judge(attempt, old_password, change)

    async def _change(
        self,
        tx: Transaction,
        tried: Tried,
        found: Found,
        member: Member,
        hashed: str,
        caller: Caller,
    ) -> Session:
        now = self._clock.now()
        stored = await tx.members.set_password(member.id, hashed, now)
        changed = await tx.members.get(member.id)
        # Disabled, or given another password, since it was compared: then it was the wrong one.
        if not stored or not changed or changed.password_version != member.password_version + 1:
            raise Refusal(Reason.bad_credentials)
        await self._tries.forget(tx, tried, now)
        live = await live_with(tx, found, now)
        own = next(session for session in live if session.id == found.session.id)
        others = [session.id for session in live if session.id != own.id]
        await tx.sessions.end(others, EndReason.password_changed, now)
        await tx.trail.write(
            AuditEvent(
                Event.password_changed,
                now,
                merchant_id=member.merchant_id,
                member_id=member.id,
                session_id=own.id,
                group=own.group,
                ip=caller.ip,
            )
        )
        return own

    async def _renewed(self, own: Session, member: Member, caller: Caller) -> Grant:
        """The next pair: whoever has copies of the old one is found out by their reuse."""
        access, refresh = self._pairs.derive(own.nonce, own.id, own.generation)
        try:
            # A rival may have rotated the session since the commit.
            return await self._refresh(token=refresh, group=None, caller=caller, proven=True)
        except Refusal as refusal:
            if refusal.reason is not Reason.busy:
                raise
            # The password is changed, and the pair that the caller has is good.
            _log.warning("session %d did not get its next pair", own.id)
            left = max(0, own.access_expires_at - self._clock.now())
            return Grant(access, refresh, left, member)
