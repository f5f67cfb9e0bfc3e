"""Trying a password: counted and committed first, compared after, forgotten by a success.

Counted per account and address, per account, and per address. An account is counted both under
the name as typed and under its member, so that an alias gets no tries of its own, and a name
without a member is counted like any other.

Failures in a row are counted under the member, or under the name that nobody has: after so many
of them no password is compared until it is reset. Such a refusal tells no ``retry_after``,
because waiting does not help. A member's are kept until they are forgotten; for a name that
nobody has, a year after the last one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.member import Identifier, Member
from denglu.domain.session import Caller
from denglu.domain.watch import Sight
from denglu.flows.account_keys import MEMBER, TYPED, AccountKeys
from denglu.flows.limiting import Claim, Tried, claim_all, release_all, settle_all
from denglu.flows.ports import Clock, Passwords, Secrets, Store, Transaction
from denglu.flows.turnstile import Turnstile
from denglu.flows.watch import Watch

T = TypeVar("T")

# The longest password that can be in use: what is longer need not be hashed to be wrong.
LONGEST_PASSWORD = 512
# A closed account is worth a line in the trail, but not one for every knock.
_NOTED = Limit("login-noted", (Rate(1, 60),))


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """Failures per account and address, per account (with its ``streak``), per address."""

    account_address: Limit
    account: Limit
    address: Limit


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who is tried: the name as it was given, its member (None: nobody has it), from where.

    Without a name it is the member, under every name. ``group`` and ``note`` are for the trail.
    ``besides`` are claims beyond those of every try.
    """

    who: Identifier | None
    member: Member | None
    caller: Caller
    group: str = ""
    note: str = ""
    besides: Sequence[Claim] = ()


class PasswordTry:
    """Judges passwords. ``failure_floor``: seconds a failure takes at the least while imported
    hashes, which are slower to compare, exist.

    Call ``judge`` inside ``async with seat(caller)``.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passwords: Passwords,
        secrets: Secrets,
        turnstile: Turnstile,
        limits: LoginLimits,
        watch: Watch,
        *,
        failure_floor: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._keys = AccountKeys(secrets)
        self._turnstile = turnstile
        self._limits = limits
        self._watch = watch
        self._failure_floor = failure_floor

    @contextlib.asynccontextmanager
    async def seat(self, caller: Caller) -> AsyncIterator[None]:
        """A place inside, before anything is asked of the store. Raises ``busy``.

        A ``bad_credentials`` that comes out takes as long as it must.
        """
        started = asyncio.get_running_loop().time()
        try:
            async with self._turnstile.seat(caller.network):
                yield
        except Refusal as refusal:
            if refusal.reason is Reason.bad_credentials:
                await self._pad(started)
            raise

    async def judge(
        self, attempt: Attempt, password: str, deed: Callable[[Tried], Awaitable[T]]
    ) -> T:
        """Count the try, compare, and where the password is right return what ``deed`` does.

        ``deed`` calls ``forget`` in its transaction. Raises ``too_many_attempts``, ``busy``,
        ``bad_credentials`` (all failures alike), and what ``deed`` raises: a
        ``bad_credentials`` of its own is a wrong try, any other refusal is none.
        """
        tried = await self._count(attempt)
        try:
            if not await self._matches(password, attempt.member):
                raise Refusal(Reason.bad_credentials)
            return await deed(tried)
        except Refusal as refusal:
            if refusal.reason is Reason.bad_credentials:
                self._watch.saw(Sight.login_failed)
                await self._store.write(lambda tx: self._fail(tx, tried, attempt))
            else:
                # A try that nobody had time to judge was no wrong password.
                now = self._clock.now()
                await self._store.write(lambda tx: release_all(tx, tried, now))
            raise

    async def forget(self, tx: Transaction, tried: Tried, now: int) -> None:
        """The password was right: no failure of the account counts any more.

        The address keeps its other failures. Locks login tallies: after the member's row,
        before sessions.
        """
        own = {self._limits.account_address.scope, self._limits.account.scope}
        account = {claim.key for claim in tried.claims if claim.limit.scope in own}
        await release_all(tx, tried, now, forget=account)

    async def _count(self, attempt: Attempt) -> Tried:
        claims = self._claims(self._names(attempt), attempt.caller.network)
        try:
            return await self._turnstile.claim([*claims, *attempt.besides])
        except Refusal as refusal:
            if refusal.reason is Reason.too_many_attempts:
                await self._note_closed(claims[0].key, attempt, refusal)
            raise

    def _names(self, attempt: Attempt) -> tuple[str, ...]:
        if attempt.who is not None:
            return self._keys.of(attempt.who, attempt.member, attempt.caller.namespace)
        assert attempt.member is not None
        return self._keys.every(attempt.member)

    def _claims(self, names: tuple[str, ...], ip: str) -> list[Claim]:
        keys, limits, full = self._keys, self._limits, Reason.too_many_attempts
        return [
            *(
                Claim(limits.account_address, keys.account_address(name, ip), full)
                for name in names
            ),
            *(self._account(name) for name in names),
            Claim(limits.address, keys.address(ip), full),
        ]

    def _account(self, name: str) -> Claim:
        """Failures in a row are those of whoever has the name, and not of how it was typed."""
        limit, key = self._limits.account, self._keys.account(name)
        if name.startswith(TYPED):
            limit = replace(limit, streak=0)
        return Claim(limit, key, Reason.too_many_attempts, owned=name.startswith(MEMBER))

    async def _matches(self, password: str, member: Member | None) -> bool:
        """The same work for everybody: unknown, disabled, without a password."""
        if len(password.encode("utf-8", "replace")) > LONGEST_PASSWORD:
            return False
        usable = member if member and member.enabled else None
        return await self._passwords.verify(password, usable.password_hash if usable else None)

    async def _fail(self, tx: Transaction, tried: Tried, attempt: Attempt) -> None:
        await settle_all(tx, tried, self._clock.now())
        await self._note(tx, Event.login_failed, attempt)

    async def _note_closed(self, account: bytes, attempt: Attempt, refusal: Refusal) -> None:
        if refusal.retry_after is None:
            attempt = replace(attempt, note="until the password is reset")

        async def once_a_minute(tx: Transaction) -> None:
            once = Claim(_NOTED, self._keys.noted(account), Reason.too_many_attempts)
            await claim_all(tx, Tried([once], self._clock.now()))
            await self._note(tx, Event.too_many_attempts, attempt)

        with contextlib.suppress(Refusal):
            await self._store.write(once_a_minute)

    async def _note(self, tx: Transaction, event: Event, attempt: Attempt) -> None:
        member, caller = attempt.member, attempt.caller
        await tx.trail.write(
            AuditEvent(
                event,
                self._clock.now(),
                merchant_id=member.merchant_id if member else caller.merchant_id,
                member_id=member.id if member else None,
                group=attempt.group,
                ip=caller.ip,
                note=attempt.note,
            )
        )

    async def _pad(self, started: float) -> None:
        if await self._store.has_legacy_hashes():
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.0, self._failure_floor - spent))
