"""Members: everything of them but their money, under the ids that they have."""

import hashlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, select, update

from denglu.domain.member import MemberType, Status
from denglu.domain.mobile import canonical_mobile
from denglu.domain.session import EndReason
from denglu.importing.bringing import Item, Known, Run
from denglu.importing.holders import Holders, scope_of
from denglu.importing.layout import Reader, digest_of
from denglu.importing.names import FIELDS, Names, claimed, keys_of
from denglu.importing.target import Mark, bound, change, is_brought
from denglu.importing.values import decoded
from denglu.moving.side import Row
from denglu.security.passwords import can_be_verified
from denglu.store.merchants import MERCHANTS
from denglu.store.rows import WIPED_MEMBER
from denglu.store.schema import member, session

TABLE = "member"
_TYPES = (MemberType.member, MemberType.merchant_user)
_LEGACY = "$2"
_IDENTITY = {"merchant_id", "type", "status", "username", "mobile", "email"}


async def own_ids(run: Run) -> set[int]:
    """Members who were here before any import, or came by themselves."""
    rows = await run.target.side.fetch(select(member.c.id).where(~is_brought("member", member)))
    return {row[0] for row in rows}


async def read_names(run: Run, own: set[int]) -> Names:
    """Hear all claims."""
    names = Names()
    reader = Reader(TABLE, run.source.columns(TABLE), _IDENTITY)
    total = await run.source.count(TABLE)
    done = 0
    async for rows in run.source.batches(TABLE, reader.columns):
        for row in rows:
            values = reader.read(row)[0]
            run.decide(values)
            if _may_log_in_some_day(values) and row[0] not in own:
                for field, key in claimed(keys_of(values)):
                    names.claim(field, scope_of(values), key, row[0], values["status"])
        done += len(rows)
        run.progress("names", min(done, total), total)
    return names


class MemberStep:
    """Fulfils ``bringing.Step``. ``own``: members who are no import's; their ids are taken."""

    kind = "member"
    table = TABLE

    def __init__(self, run: Run, names: Names, own: set[int]) -> None:
        self._run = run
        self._names = names
        self._own = own
        self._holders = Holders(run)
        self._reader = run.reader(TABLE)
        self.columns = [*self._reader.columns, "password_hash"]

    def read(self, row: Row) -> Item | None:
        run = self._run
        values, repaired = self._reader.read(row)
        run.decide(values)
        cause = self._cause(values)
        if cause is not None:
            run.absent.add(row[0])
            run.leave(TABLE, cause, row[0], values)
            return None
        run.repaired(TABLE, row[0], repaired)
        run.members[row[0]] = Known(values["merchant_id"], values["type"], values["status"])
        if values["status"] == Status.deleted:
            values |= WIPED_MEMBER
            return Item(row[0], row[0], values, digest_of(values), _secret(None))
        self._name(values)
        # The password has a digest of its own: here it becomes another one at the first login.
        digest = digest_of(values)
        self._give_password(values, row[-1])
        self._look_for_a_way_in(values)
        return Item(row[0], row[0], values, digest, _secret(values["password_hash"]))

    async def sift(self, items: list[Item], marks: dict[int, Mark]) -> list[Item]:
        known = [item.source_id for item in items if item.source_id in marks]
        target = self._run.target
        asked = [member.c.id, member.c.status, member.c.type, member.c.merchant_id]
        found = await target.where_in(asked, member.c.id, known)
        self._statuses: dict[int, int] = {row[0]: row[1] for row in found}
        self._places = {row[0]: row[2:] for row in found}
        kept = [item for item in items if not self._is_erased(item)]
        if not target.dry:
            await self._erase(kept)
        await self._holders.give_way(kept)
        return kept

    async def write(self, items: list[Item], marks: dict[int, Mark]) -> None:
        target = self._run.target
        if any(item.values["type"] == MemberType.merchant_user for item in items):
            # As wherever a user is added: the lock, and then another look for whoever has the name.
            await target.side.fetch(MERCHANTS["merchant_hold"])
            await self._holders.give_way(items)
        await self._holders.release()
        known = [item for item in items if item.source_id in marks]
        changed = [item for item in known if item.values["status"] != Status.deleted]
        if changed:
            await target.side.run_each(_CHANGE, [_chosen(item, _PLAIN) for item in changed])
            await self._follow(changed)
            await self._change_passwords(changed, marks)
            await self._end_sessions(changed)
        fresh = [item for item in items if item.source_id not in marks]
        await target.insert(member, [{**item.values, "password_version": 0} for item in fresh])

    async def lose(self, marks: list[Mark]) -> None:
        """A member whose row is gone stays: others' rows may point here."""

    def _cause(self, values: dict[str, Any]) -> str | None:
        if values["type"] not in _TYPES:
            return "administrator"
        if values["id"] < 1:
            return "no_id"
        return "id_taken" if values["id"] in self._own else None

    def _name(self, values: dict[str, Any]) -> None:
        """The keys that the member has; a name that another one has is shown and leads nowhere."""
        keys, scope, findings = keys_of(values), scope_of(values), self._run.findings
        for field, key in claimed(keys):
            owner = self._names.owner(field, scope, key)
            if owner != values["id"]:
                keys[field] = None
                findings.note(f"duplicate_{field}", TABLE, values["id"], kept_by=owner)
        typed = canonical_mobile(values["username"])
        if typed and self._names.is_anothers("mobile", scope, typed, values["id"]):
            findings.note("username_is_mobile", TABLE, values["id"])
        for field in FIELDS:
            values[f"{field}_key"] = keys[field]
        mobile = canonical_mobile(values["mobile"])
        if mobile is not None:
            values["mobile"] = mobile
        elif values["mobile"].strip():
            findings.note("mobile_unknown", TABLE, values["id"])

    def _give_password(self, values: dict[str, Any], stored: Any) -> None:
        text = decoded(stored)
        usable = can_be_verified(text)
        if text and not usable:
            self._run.findings.note("password_unknown", TABLE, values["id"])
        values["password_hash"] = text if usable else None
        values["legacy_hash"] = 1 if usable and text.startswith(_LEGACY) else None

    def _look_for_a_way_in(self, values: dict[str, Any]) -> None:
        has_name = any(values[f"{field}_key"] for field in FIELDS)
        way_in = values["mobile_key"] or (values["password_hash"] and has_name)
        if values["status"] == Status.enabled and not way_in:
            self._run.findings.note("no_way_in", TABLE, values["id"])

    async def _erase(self, items: list[Item]) -> None:
        """Whoever is deleted there by now is erased, as one whom an operator deletes here."""
        for item in items:
            here = self._statuses.get(item.source_id, Status.deleted)
            if here != Status.deleted and item.values["status"] == Status.deleted:
                await self._run.erase(item.source_id, note="import")

    def _is_erased(self, item: Item) -> bool:
        """Whoever was erased here stays so, whatever is said there."""
        erased = self._statuses.get(item.source_id) == Status.deleted
        if erased and item.values["status"] != Status.deleted:
            self._run.findings.note("erased_here", TABLE, item.source_id)
            return True
        return False

    async def _change_passwords(self, changed: list[Item], marks: dict[int, Mark]) -> None:
        side = self._run.target.side
        others = [i for i in changed if marks[i.source_id].secret_digest != i.secret]
        if others:
            await side.run_each(_PASSWORDS, [_chosen(item, _PASSWORD) for item in others])
        # As wherever a password or a status changes: logins that are under way fail.
        ids = {item.source_id for item in others} | {
            item.source_id
            for item in changed
            if self._statuses.get(item.source_id) != item.values["status"]
        }
        if ids:
            await side.run_each(_VERSION, [{"p_id": member_id} for member_id in sorted(ids)])

    async def _follow(self, changed: list[Item]) -> None:
        """Whoever is a user by now, or another merchant's, goes on as that."""
        moved = [
            {"p_id": item.source_id, "p_type": place[0], "p_merchant_id": place[1]}
            for item in changed
            if (place := (item.values["type"], item.values["merchant_id"]))
            != self._places.get(item.source_id)
        ]
        if moved:
            await self._run.target.side.run_each(_FOLLOW, moved)

    async def _end_sessions(self, changed: list[Item]) -> None:
        closed = [item for item in changed if item.values["status"] != Status.enabled]
        if closed:
            ended = [{"p_id": item.source_id, "p_now": self._run.now} for item in closed]
            await self._run.target.side.run_each(END_SESSIONS, ended)


def _may_log_in_some_day(values: dict[str, Any]) -> bool:
    return values["id"] > 0 and values["type"] in _TYPES and values["status"] != Status.deleted


def _secret(password_hash: str | None) -> bytes:
    return hashlib.sha256((password_hash or "").encode("utf-8", "replace")).digest()


def _chosen(item: Item, names: Iterable[str]) -> dict[str, Any]:
    return bound({name: item.values[name] for name in ("id", *names)})


_PASSWORD = ("password_hash", "legacy_hash")
_OWN = ("id", "password_version", *_PASSWORD)
_PLAIN = [column.name for column in member.columns if column.name not in _OWN]
_this = member.c.id == bindparam("p_id")
_CHANGE = change(member, _PLAIN).where(_this, member.c.status != Status.deleted.value)
_PASSWORDS = change(member, _PASSWORD).where(_this)
_VERSION = update(member).values(password_version=member.c.password_version + 1).where(_this)
END_SESSIONS = (
    update(session)
    .values(
        slot=None, ended_at=bindparam("p_now"), end_reason=EndReason.disabled.value, ended_by=""
    )
    .where(session.c.member_id == bindparam("p_id"), session.c.slot.is_not(None))
)
_FOLLOW = (
    update(session)
    .values(merchant_id=bindparam("p_merchant_id"), member_type=bindparam("p_type"))
    .where(session.c.member_id == bindparam("p_id"), session.c.slot.is_not(None))
)
