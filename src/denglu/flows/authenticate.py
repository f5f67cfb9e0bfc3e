"""Who is calling? The token check, and the two public questions about a token."""

import logging

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import Found, Kind, SessionPolicy, check_access, check_alive
from denglu.flows.ports import Clock, Store, Tokens

_log = logging.getLogger(__name__)


class Authenticate:
    """Finds the session of an access token. Garbage is refused without asking the store."""

    def __init__(self, store: Store, clock: Clock, tokens: Tokens, policy: SessionPolicy) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._policy = policy

    async def __call__(self, token: str) -> Found:
        """Raises ``token_invalid``, ``token_expired``, ``session_replaced``, ``session_ended``."""
        digest = self._tokens.digest(Kind.access, token)
        if digest is None:
            raise Refusal(Reason.token_invalid)
        now = self._clock.now()
        found = check_access(await self._store.find_token(digest), self._policy, now)
        if found.parent_unmarked:
            await self._mark(found, now)
        return found

    async def known(self, token: str) -> Found:
        """Like a call, but an access token that has just expired is good enough.

        For logout, which must not fail a member whose token is a minute too old.
        """
        try:
            return await self(token)
        except Refusal as refusal:
            found = await self._current(token)
            if refusal.reason is not Reason.token_expired or found is None:
                raise
            return found

    async def verify(self, token: str) -> bool:
        """Whether a client may keep this access token and its refresh token.

        True for a live session's current token even when it has just expired: clients drop
        both tokens on false, while a refresh would do.
        """
        try:
            await self(token)
            return True
        except Refusal as refusal:
            if refusal.reason is Reason.busy:
                raise
            return await self._current(token) is not None

    async def _current(self, token: str) -> Found | None:
        digest = self._tokens.digest(Kind.access, token)
        found = await self._store.find_token(digest) if digest else None
        if found is None or found.token.generation != found.session.generation:
            return None
        if self._clock.now() >= found.session.refresh_expires_at:
            return None
        try:
            check_alive(found)
        except Refusal:
            return None
        return found

    async def _mark(self, found: Found, now: int) -> None:
        """The first use of a pair closes the window of the refresh token it came from."""
        try:
            await self._store.write(
                lambda tx: tx.sessions.mark_used(found.session, found.token.generation, now)
            )
        except Refusal:
            # A store that cannot write must not stop token checks; the next check marks.
            _log.warning("first use of session %d was not recorded", found.session.id)
