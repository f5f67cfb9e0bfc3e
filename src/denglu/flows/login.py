"""Login with a name and a password.

1. Find the member.  2. Count the try, committed.  3. Compare the password, the same work for
everybody.  4. Right: count the visit, open the session, forget the account's failures.
Wrong, unknown, disabled, without a password: one answer.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import Group
from denglu.domain.limits import Limit, Rate
from denglu.domain.member import Identifier, Member, MemberType, read_identifier
from denglu.domain.session import Caller
from denglu.flows.limiting import Claim, Tried, claim_all, release_all, settle_all
from denglu.flows.opening import Opening
from denglu.flows.ports import Clock, Passwords, Secrets, Store, Transaction
from denglu.flows.results import Grant
from denglu.flows.turnstile import Turnstile

# The longest password that can be in use: what is longer need not be hashed to be wrong.
LONGEST_PASSWORD = 512
# A closed account is worth a line in the trail, but not one for every knock.
_NOTED = Limit("login-noted", (Rate(1, 60),))


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """Failures per account and address, per account, per address."""

    account_address: Limit
    account: Limit
    address: Limit


class AccountKeys:
    """The keys under which an account's failures are counted.

    Both under the name as typed (in its canonical form) and under the member, so that an
    alias gets no tries of its own, and a name without a member is counted like any other.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def of(self, who: Identifier, member: Member | None) -> tuple[str, str]:
        """The two names of the account."""
        owner = f"member:{member.id}" if member else f"nobody:{who.canonical}"
        return f"name:{who.canonical}", owner

    def account(self, name: str) -> bytes:
        """The key for an account from any address."""
        return self._secrets.key("login-account", name)

    def account_address(self, name: str, ip: str) -> bytes:
        """The key for an account from one address."""
        return self._secrets.key("login-account-address", name, ip)

    def address(self, ip: str) -> bytes:
        """The key for an address."""
        return self._secrets.key("login-address", ip)

    def noted(self, account: bytes) -> bytes:
        """The key under which it is counted that a closed account was written down."""
        return self._secrets.key("login-noted", account.hex())


class Login:
    """See the module's docstring. ``failure_floor``: seconds a failure takes at the least
    while imported hashes, which are slower to compare, exist."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        secrets: Secrets,
        opening: Opening,
        turnstile: Turnstile,
        limits: LoginLimits,
        *,
        failure_floor: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._keys = AccountKeys(secrets)
        self._opening = opening
        self._turnstile = turnstile
        self._limits = limits
        self._failure_floor = failure_floor

    async def __call__(
        self, *, username: str, password: str, group: Group, caller: Caller
    ) -> Grant:
        """Raises ``bad_credentials``, ``too_many_attempts`` or ``busy``."""
        started = asyncio.get_running_loop().time()
        try:
            with self._turnstile.seat():
                return await self._attempt(read_identifier(username), password, group, caller)
        except Refusal as refusal:
            if refusal.reason is Reason.bad_credentials:
                await self._pad(started)
            raise

    async def _attempt(self, who: Identifier, password: str, group: Group, caller: Caller) -> Grant:
        member = await self._store.read(
            lambda tx: tx.members.find(caller.merchant_id, MemberType.member, who)
        )
        claims = self._claims(self._keys.of(who, member), caller.network)
        try:
            tried = await self._turnstile.claim(claims)
        except Refusal as refusal:
            if refusal.reason is Reason.too_many_attempts:
                await self._note_closed(claims[0].key, member, group, caller)
            raise
        try:
            return await self._judged(tried, password, member, group, caller)
        except Refusal as refusal:
            if refusal.reason is Reason.bad_credentials:
                await self._store.write(lambda tx: self._fail(tx, tried, member, group, caller))
            elif refusal.reason is Reason.busy:
                # A try that nobody had time to judge was no wrong password.
                now = self._clock.now()
                await self._store.write(lambda tx: release_all(tx, tried, now))
            raise

    async def _judged(
        self, tried: Tried, password: str, member: Member | None, group: Group, caller: Caller
    ) -> Grant:
        usable = member if member and member.enabled else None
        if not await self._matches(password, usable):
            raise Refusal(Reason.bad_credentials)
        assert usable is not None
        rehashed = await self._rehashed(password, usable)
        return await self._store.write(
            lambda tx: self._succeed(tx, tried, usable, rehashed, group, caller)
        )

    def _claims(self, names: tuple[str, str], ip: str) -> list[Claim]:
        keys, limits = self._keys, self._limits
        counted = [
            *((limits.account_address, keys.account_address(name, ip)) for name in names),
            *((limits.account, keys.account(name)) for name in names),
            (limits.address, keys.address(ip)),
        ]
        return [Claim(limit, key, Reason.too_many_attempts) for limit, key in counted]

    async def _matches(self, password: str, member: Member | None) -> bool:
        if len(password.encode("utf-8", "replace")) > LONGEST_PASSWORD:
            return False
        return await self._passwords.verify(password, member.password_hash if member else None)

    async def _rehashed(self, password: str, member: Member) -> str | None:
        stored = member.password_hash
        if stored is None or not self._passwords.needs_rehash(stored):
            return None
        try:
            return await self._passwords.hash(password)
        except Refusal:
            return None  # The queue is full; there will be another login.

    async def _succeed(
        self,
        tx: Transaction,
        tried: Tried,
        member: Member,
        rehashed: str | None,
        group: Group,
        caller: Caller,
    ) -> Grant:
        now = self._clock.now()
        # Disabled, or given another password, since it was compared: then this is no login.
        if not await tx.members.visit(member, now, caller.ip):
            raise Refusal(Reason.bad_credentials)
        if rehashed and await tx.members.rehash(member, rehashed):
            await tx.trail.write(AuditEvent(Event.password_rehashed, now, member_id=member.id))
        account = {claim.key for claim in tried.claims[:-1]}
        await release_all(tx, tried, now, forget=account)
        return await self._opening.open(tx, member, group, caller, Event.login, now)

    async def _fail(
        self,
        tx: Transaction,
        tried: Tried,
        member: Member | None,
        group: Group,
        caller: Caller,
    ) -> None:
        await settle_all(tx, tried, self._clock.now())
        await self._note(tx, Event.login_failed, member, group, caller)

    async def _note_closed(
        self, account: bytes, member: Member | None, group: Group, caller: Caller
    ) -> None:
        async def once_a_minute(tx: Transaction) -> None:
            once = Claim(_NOTED, self._keys.noted(account), Reason.too_many_attempts)
            await claim_all(tx, Tried([once], self._clock.now()))
            await self._note(tx, Event.too_many_attempts, member, group, caller)

        with contextlib.suppress(Refusal):
            await self._store.write(once_a_minute)

    async def _note(
        self, tx: Transaction, event: Event, member: Member | None, group: Group, caller: Caller
    ) -> None:
        await tx.trail.write(
            AuditEvent(
                event,
                self._clock.now(),
                merchant_id=caller.merchant_id,
                member_id=member.id if member else None,
                group=group.name,
                ip=caller.ip,
            )
        )

    async def _pad(self, started: float) -> None:
        if await self._store.has_legacy_hashes():
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.0, self._failure_floor - spent))
