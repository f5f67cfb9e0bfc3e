"""What operators do to merchants and their users. Each deed ends what it must, at once."""

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.member import (
    Member,
    MemberType,
    NewMember,
    Status,
    read_id,
    read_identifier,
)
from denglu.domain.merchant import Merchant
from denglu.domain.session import EndReason
from denglu.flows.ports import Clock, Passwords, Store, Taken, Transaction

_DEEDS = {Status.disabled: Event.merchant_disabled, Status.enabled: Event.merchant_enabled}
_PAGE = 500
_OPERATOR = "operator"


class AdministerMerchants:
    """Merchants and their users, as operators see them. ``note`` of events: ``operator``.

    A user is disabled and enabled like any member: ``Administer.set_status``.
    """

    def __init__(self, store: Store, clock: Clock, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords

    async def add(self, name: str) -> Merchant:
        """Add a merchant whose name has been checked. Raises ``ports.Taken``."""

        async def work(tx: Transaction) -> Merchant:
            now = self._clock.now()
            merchant_id = await tx.merchants.add(name, now)
            await tx.trail.write(
                AuditEvent(Event.merchant_added, now, merchant_id=merchant_id, note=_OPERATOR)
            )
            merchant = await tx.merchants.get(merchant_id)
            assert merchant is not None
            return merchant

        return await self._store.write(work)

    async def find(self, who: str) -> Merchant | None:
        """The merchant with this name or id."""
        return await self._store.read(lambda tx: tx.merchants.find(who))

    async def page(self, after: int, limit: int) -> list[Merchant]:
        """Merchants by id."""
        return await self._store.read(lambda tx: tx.merchants.page(after, limit))

    async def set_status(self, merchant: Merchant, status: Status) -> int:
        """Disable or enable. Disabling ends every session of its users; returns how many.

        A login that is under way ends before, and its session with the others, or it finds the
        merchant disabled: it holds the user's row while it looks.
        """

        async def work(tx: Transaction) -> int:
            now = self._clock.now()
            # Whoever adds a user waits from here on.
            if not await tx.merchants.set_status(merchant.id, status, now):
                return 0
            ended = await self._shut_out(tx, merchant.id, now) if status is Status.disabled else 0
            await tx.trail.write(
                AuditEvent(_DEEDS[status], now, merchant_id=merchant.id, note=_OPERATOR)
            )
            return ended

        return await self._store.write(work)

    async def _shut_out(self, tx: Transaction, merchant_id: int, now: int) -> int:
        users = [user.id for user in await _all_users(tx, merchant_id)]
        for user in users:
            await tx.deletions.hold(user)
        live = [session.id for user in users for session in await tx.sessions.live(user)]
        return await tx.sessions.end(live, EndReason.disabled, now)

    async def add_user(
        self, merchant: Merchant, *, username: str, mobile: str, nickname: str, password: str
    ) -> Member:
        """Add a user whose values have been checked. Raises ``ports.Taken``: names are those of
        one user over all merchants.
        """
        hashed = await self._passwords.hash(password)
        new = NewMember(
            username=username,
            mobile=mobile,
            nickname=nickname,
            password_hash=hashed,
            source=_OPERATOR,
            merchant_id=merchant.id,
            type=MemberType.merchant_user,
        )

        async def work(tx: Transaction) -> Member:
            now = self._clock.now()
            # Whoever adds a user anywhere waits here, and then finds the names of the others.
            await tx.merchants.hold()
            await _check_free(tx, new)
            member_id = await tx.members.add(new, now)
            await tx.trail.write(_of(Event.member_added, now, merchant.id, member_id))
            user = await tx.members.get(member_id)
            assert user is not None
            return user

        return await self._store.write(work)

    async def find_user(self, who: str) -> Member | None:
        """The user with this id, username, mobile or e-mail; one of a disabled merchant is seen
        as disabled by name, and as stored by id.
        """

        async def work(tx: Transaction) -> Member | None:
            user = await tx.members.find(0, MemberType.merchant_user, read_identifier(who))
            if user is None and (user_id := read_id(who)) is not None:
                user = await tx.members.get(user_id)
            return user if user is not None and user.type == MemberType.merchant_user else None

        return await self._store.read(work)

    async def users(self, merchant: Merchant, after: int, limit: int) -> list[Member]:
        """The users of a merchant by id."""
        return await self._store.read(lambda tx: tx.merchants.users(merchant.id, after, limit))

    async def set_password(self, user: Member, password: str) -> int | None:
        """Give an enabled user a password that has been checked, and end every session; returns
        how many. None when the user is not enabled.
        """
        hashed = await self._passwords.hash(password)

        async def work(tx: Transaction) -> int | None:
            now = self._clock.now()
            if not await tx.members.set_password(user.id, hashed, now):
                return None
            live = [session.id for session in await tx.sessions.live(user.id)]
            ended = await tx.sessions.end(live, EndReason.password_changed, now)
            await tx.trail.write(_of(Event.password_reset, now, user.merchant_id, user.id))
            return ended

        return await self._store.write(work)


async def _check_free(tx: Transaction, new: NewMember) -> None:
    """Nobody else is found by a name as it is typed, whichever kind of name it is theirs."""
    for field, name in (("username", new.username), ("mobile", new.mobile)):
        if name and await tx.members.find(0, MemberType.merchant_user, read_identifier(name)):
            raise Taken(field)


async def _all_users(tx: Transaction, merchant_id: int) -> list[Member]:
    found: list[Member] = []
    while page := await tx.merchants.users(merchant_id, found[-1].id if found else 0, _PAGE):
        found += page
    return found


def _of(event: Event, now: int, merchant_id: int, member_id: int) -> AuditEvent:
    return AuditEvent(event, now, merchant_id=merchant_id, member_id=member_id, note=_OPERATOR)
