"""Login with a name and a password.

1. Find the member.  2. Count the try, committed.  3. Compare the password, the same work for
everybody.  4. Right: count the visit, open the session, forget the account's failures.
Wrong, unknown, disabled, without a password: one answer.
"""

from collections.abc import Sequence

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.member import Member, read_identifier
from denglu.domain.session import Caller
from denglu.flows.limiting import Claim, Tried
from denglu.flows.opening import Opening
from denglu.flows.password_try import Attempt, PasswordTry
from denglu.flows.ports import Clock, Passwords, Store, Transaction
from denglu.flows.results import Grant
from denglu.flows.suspicion import Suspicion


class Login:
    """See the module's docstring."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        opening: Opening,
        tries: PasswordTry,
        suspicion: Suspicion,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._opening = opening
        self._tries = tries
        self._suspicion = suspicion

    async def __call__(
        self,
        *,
        username: str,
        password: str,
        group: Group,
        caller: Caller,
        captcha_token: str = "",
    ) -> Grant:
        """Raises ``bad_credentials``, ``too_many_attempts``, ``captcha_required``, ``busy``."""
        async with self._tries.seat(caller):
            return await self._log_in(username, password, group, caller, captcha_token)

    async def _log_in(
        self, username: str, password: str, group: Group, caller: Caller, captcha_token: str
    ) -> Grant:
        who = read_identifier(username)
        member = await self._store.read(
            lambda tx: tx.members.find(caller.merchant_id, caller.member_type, who)
        )

        async def enter(tried: Tried) -> Grant:
            assert member is not None
            return await self._enter(tried, member, password, group, caller)

        async def judge(besides: Sequence[Claim]) -> Grant:
            attempt = Attempt(who, member, caller, group.name, besides=besides)
            return await self._tries.judge(attempt, password, enter)

        return await self._suspicion.of_login(caller, captcha_token, judge)

    async def _enter(
        self, tried: Tried, member: Member, password: str, group: Group, caller: Caller
    ) -> Grant:
        rehashed = await self._rehashed(password, member)

        async def succeed(tx: Transaction) -> Grant:
            now = self._clock.now()
            # Disabled, or given another password, since it was compared: then this is no login.
            if not await tx.members.visit(member, now, caller.ip):
                raise Refusal(Reason.bad_credentials)
            if rehashed and await tx.members.rehash(member, rehashed):
                await tx.trail.write(
                    AuditEvent(
                        Event.password_rehashed,
                        now,
                        merchant_id=member.merchant_id,
                        member_id=member.id,
                    )
                )
            await self._tries.forget(tx, tried, now)
            return await self._opening.open(tx, member, group, caller, Event.login, now)

        return await self._store.write(succeed)

    async def _rehashed(self, password: str, member: Member) -> str | None:
        stored = member.password_hash
        if stored is None or not self._passwords.needs_rehash(stored):
            return None
        try:
            return await self._passwords.hash(password)
        except Refusal:
            return None  # The queue is full; there will be another login.
