"""Ending the caller's session."""

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.member import MemberType
from denglu.domain.session import EndReason, Found
from denglu.flows.authenticate import Authenticate
from denglu.flows.ports import Clock, Store, Transaction


class Logout:
    """Ends the session of an access token, in all its generations at once."""

    def __init__(self, store: Store, clock: Clock, authenticate: Authenticate) -> None:
        self._store = store
        self._clock = clock
        self._authenticate = authenticate

    async def __call__(self, token: str, member_type: int = MemberType.member) -> Found:
        """Raises what ``Authenticate`` raises, except ``token_expired`` for the current token."""
        found = await self._authenticate.known(token, member_type)
        session = found.session

        async def end(tx: Transaction) -> None:
            now = self._clock.now()
            if await tx.sessions.end([session.id], EndReason.logged_out, now):
                await tx.trail.write(
                    AuditEvent(
                        Event.logout,
                        now,
                        merchant_id=session.merchant_id,
                        member_id=session.member_id,
                        session_id=session.id,
                        group=session.group,
                    )
                )

        await self._store.write(end)
        return found
