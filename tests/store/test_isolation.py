"""Isolation: asked about one merchant's members, or about those of one realm, the store tells
nothing of another's; told to change something of theirs, it changes nothing of another's.

Every method of every repository stands here, and with them every statement: in ``READS`` or
``CHANGES``, which are held to that, or in ``ACROSS``, with the reason why it looks at everybody.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import get_type_hints

import pytest
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from denglu.domain.audit import Event
from denglu.domain.deletion import Cancellation
from denglu.domain.member import NewMember, Status, read_identifier
from denglu.domain.mobile import mask_mobile
from denglu.domain.session import EndReason, Lives
from denglu.domain.sms_message import MessageResult, Outcome, Receipt
from denglu.flows.ports import Store, Taken, Transaction
from denglu.store.compiled import Params, Row
from denglu.store.connection import Connection
from denglu.store.repositories import SqlTransaction
from denglu.store.schema import level, metadata
from denglu.store.statements import compile_all
from tests.store.grounds import Ground
from tests.store.houses import EVERYTHING, STRAY_MOBILE, House, dump, furnish, houses
from tests.store.making import NOW

Call = Callable[[Transaction, House], Awaitable[object]]
LATER = NOW + 9


def finding(name: Callable[[House], str]) -> Call:
    """Looks a member up by a name."""
    return lambda tx, house: tx.members.find(
        house.namespace.merchant_id, house.type, read_identifier(name(house))
    )


async def merchant(tx: Transaction, house: House) -> object:
    return house.merchant and await tx.merchants.get(house.merchant_id)


async def merchant_by_name(tx: Transaction, house: House) -> object:
    return house.merchant and await tx.merchants.find(house.merchant.name)


async def users(tx: Transaction, house: House) -> object:
    return await tx.merchants.users(house.merchant_id, 0, 100) if house.is_user else None


FINDS: Mapping[str, Call] = {
    "members.find by mobile": finding(lambda house: f"+86 {house.mobile}"),
    "members.find by e-mail": finding(lambda house: f"{house.name}@EXAMPLE.com"),
    "members.find by username": finding(lambda house: house.name.upper()),
}
# The answer is the house's own, and the same whoever else is there.
READS: Mapping[str, Call] = {
    **FINDS,
    "members.get": lambda tx, h: tx.members.get(h.member.id),
    "deletions.of": lambda tx, h: tx.deletions.of(h.member.id),
    "merchants.get": merchant,
    "merchants.find": merchant_by_name,
    "merchants.users": users,
    "sessions.find": lambda tx, h: tx.sessions.find(h.pair(h.sessions[0], 1).access),
    "sessions.live": lambda tx, h: tx.sessions.live(h.member.id),
    "sessions.live in a group": lambda tx, h: tx.sessions.live(h.member.id, "pc"),
    "spending.of": lambda tx, h: tx.spending.of([h.period]),
    "tallies.recall": lambda tx, h: tx.tallies.recall([h.key("tally")]),
    "journal.page_of": lambda tx, h: tx.journal.page_of(h.member.id, EVERYTHING, 100),
    "message_book.page_of": lambda tx, h: tx.message_book.page_of(
        h.masked, h.key("number"), EVERYTHING, 100
    ),
}


async def disable_merchant(tx: Transaction, house: House) -> None:
    if house.merchant:
        assert await tx.merchants.set_status(house.merchant_id, Status.disabled, NOW)


async def change_mobile(tx: Transaction, house: House) -> None:
    assert await tx.names.set_mobile(house.member, "13611110000", NOW)
    await tx.trail.write(house.event(Event.mobile_changed, f"{house.masked} 136****0000"))


async def change_mobile_back(tx: Transaction, house: House) -> None:
    assert await tx.names.set_mobile(replace(house.member, mobile="13611110000"), house.mobile, NOW)


async def add_the_next(tx: Transaction, house: House) -> None:
    """The names of one who is deleted are free, whoever has them elsewhere."""
    await tx.members.add(house.new_member(), NOW)


# In this order, each in a transaction of its own. Rows that change are the house's.
CHANGES: Mapping[str, Call] = {
    "tallies.load": lambda tx, h: tx.tallies.load([h.key("new tally")]),
    "tallies.save": lambda tx, h: tx.tallies.save({h.key("tally"): ("more", NOW)}),
    "spending.add": lambda tx, h: tx.spending.add([h.period], 1, 450),
    "codes.claim_try": lambda tx, h: tx.codes.claim_try(h.key("number"), "login", 5, NOW),
    "codes.refund_try": lambda tx, h: tx.codes.refund_try(h.code),
    "codes.spend": lambda tx, h: tx.codes.spend(h.code, NOW),
    "codes.issue": lambda tx, h: tx.codes.issue(h.new_code()),
    "codes.issue and supersede": lambda tx, h: tx.codes.issue(h.new_code()),
    "messages.add": lambda tx, h: tx.messages.add(h.new_message()),
    "messages.receive": lambda tx, h: tx.messages.receive(
        Receipt("aliyun", h.provider_id, delivered=True), NOW
    ),
    "messages.finish": lambda tx, h: tx.messages.finish(
        h.message, MessageResult(Outcome.unknown, NOW)
    ),
    "members.visit": lambda tx, h: tx.members.visit(h.member, LATER, "203.0.113.9"),
    "members.rehash": lambda tx, h: tx.members.rehash(h.member, "$argon2id$second"),
    "members.set_password": lambda tx, h: tx.members.set_password(h.member.id, "$third", NOW),
    "names.set_mobile": change_mobile,
    "names.set_mobile back": change_mobile_back,
    "sessions.rotate": lambda tx, h: tx.sessions.rotate(
        h.sessions[0], Lives(LATER + 7200, LATER + 30 * 86400), LATER
    ),
    "sessions.add_pair": lambda tx, h: tx.sessions.add_pair(
        h.sessions[0].id, h.member.id, 2, h.pair(h.sessions[0], 2)
    ),
    "sessions.mark_used": lambda tx, h: tx.sessions.mark_used(h.sessions[0], 2, LATER),
    "sessions.open": lambda tx, h: tx.sessions.open(h.new_session("iOS")),
    "sessions.end": lambda tx, h: tx.sessions.end([h.sessions[0].id], EndReason.revoked, NOW),
    "trail.write": lambda tx, h: tx.trail.write(h.event(Event.login)),
    "trail.write about a number": lambda tx, h: tx.trail.write(
        h.event(Event.sms_code_sent, f"login {h.masked}", STRAY_MOBILE)
    ),
    "trail.adopt": lambda tx, h: tx.trail.adopt(h.member, mask_mobile(h.mobile), NOW - 900, NOW),
    "deletions.put": lambda tx, h: tx.deletions.put(h.member.id, Cancellation(NOW, NOW + 99)),
    "deletions.wipe_codes": lambda tx, h: tx.deletions.wipe_codes(h.member),
    "deletions.wipe_trail": lambda tx, h: tx.deletions.wipe_trail(h.member.id, 100),
    "deletions.wipe_sessions": lambda tx, h: tx.deletions.wipe_sessions(h.member.id, NOW),
    "members.set_status": lambda tx, h: tx.members.set_status(h.member.id, Status.disabled, NOW),
    "members.set_status deleted": lambda tx, h: tx.members.set_status(
        h.member.id, Status.deleted, NOW
    ),
    "members.add": add_the_next,
    "merchants.set_status": disable_merchant,
}
# Locks that change nothing.
LOCKS: Mapping[str, Call] = {
    "deletions.hold": lambda tx, h: tx.deletions.hold(h.member.id),
    "merchants.hold": lambda tx, h: tx.merchants.hold(),
}

_RETENTION = "retention: what is over is forgotten, whosesoever it is"
_OPERATOR = "operators look at everybody"
# Methods, and the statements that only they run.
ACROSS: Mapping[str, tuple[str, frozenset[str]]] = {
    "deletions.due": ("whoever's time has come is erased", frozenset({"cancellations_due"})),
    "merchants.add": (
        "makes what is nobody's yet",
        frozenset({"merchant_add", "merchant_level"}),
    ),
    "merchants.page": (_OPERATOR, frozenset({"merchant_page"})),
    "roster.page": (_OPERATOR, frozenset({"member_page"})),
    "journal.page": (_OPERATOR, frozenset({"audit_page"})),
    "journal.after": (_OPERATOR, frozenset({"audit_after"})),
    "journal.newest": (_OPERATOR, frozenset({"audit_newest"})),
    "message_book.page": (_OPERATOR, frozenset({"message_page"})),
    "message_book.codes": (_OPERATOR, frozenset({"code_uses"})),
    "upkeep.expire_sessions": (_RETENTION, frozenset({"expired_sessions"})),
    "upkeep.drop_sessions": (
        _RETENTION, frozenset({"old_sessions", "drop_session", "drop_tokens"}),
    ),
    "upkeep.drop_codes": (_RETENTION, frozenset({"old_codes", "drop_code"})),
    "upkeep.drop_tallies": (_RETENTION, frozenset({"old_tallies", "drop_tally"})),
    "upkeep.drop_audit": (_RETENTION, frozenset({"old_audit", "drop_audit"})),
    "upkeep.drop_messages": (_RETENTION, frozenset({"old_messages", "drop_message"})),
    "upkeep.drop_spending": (_RETENTION, frozenset({"old_spending", "drop_spending"})),
    "store.has_legacy_hashes": ("whether there is any", frozenset({"member_legacy"})),
    "store.imported_until": ("whether there are any", frozenset({"tokens_imported"})),
}  # fmt: skip


class Noting:
    """A connection that notes which statements were run."""

    def __init__(self, db: Connection, seen: set[str]) -> None:
        self._db = db
        self._seen = seen

    async def one(self, name: str, params: Params) -> Row | None:
        self._seen.add(name)
        return await self._db.one(name, params)

    async def all(self, name: str, params: Params) -> list[Row]:
        self._seen.add(name)
        return await self._db.all(name, params)

    async def run(self, name: str, params: Params) -> int:
        self._seen.add(name)
        return await self._db.run(name, params)

    async def insert(self, name: str, params: Params) -> int:
        self._seen.add(name)
        return await self._db.insert(name, params)


async def answers(store: Store, house: House, seen: set[str]) -> dict[str, object]:
    """What the store says to every read; some of them lock."""
    found: dict[str, object] = {}
    for name, call in READS.items():
        found[name] = await store.write(lambda tx, c=call: c(noting(tx, seen), house))  # type: ignore[misc]
    return found


def noting(tx: Transaction, seen: set[str]) -> Transaction:
    assert isinstance(tx, SqlTransaction)
    return SqlTransaction(Noting(tx.db, seen))


async def test_what_is_told_of_one_is_its_own_whoever_else_is_there(
    ground: Ground, store: Store
) -> None:
    alone: list[tuple[House, dict[str, object]]] = []
    for house in houses():
        for name in FINDS:
            assert await store.read(lambda tx, n=name, h=house: FINDS[n](tx, h)) is None  # type: ignore[misc]
        await furnish(house, store, ground)
        assert house.member.member_level is not None
        assert house.member.member_level.merchant_id == house.merchant_id
        told = await answers(store, house, set())
        has_none = {"merchants.users"} if not house.is_user else set()
        if house.merchant is None:
            has_none |= {"merchants.get", "merchants.find"}
        assert {name for name, answer in told.items() if not answer} == has_none
        for _, others in alone:
            assert not [name for name, answer in told.items() if answer and answer == others[name]]
        alone.append((house, told))
    for house, told in alone:
        assert await answers(store, house, set()) == told


@pytest.mark.parametrize("place", range(len(houses())))
async def test_what_is_done_to_one_changes_nothing_of_another(
    ground: Ground, store: Store, place: int
) -> None:
    everybody = houses()
    for each in everybody:
        await furnish(each, store, ground)
    house = everybody[place]
    mine, before = set(house.rows), dump(ground)
    for name, call in CHANGES.items():
        await store.write(lambda tx, c=call: c(tx, house))  # type: ignore[misc]
        after = dump(ground)
        changed = {key for key in before if after.get(key) != before[key]}
        assert changed <= mine, name
        for key in after.keys() - before.keys():
            assert house.owns(key[0], after[key]), (name, after[key])
            mine.add(key)
        needless = name == "merchants.set_status" and house.merchant is None
        assert (after != before) != needless, name
        before = after


async def test_members_of_two_merchants_may_have_all_names_in_common_but_users_may_not(
    store: Store, ground: Ground
) -> None:
    """The database itself keeps a member's names apart within a merchant and a realm only; that
    users are one list is the commands' to see to.
    """
    everybody = houses()
    for each in everybody:
        await furnish(each, store, ground)
    for house in everybody:
        for new in (
            NewMember(username=house.name), NewMember(mobile=house.mobile),
            NewMember(email=f"{house.name}@example.com"),
        ):  # fmt: skip
            there = replace(new, merchant_id=house.merchant_id, type=house.type)
            with pytest.raises(Taken):
                await store.write(lambda tx, n=there: tx.members.add(n, NOW))  # type: ignore[misc]


async def test_every_statement_and_every_method_has_its_verdict(
    ground_of: Callable[[str], Ground],
) -> None:
    ground = ground_of("memory")
    store, seen = ground.open(), set[str]()
    everybody = houses()
    of_members = {
        table.name
        for table in metadata.sorted_tables
        if {"merchant_id", "member_id"} & set(table.columns.keys()) and table is not level
    }
    for house in everybody:
        await furnish(house, store, ground)
        assert of_members <= {table for table, *_ in house.rows}
    for house in everybody:
        await answers(store, house, seen)
        for call in (*LOCKS.values(), *CHANGES.values()):
            await store.write(lambda tx, c=call, h=house: c(noting(tx, seen), h))  # type: ignore[misc]
    across = {name for _, names in ACROSS.values() for name in names}
    # Of those that there is one of for each number of keys, one stands for all.
    held = {name.rstrip("123456") for name in seen}
    known = {name.rstrip("1234567") for name in compile_all(SQLiteDialect(paramstyle="qmark"))}
    assert not held & across
    assert known == held | across
    assert _methods() == {name.partition(" ")[0] for name in (*READS, *CHANGES, *LOCKS)} | {
        name for name in ACROSS if not name.startswith("store.")
    }


def _methods() -> set[str]:
    """What flows may ask for, as ``members.find``. ``statements`` is for tables of plugins."""
    return {
        f"{name}.{method}"
        for name, part in vars(Transaction).items()
        if isinstance(part, property) and name != "statements"
        for method in vars(get_type_hints(part.fget)["return"])
        if not method.startswith("_")
    }
