"""A member shows who they are: with a code sent to their number, or, without one, the password."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Member
from denglu.domain.session import Caller, Found
from denglu.domain.sms_code import Usage
from denglu.flows.code_try import CodeTry, RightCode
from denglu.flows.devices import live_with
from denglu.flows.limiting import Tried
from denglu.flows.password_try import Attempt, PasswordTry
from denglu.flows.ports import Store, Transaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Proof:
    """What was shown, and not yet used up. ``tried``: the try at the password, where it was one."""

    found: Found
    member: Member
    caller: Caller
    codes: Sequence[RightCode] = ()
    tried: Tried | None = None


class Prove:
    """Counts and judges what a member shows, does a deed with it, and gives back a right code
    whose deed was refused.
    """

    def __init__(self, store: Store, codes: CodeTry, passwords: PasswordTry) -> None:
        self._store = store
        self._codes = codes
        self._passwords = passwords

    async def __call__(
        self,
        found: Found,
        usage: Usage,
        *,
        code: str,
        password: str,
        caller: Caller,
        deed: Callable[[Proof], Awaitable[T]],
    ) -> T:
        """``code`` counts for a member who has a mobile, ``password`` for one who has none.

        Raises ``bad_code``, ``wrong_password``, ``too_many_attempts``, ``busy``, and what
        ``deed`` raises.
        """
        # Not the member of the token check: that one may be a quarter of a second old.
        member = await self._store.read(lambda tx: tx.members.get(found.member.id))
        assert member is not None
        if member.mobile:
            return await self.with_code(
                member.mobile,
                usage,
                code,
                caller,
                lambda right: deed(Proof(found, member, caller, codes=[right])),
            )
        attempt = Attempt(None, member, caller, found.session.group, note=usage)
        try:
            async with self._passwords.seat(caller):
                return await self._passwords.judge(
                    attempt, password, lambda tried: deed(Proof(found, member, caller, tried=tried))
                )
        except Refusal as refusal:
            if refusal.reason is Reason.bad_credentials:
                raise Refusal(Reason.wrong_password) from None
            raise

    async def with_code(
        self,
        mobile: str,
        usage: Usage,
        code: str,
        caller: Caller,
        deed: Callable[[RightCode], Awaitable[T]],
    ) -> T:
        """The same with a code to any number."""
        right = await self._codes.judge(mobile, usage, code, caller)
        try:
            return await deed(right)
        except Refusal:
            await self._codes.refund(right)
            raise

    async def spend(self, tx: Transaction, codes: Sequence[RightCode], now: int) -> None:
        """Use the codes up: the first thing that a deed does in its transaction."""
        if codes:
            await self._codes.spend_each(tx, codes, now)

    async def settle(self, tx: Transaction, proof: Proof, now: int) -> None:
        """It was the member, who is still the same: to be called with the member's row locked.

        Raises ``session_ended`` when the caller's session is over.
        """
        member = await tx.members.get(proof.member.id)
        assert member is not None
        if proof.tried is not None:
            # Given another password since it was compared: then it was the wrong one.
            if member.password_version != proof.member.password_version:
                raise Refusal(Reason.bad_credentials)
            await self._passwords.forget(tx, proof.tried, now)
        await live_with(tx, proof.found, now)
