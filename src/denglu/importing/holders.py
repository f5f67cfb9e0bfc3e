"""Names that somebody has here while somebody else comes with them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, bindparam, update

from denglu.domain.member import MemberType
from denglu.importing.bringing import Item, Run
from denglu.importing.names import FIELDS, Scope
from denglu.importing.target import is_brought
from denglu.moving.side import Row
from denglu.store.schema import member

# Of a row that every run looks at again.
_UNSETTLED = bytes(32)


class Holders:
    """Members of our own keep their names; those who came with an import give theirs up to whom
    they belong in the source by now.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._losers: dict[str, list[int]] = {}

    async def give_way(self, items: list[Item]) -> None:
        """Find out who has the names of these rows, and who is to lose them."""
        self._losers = {field: [] for field in FIELDS}
        for field in FIELDS:
            wanted: dict[Scope, dict[str, Item]] = {}
            for item in items:
                if key := item.values[f"{field}_key"]:
                    wanted.setdefault(scope_of(item.values), {})[key] = item
            for scope, by_key in wanted.items():
                for holder, key, came in await self._find(field, scope, by_key):
                    self._settle(field, by_key[key], holder, came=came)

    async def release(self) -> None:
        """Take the names from those who lose them, in a transaction that is open."""
        for field, losers in self._losers.items():
            if losers:
                ids = [{"p_id": loser} for loser in losers]
                await self._run.target.side.run_each(_RELEASE[field], ids)

    async def _find(self, field: str, scope: Scope, keys: Iterable[str]) -> list[Row]:
        column = _KEYS[field]
        # Asked now, and not at the start: people join meanwhile.
        asked = [member.c.id, column, is_brought("member", member)]
        more: list[ColumnElement[bool]] = [member.c.type == scope.type]
        if scope.type != MemberType.merchant_user:
            more.append(member.c.merchant_id == scope.merchant_id)
        return await self._run.target.where_in(asked, column, keys, *more)

    def _settle(self, field: str, item: Item, holder: int, *, came: bool) -> None:
        if holder == item.source_id:
            return
        if not came:
            item.values[f"{field}_key"] = None
            item.digest = _UNSETTLED
            self._run.findings.note(f"{field}_taken", "member", item.source_id, kept_by=holder)
        else:
            self._losers[field].append(holder)


def scope_of(values: dict[str, Any]) -> Scope:
    """Within which a member's names are one's own."""
    return Scope.of(values["type"], values["merchant_id"])


_KEYS = {field: member.c[f"{field}_key"] for field in FIELDS}
_RELEASE = {
    field: update(member).values({column.name: None}).where(member.c.id == bindparam("p_id"))
    for field, column in _KEYS.items()
}
