"""Tokens that are in people's phones: sessions here, good until they would have ended there.

Only their digests are kept. The first refresh gives a pair of ours.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, delete, or_, select, update

from denglu.domain.member import MemberType, Status
from denglu.domain.session import EndReason, Kind
from denglu.importing.bringing import Item, Run
from denglu.importing.layout import TOKEN_COLUMNS, TOKENS
from denglu.importing.target import Mark, bound, change, chunks
from denglu.importing.values import decoded
from denglu.moving.side import Row
from denglu.security.tokens import IMPORTED_SHAPE
from denglu.store.schema import member, merchant, session, token

_LONGEST_GROUP = 50
_FIRST = 1
# Session values that are read back with the id.
Slot = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of tokens: the SHA-256 of each, and until when it is good, in Unix seconds."""

    access: bytes
    refresh: bytes
    made_at: int
    access_until: int
    refresh_until: int


class TokenStep:
    """Fulfils ``bringing.Step``."""

    kind = "token"
    table = TOKENS
    columns = TOKEN_COLUMNS

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: set[bytes] = set()

    def read(self, row: Row) -> Item | None:
        row_id, refresh, access, member_id, group, status = row
        run, values = self._run, {"member_id": member_id}
        if status != Status.enabled:
            self._leave("not_live", row_id)
            return None
        owner = run.whose(TOKENS, row_id, values)
        if owner is None:
            return None
        if owner.status != Status.enabled:
            self._leave("member_disabled", row_id)
            return None
        if owner.type == MemberType.merchant_user and owner.merchant_id in run.closed:
            self._leave("merchant_disabled", row_id)
            return None
        slot = self._slot(decoded(group).strip(), row_id)
        pair = self._pair(decoded(access), decoded(refresh))
        if slot is None or pair is None:
            self._leave("malformed", row_id)
            return None
        if not self._seen.isdisjoint((pair.access, pair.refresh)):
            self._leave("duplicate", row_id)
            return None
        self._seen |= {pair.access, pair.refresh}
        values |= {"merchant_id": owner.merchant_id, "member_type": owner.type}
        values |= {"client_group": slot, "pair": pair}
        secret = hashlib.sha256(pair.access + pair.refresh).digest()
        # What is the same row again: whose it is, where, and how long it lasts.
        digest = hashlib.sha256(repr(values).encode()).digest()
        return Item(row_id, 0, values, digest, secret)

    async def sift(self, items: list[Item], marks: dict[int, Mark]) -> list[Item]:
        """Who was disabled or erased here, or whose merchant was disabled, gets no session; nor
        does who has one still that came from the same tokens.
        """
        members = {item.values["member_id"] for item in items}
        closed = await self._run.target.where_in(
            [member.c.id], member.c.id, members, or_(member.c.status != _ENABLED, _is_shut_out)
        )
        out = {row[0] for row in closed}
        spent = await self._spent(items)
        for item in items:
            if item.values["member_id"] in out:
                self._drop(item, "disabled_here")
            elif item.source_id not in marks and item.values["pair"].refresh in spent:
                self._drop(item, "refreshed_here")
            elif item.values["pair"].refresh_until <= self._run.now:
                self._drop(item, "expired")
        return [item for item in items if not item.left]

    async def write(self, items: list[Item], marks: dict[int, Mark]) -> None:
        target = self._run.target
        same = [item for item in items if _is_same(item, marks)]
        for item in same:
            item.target_id = marks[item.source_id].target_id
        if same:
            await target.side.run_each(_LAST, [self._lasting(item) for item in same])
        opening = [item for item in items if not _is_same(item, marks)]
        if opening:
            await self._open(opening, marks)

    async def lose(self, marks: list[Mark]) -> None:
        """Whoever logged out there is logged out here, unless a refresh made the session ours."""
        if marks:
            await self._end(marks)
            await self._run.target.forget(self.kind, [mark.source_id for mark in marks])

    async def _open(self, opening: list[Item], marks: dict[int, Mark]) -> None:
        target = self._run.target
        members = sorted({item.values["member_id"] for item in opening})
        # As whoever opens a session: the member's row first.
        for part in chunks(members):
            held = select(member.c.id).where(member.c.id.in_(part)).order_by(member.c.id)
            await target.side.fetch(held.with_for_update())
        again = [item for item in opening if item.source_id in marks]
        await self._end([marks[item.source_id] for item in again])
        # Of sessions that are over, such as those of members who were disabled for a while.
        for part in chunks(digest for item in opening for digest in _digests(item)):
            await target.side.run(delete(token).where(token.c.digest.in_(part)))
        taken = set(await self._slots(members))
        for item in opening:
            item.values["slot"] = _free(item.values, taken)
        await target.insert(session, [self._session(item.values) for item in opening])
        ids = await self._slots(members)
        for item in opening:
            item.target_id = ids[_slot(item.values)]
        rows = [row for item in opening for row in _tokens(item)]
        await target.insert(token, rows)
        until = max(item.values["pair"].refresh_until for item in opening)
        await target.raise_number("tokens", until)

    def _leave(self, cause: str, row_id: int) -> None:
        self._run.leave(TOKENS, cause, row_id, {})

    def _drop(self, item: Item, cause: str) -> None:
        item.left = True
        self._leave(cause, item.source_id)

    def _slot(self, name: str, row_id: int) -> str | None:
        """The group under which a session stands here; unknown names are kept."""
        known = self._run.terms.groups.find(name)
        if known is not None:
            return known.name
        if not name or len(name) > _LONGEST_GROUP or "\0" in name:
            return None
        self._run.findings.note("group_unknown", TOKENS, row_id, group=name)
        return name

    def _pair(self, access: str, refresh: str) -> Pair | None:
        found = [IMPORTED_SHAPE.fullmatch(text) for text in (access, refresh)]
        if found[0] is None or found[1] is None or access == refresh:
            return None
        # What says that it was made later than now would last longer than others.
        access_at, refresh_at = (min(int(each[1]), self._run.now) for each in found if each)
        terms = self._run.terms
        return Pair(
            hashlib.sha256(access.encode()).digest(),
            hashlib.sha256(refresh.encode()).digest(),
            refresh_at,
            access_at + terms.access_ttl,
            refresh_at + terms.refresh_ttl,
        )

    def _session(self, values: dict[str, Any]) -> dict[str, Any]:
        pair: Pair = values["pair"]
        return {
            **{name: values[name] for name in _OF_MEMBER},
            "slot": values["slot"],
            "nonce": secrets.token_bytes(16),
            **self._lives(pair),
            "created_at": pair.made_at,
            "rotated_at": pair.made_at,
        }

    def _lives(self, pair: Pair) -> dict[str, int]:
        last = max(pair.made_at + self._run.terms.session_ttl, pair.refresh_until)
        return dict(zip(_LIVES, (pair.access_until, pair.refresh_until, last), strict=True))

    def _lasting(self, item: Item) -> dict[str, int]:
        return bound({"id": item.target_id, **self._lives(item.values["pair"])})

    async def _spent(self, items: Sequence[Item]) -> set[bytes]:
        """Refresh tokens from which a session went on that lives."""
        pairs = [item.values["pair"].refresh for item in items]
        went_on = session.c.slot.is_not(None), session.c.generation > _FIRST
        its = token.c.session_id == session.c.id
        found = await self._run.target.where_in(
            [token.c.digest], token.c.digest, pairs, its, *went_on
        )
        return {bytes(row[0]) for row in found}

    async def _slots(self, members: Sequence[int]) -> dict[Slot, int]:
        """The live sessions of members, by their places."""
        columns = [session.c.id, session.c.member_id, session.c.client_group, session.c.slot]
        live = session.c.slot.is_not(None)
        found = await self._run.target.where_in(columns, session.c.member_id, members, live)
        return {(row[1], row[2], row[3]): row[0] for row in found}

    async def _end(self, marks: Sequence[Mark]) -> None:
        """End sessions that are as they were brought; those that went on are ours."""
        if marks:
            now = self._run.now
            ended = [{"p_id": mark.target_id, "p_now": now} for mark in marks]
            await self._run.target.side.run_each(_END, ended)


def _is_same(item: Item, marks: dict[int, Mark]) -> bool:
    """Whether these tokens are known, and only how long they last is new."""
    mark = marks.get(item.source_id)
    return mark is not None and mark.secret_digest == item.secret


def _digests(item: Item) -> tuple[bytes, bytes]:
    pair: Pair = item.values["pair"]
    return pair.access, pair.refresh


def _free(values: dict[str, Any], taken: set[Slot]) -> int:
    """The first free place of a member's in a group; it is taken then."""
    number = 0
    while (values["member_id"], values["client_group"], number) in taken:
        number += 1
    taken.add((values["member_id"], values["client_group"], number))
    return number


def _slot(values: dict[str, Any]) -> Slot:
    return values["member_id"], values["client_group"], values["slot"]


def _tokens(item: Item) -> list[dict[str, Any]]:
    return [
        {
            "digest": digest,
            "session_id": item.target_id,
            "member_id": item.values["member_id"],
            "generation": _FIRST,
            "kind": kind.value,
        }
        for kind, digest in zip((Kind.access, Kind.refresh), _digests(item), strict=True)
    ]


_ENABLED = Status.enabled.value
_is_shut_out = and_(
    member.c.type == MemberType.merchant_user.value,
    member.c.merchant_id.in_(select(merchant.c.id).where(merchant.c.status != _ENABLED)),
)
_OF_MEMBER = ("merchant_id", "member_id", "member_type", "client_group")
_LIVES = ("access_expires_at", "refresh_expires_at", "absolute_expires_at")
_as_brought = (
    session.c.id == bindparam("p_id"),
    session.c.generation == _FIRST,
    session.c.slot.is_not(None),
)
_LAST = change(session, _LIVES).where(*_as_brought)
_END = (
    update(session)
    .values(
        slot=None,
        ended_at=bindparam("p_now"),
        end_reason=EndReason.logged_out.value,
        ended_by="",
    )
    .where(*_as_brought)
)
