"""Setting a new password with the old one."""

from denglu.domain.audit import Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.member import Member
from denglu.domain.session import Caller, EndReason, Found
from denglu.flows.devices import live_with
from denglu.flows.limiting import Tried
from denglu.flows.notice import Notices
from denglu.flows.opening import Opening
from denglu.flows.password_try import Attempt, PasswordTry
from denglu.flows.ports import Clock, Passwords, Store, Transaction
from denglu.flows.results import Grant


class ChangePassword:
    """1. Count the try and compare the old password, as a login does. 2. Hash. 3. Store the
    password, forget the account's failures, end every session in every group, open one for the
    caller, one commit. 4. Tell the member by SMS.

    The caller's session ends like the others: who holds a copy of one of its tokens is out, too.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        tries: PasswordTry,
        opening: Opening,
        notices: Notices,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._tries = tries
        self._opening = opening
        self._notices = notices

    async def __call__(
        self, found: Found, *, old_password: str, password: str, caller: Caller
    ) -> Grant:
        """Raises ``wrong_password``, ``too_many_attempts``, ``session_ended`` or ``busy``."""
        try:
            async with self._tries.seat(caller):
                grant = await self._judged(found, old_password, password, caller)
        except Refusal as refusal:
            if refusal.reason is Reason.bad_credentials:
                raise Refusal(Reason.wrong_password) from None
            raise
        await self._notices.password_changed(grant.member.mobile, grant.member.namespace)
        return grant

    async def _judged(
        self, found: Found, old_password: str, password: str, caller: Caller
    ) -> Grant:
        # Not the member of the token check: that one may be a quarter of a second old.
        member = await self._store.read(lambda tx: tx.members.get(found.member.id))
        assert member is not None

        async def change(tried: Tried) -> Grant:
            hashed = await self._passwords.hash(password)
            return await self._store.write(
                lambda tx: self._change(tx, tried, found, member, hashed, caller)
            )

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
    ) -> Grant:
        now = self._clock.now()
        stored = await tx.members.set_password(member.id, hashed, now)
        changed = await tx.members.get(member.id)
        # Disabled, or given another password, since it was compared: then it was the wrong one.
        if not stored or not changed or changed.password_version != member.password_version + 1:
            raise Refusal(Reason.bad_credentials)
        await tx.members.visit(changed, now, caller.ip)
        await self._tries.forget(tx, tried, now)
        live = await live_with(tx, found, now)
        await tx.sessions.end([s.id for s in live], EndReason.password_changed, now)
        own = Group(found.session.group, "")  # none of its sessions is left
        return await self._opening.open(tx, changed, own, caller, Event.password_changed, now)
