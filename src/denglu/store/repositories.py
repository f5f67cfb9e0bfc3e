"""The storage Protocols of the flows, written once for every driver."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from denglu.domain.audit import AuditEvent
from denglu.domain.member import (
    Identifier,
    Member,
    MemberType,
    NewMember,
    Status,
    promoter_code,
)
from denglu.domain.session import EndReason, Found, Lives, Session
from denglu.domain.sms_code import LiveCode
from denglu.flows.ports import NewCode, NewSession, Taken, TokenDigests
from denglu.store import rows
from denglu.store.compiled import Params, Row
from denglu.store.connection import Connection, Duplicate
from denglu.store.deletions import SqlDeletions, forget_elsewhere
from denglu.store.journal import SqlJournal
from denglu.store.merchants import SqlMerchants
from denglu.store.message_book import SqlMessageBook
from denglu.store.messages import SqlMessages
from denglu.store.spending import SqlSpending
from denglu.store.tallies import SqlTallies
from denglu.store.upkeep import SqlUpkeep


class SqlMembers:
    """Fulfils ``flows.ports.Members``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def find(self, merchant_id: int, member_type: int, who: Identifier) -> Member | None:
        params: Params = {"p_merchant_id": merchant_id, "p_type": int(member_type)}
        realm = "user" if member_type == MemberType.merchant_user else "member"
        for kind, key in (("mobile", who.mobile), ("email", who.email), ("username", who.username)):
            if not key or not rows.can_be_stored(key):
                continue
            if row := await self._db.one(f"{realm}_by_{kind}", {**params, "p_key": key}):
                return rows.member_from(row)
        return None

    async def get(self, member_id: int) -> Member | None:
        row = await self._db.one("member_get", {"p_member_id": member_id})
        return rows.member_from(row) if row else None

    async def add(self, new: NewMember, now: int) -> int:
        try:
            member_id = await self._db.insert("member_add", rows.new_member(new, now))
        except Duplicate as duplicate:
            raise Taken(_taken_field(duplicate)) from None
        await self._db.run(
            "member_code",
            {
                "p_member_id": member_id,
                "p_code": promoter_code(member_id),
                "p_nickname": rows.nickname_of(new, member_id),
            },
        )
        await self._db.run(
            "account_add",
            {
                "id": member_id,  # where an account has its member's
                "merchant_id": new.merchant_id,
                "member_id": member_id,
                "member_type": int(new.type),
            },
        )
        return member_id

    async def set_password(self, member_id: int, password_hash: str, now: int) -> bool:
        params = {"p_member_id": member_id, "p_hash": password_hash, "p_now": now}
        return await self._db.run("member_set_password", params) == 1

    async def rehash(self, member: Member, password_hash: str) -> bool:
        params = {"p_member_id": member.id, "p_hash": password_hash, "p_old": member.password_hash}
        return await self._db.run("member_rehash", params) == 1

    async def visit(self, member: Member, now: int, ip: str) -> bool:
        params = {
            "p_member_id": member.id,
            "p_version": member.password_version,
            "p_mobile": member.mobile,
            "p_now": now,
            "p_ip": ip[:45],
        }
        if await self._db.run("member_visit", params) != 1:
            return False
        if member.type != MemberType.merchant_user or not member.merchant_id:
            return True
        # Looked at only now: whoever disables a merchant holds its users' rows while doing so.
        merchant = await SqlMerchants(self._db).get(member.merchant_id)
        return merchant is not None and merchant.enabled

    async def set_status(self, member_id: int, status: int, now: int) -> bool:
        params = {"p_member_id": member_id, "p_status": int(status), "p_now": now}
        name = "member_wipe" if status == Status.deleted else "member_status"
        done = await self._db.run(name, params) == 1
        if done:
            await self._db.run("account_status", params)
            if status == Status.deleted:
                await forget_elsewhere(self._db, member_id)
        return done


class SqlNames:
    """Fulfils ``flows.ports.Names``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def set_mobile(self, member: Member, mobile: str, now: int) -> bool:
        params = {"p_member_id": member.id, "p_mobile": mobile, "p_old": member.mobile}
        try:
            return await self._db.run("member_set_mobile", {**params, "p_now": now}) == 1
        except Duplicate as duplicate:
            raise Taken(_taken_field(duplicate)) from None


def _taken_field(duplicate: Duplicate) -> str:
    text = str(duplicate)
    return next((f for f in ("mobile", "email") if f"{f}_key" in text), "username")


class SqlSessions:
    """Fulfils ``flows.ports.Sessions``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def find(self, digest: bytes) -> Found | None:
        row = await self._db.one("token_find", {"p_digest": digest})
        return rows.found_from(row) if row else None

    async def open(self, new: NewSession) -> tuple[int, list[Session]]:
        # Rivals who open sessions of this member wait where they count the member's visit.
        live = await self._db.all("session_live", {"p_member_id": new.member_id})
        here = [row for row in live if rows.session_from(row[:-1]).group == new.group]
        leaving = [
            rows.session_from(row[:-1]) for row in here[: max(0, len(here) + 1 - new.allowed)]
        ]
        for old in sorted(leaving, key=lambda session: session.id):
            await self._end(old.id, EndReason.replaced, new.now, by=new.device)
        taken = {row[-1] for row in here[len(leaving) :]}
        slot = next(n for n in range(len(taken) + 1) if n not in taken)
        session_id = await self._db.insert("session_add", rows.new_session(new, slot))
        return session_id, leaving

    async def add_pair(
        self, session_id: int, member_id: int, generation: int, pair: TokenDigests
    ) -> None:
        params: Params = {
            "p_access": pair.access,
            "p_refresh": pair.refresh,
            "p_session_id": session_id,
            "p_member_id": member_id,
            "p_generation": generation,
        }
        await self._db.run("token_add", params)

    async def rotate(self, session: Session, lives: Lives, now: int) -> bool:
        current = {"p_session_id": session.id, "p_generation": session.generation, "p_now": now}
        lasting = {"p_access": lives.access, "p_refresh": lives.refresh}
        if await self._db.run("session_rotate", {**current, **lasting}) != 1:
            return False
        before = session.generation - 1
        await self._db.run("token_rotated", {**current, "p_parent": before})
        await self._db.run("token_forget_access", {**current, "p_generation": before})
        return True

    async def mark_used(self, session: Session, generation: int, now: int) -> None:
        params = {"p_session_id": session.id, "p_generation": generation - 1, "p_now": now}
        await self._db.run("token_child_used", params)

    async def end(self, session_ids: Sequence[int], reason: EndReason, now: int) -> int:
        return sum([await self._end(session_id, reason, now) for session_id in sorted(session_ids)])

    async def live(self, member_id: int, group: str | None = None) -> list[Session]:
        found = await self._db.all("session_live", {"p_member_id": member_id})
        sessions = [rows.session_from(row[:-1]) for row in found]
        return [s for s in sessions if group is None or s.group == group]

    async def _end(self, session_id: int, reason: EndReason, now: int, by: str = "") -> int:
        params = {
            "p_session_id": session_id,
            "p_reason": reason.value,
            "p_now": now,
            "p_by": by[:64],
        }
        return await self._db.run("session_end", params)


class SqlCodes:
    """Fulfils ``flows.ports.Codes``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    # Rows are found first and then changed by their id alone: a change that goes by another
    # unique key locks the key's entry and the row in turn, and rivals who spend a code do so
    # the other way round.

    async def issue(self, new: NewCode) -> int:
        if live := await self._live(new.number_key, new.usage):
            await self._db.run("code_supersede", {"p_code_id": live.id})
        return await self._db.insert("code_add", rows.new_code(new))

    async def claim_try(
        self, number_key: bytes, usage: str, tries: int, now: int
    ) -> LiveCode | None:
        live = await self._live(number_key, usage)
        if live is None:
            return None
        params = {"p_code_id": live.id, "p_tries": tries, "p_now": now}
        return live if await self._db.run("code_try", params) == 1 else None

    async def _live(self, number_key: bytes, usage: str) -> LiveCode | None:
        params = {"p_number_key": number_key, "p_usage": str(usage)}
        row = await self._db.one("code_live", params)
        return LiveCode(*row) if row else None

    async def refund_try(self, code_id: int) -> None:
        await self._db.run("code_refund", {"p_code_id": code_id})

    async def spend(self, code_id: int, now: int) -> bool:
        return await self._db.run("code_spend", {"p_code_id": code_id, "p_now": now}) == 1


class SqlTrail:
    """Fulfils ``flows.ports.Trail``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def write(self, event: AuditEvent) -> None:
        line: dict[str, Any] = {
            "event": event.event.value,
            "at": event.at,
            "merchant_id": event.merchant_id,
            "member_id": event.member_id,
            "session_id": event.session_id,
            "client_group": event.group,
            "ip": event.ip[:45],
            "note": event.note[:255],
        }
        if event.mobile and event.member_type == MemberType.merchant_user:
            # As much work for a number that has a user as for one that has none.
            if row := await self._db.one("user_by_mobile", {"p_key": event.mobile}):
                user = rows.member_from(row)
                line |= {"member_id": user.id, "merchant_id": user.merchant_id}
        elif event.mobile:
            number = {"p_mobile": event.mobile, "p_merchant_id": event.merchant_id}
            await self._db.run("audit_add_of_mobile", {**line, **number})
            return
        await self._db.run("audit_add", line)

    async def adopt(self, member: Member, masked: str, since: int, until: int) -> None:
        whose = member.namespace
        named = {
            "p_merchant_id": whose.merchant_id,
            "p_pattern": f"% {whose.marked(masked)}",
        }
        span = {"p_since": since, "p_until": until}
        for (key,) in await self._db.all("audit_orphans", {**named, **span}):
            await self._db.run("audit_adopt", {"p_key": key, "p_member_id": member.id})


class SqlRoster:
    """Fulfils ``flows.ports.Roster``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def page(self, after: int, limit: int) -> list[Member]:
        found = await self._db.all("member_page", {"p_after": after, "p_limit": limit})
        return [rows.member_from(row) for row in found]


class SqlStatements:
    """Fulfils ``flows.ports.Statements``. KeyError for a name that is no plugin's."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def one(self, name: str, params: Params) -> Row | None:
        return await self._db.one(_of_plugin(name), params)

    async def all(self, name: str, params: Params) -> list[Row]:
        return await self._db.all(_of_plugin(name), params)

    async def run(self, name: str, params: Params) -> int:
        try:
            return await self._db.run(_of_plugin(name), params)
        except Duplicate:
            raise Taken(name) from None

    async def insert(self, name: str, params: Params) -> int:
        try:
            return await self._db.insert(_of_plugin(name), params)
        except Duplicate:
            raise Taken(name) from None


def _of_plugin(name: str) -> str:
    """Ours have no dot: they are reached through the repositories only."""
    if "." not in name:
        raise KeyError(name)
    return name


class SqlTransaction:
    """Fulfils ``flows.ports.Transaction`` on one connection."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    @cached_property
    def members(self) -> SqlMembers:
        return SqlMembers(self.db)

    @cached_property
    def names(self) -> SqlNames:
        return SqlNames(self.db)

    @cached_property
    def deletions(self) -> SqlDeletions:
        return SqlDeletions(self.db)

    @cached_property
    def merchants(self) -> SqlMerchants:
        return SqlMerchants(self.db)

    @cached_property
    def roster(self) -> SqlRoster:
        return SqlRoster(self.db)

    @cached_property
    def statements(self) -> SqlStatements:
        return SqlStatements(self.db)

    @cached_property
    def upkeep(self) -> SqlUpkeep:
        return SqlUpkeep(self.db)

    @cached_property
    def sessions(self) -> SqlSessions:
        return SqlSessions(self.db)

    @cached_property
    def codes(self) -> SqlCodes:
        return SqlCodes(self.db)

    @cached_property
    def messages(self) -> SqlMessages:
        return SqlMessages(self.db)

    @cached_property
    def spending(self) -> SqlSpending:
        return SqlSpending(self.db)

    @cached_property
    def message_book(self) -> SqlMessageBook:
        return SqlMessageBook(self.db)

    @cached_property
    def tallies(self) -> SqlTallies:
        return SqlTallies(self.db)

    @cached_property
    def trail(self) -> SqlTrail:
        return SqlTrail(self.db)

    @cached_property
    def journal(self) -> SqlJournal:
        return SqlJournal(self.db)
