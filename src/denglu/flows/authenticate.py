"""Who is calling? The token check, and the two public questions about a token."""

import logging

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import MemberType
from denglu.domain.session import Found, Kind, SessionPolicy, check_access, check_alive
from denglu.flows.imported import ImportedTokens
from denglu.flows.ports import Clock, Store, Tokens

_log = logging.getLogger(__name__)


class Authenticate:
    """Finds the session of an access token. Garbage is refused without asking the store.

    ``member_type``: whose tokens count. Those of all others are as unknown as garbage.
    """

    def __init__(self, store: Store, clock: Clock, tokens: Tokens, policy: SessionPolicy) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._imported = ImportedTokens(store, clock, tokens)
        self._policy = policy

    async def __call__(self, token: str, member_type: int = MemberType.member) -> Found:
        """Raises ``token_invalid``, ``token_expired``, ``session_replaced``, ``session_ended``."""
        digest = self._tokens.digest(Kind.access, token) or await self._imported.digest(token)
        if digest is None:
            raise Refusal(Reason.token_invalid)
        now = self._clock.now()
        found = check_access(await self._find(digest, member_type), self._policy, now)
        if found.parent_unmarked:
            await self._mark(found, now)
        return found

    async def known(self, token: str, member_type: int = MemberType.member) -> Found:
        """Like a call, but an access token that has just expired is good enough.

        For logout, which must not fail a member whose token is a minute too old.
        """
        try:
            return await self(token, member_type)
        except Refusal as refusal:
            found = await self._current(token, member_type)
            if refusal.reason is not Reason.token_expired or found is None:
                raise
            return found

    async def verify(self, token: str, member_type: int = MemberType.member) -> bool:
        """Whether a client may keep this access token and its refresh token.

        True for a live session's current token even when it has just expired: clients drop
        both tokens on false, while a refresh would do.
        """
        try:
            await self(token, member_type)
            return True
        except Refusal as refusal:
            if refusal.reason is Reason.busy:
                raise
            return await self._current(token, member_type) is not None

    async def _current(self, token: str, member_type: int) -> Found | None:
        digest = self._tokens.digest(Kind.access, token) or await self._imported.digest(token)
        found = await self._find(digest, member_type) if digest else None
        if found is None or found.token.kind is not Kind.access:
            return None
        if found.token.generation != found.session.generation:
            return None
        if self._clock.now() >= found.session.refresh_expires_at:
            return None
        try:
            check_alive(found)
        except Refusal:
            return None
        return found

    async def _find(self, digest: bytes, member_type: int) -> Found | None:
        found = await self._store.find_token(digest)
        return found if found is not None and found.member.type == member_type else None

    async def _mark(self, found: Found, now: int) -> None:
        """The first use of a pair closes the window of the refresh token it came from."""
        try:
            await self._store.write(
                lambda tx: tx.sessions.mark_used(found.session, found.token.generation, now)
            )
        except Refusal:
            # A store that cannot write must not stop token checks; the next check marks.
            _log.warning("first use of session %d was not recorded", found.session.id)
