"""A link as the repositories see it: a reading one writes nothing, a writing one notes whose
token look-ups it made stale.
"""

from collections.abc import Collection

from denglu.store.compiled import Params, Row
from denglu.store.network.feed import Subject
from denglu.store.network.link import Link

_READS = frozenset(
    {
        "audit_after", "audit_newest", "audit_page", "audit_page_of",
        "cancellation_of", "cancellations_due", "code_live", "code_uses", "member_by_email",
        "member_by_mobile", "member_by_username", "member_get", "member_legacy", "member_page",
        "merchant_by_name", "merchant_get", "merchant_page", "message_page", "message_page_of",
        "session_live", "spend_of_1", "spend_of_2", "spend_of_3", "spend_of_4", "spend_of_5",
        "spend_of_6", "token_find", "tokens_imported",
        "user_by_email", "user_by_mobile", "user_by_username", "user_page",
    }
)  # fmt: skip
# Statements after which a look-up of a token may differ, by whose tokens those are.
_CHANGES = {
    "account_status": ("m", "p_member_id"),
    "member_set_mobile": ("m", "p_member_id"),
    "member_set_password": ("m", "p_member_id"),
    "member_status": ("m", "p_member_id"),
    "member_visit": ("m", "p_member_id"),
    "member_wipe": ("m", "p_member_id"),
    "session_end": ("s", "p_session_id"),
    "session_rotate": ("s", "p_session_id"),
    "token_child_used": ("s", "p_session_id"),
}
# Those that take a token's right away: other processes are told.
_REVOKES = frozenset({"member_set_password", "member_status", "member_wipe", "session_end"})


class Reading:
    """Fulfils ``store.connection.Connection``. RuntimeError for whatever would write. ``more``:
    what plugins only read.
    """

    def __init__(self, link: Link, more: Collection[str] = ()) -> None:
        self._link = link
        self._more = more

    async def one(self, name: str, params: Params) -> Row | None:
        return await self._link.one(self._checked(name), params)

    async def all(self, name: str, params: Params) -> list[Row]:
        return await self._link.all(self._checked(name), params)

    async def run(self, name: str, params: Params) -> int:
        raise RuntimeError(f"{name}: a read may not write")

    async def insert(self, name: str, params: Params) -> int:
        raise RuntimeError(f"{name}: a read may not write")

    def _checked(self, name: str) -> str:
        if name not in _READS and name not in self._more:
            raise RuntimeError(f"{name}: a read may not lock")
        return name


class Writing:
    """Fulfils ``store.connection.Connection``. ``touched``: members and sessions whose look-ups
    are stale once this is committed; ``revoked``: those that lost a right.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self.touched: set[Subject] = set()
        self.revoked: set[Subject] = set()

    async def one(self, name: str, params: Params) -> Row | None:
        return await self._link.one(name, params)

    async def all(self, name: str, params: Params) -> list[Row]:
        return await self._link.all(name, params)

    async def run(self, name: str, params: Params) -> int:
        matched = await self._link.run(name, params)
        if change := _CHANGES.get(name):
            kind, owner = change
            subject = f"{kind}{params[owner]}"
            # Also where nothing matched: a rival in another process was first.
            self.touched.add(subject)
            if matched and name in _REVOKES:
                self.revoked.add(subject)
        return matched

    async def insert(self, name: str, params: Params) -> int:
        return await self._link.insert(name, params)
