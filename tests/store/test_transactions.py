"""Transactions: everything or nothing, one after the other, and never waiting."""

import asyncio
from contextlib import suppress

import pytest

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import NewMember
from denglu.flows.ports import Store, Transaction
from tests.store.files import Sql
from tests.store.making import MOBILE, NOW, add_member, find, new_code, new_session, pair

TABLES = [
    "member",
    "member_account",
    "session",
    "session_token",
    "sms_code",
    "limit_tally",
    "audit_event",
]


async def everything(tx: Transaction) -> int:
    """Write into every table."""
    member_id = await tx.members.add(NewMember(mobile=MOBILE), NOW)
    session_id, _ = await tx.sessions.open(new_session(member_id))
    await tx.sessions.add_pair(session_id, member_id, 1, pair(session_id, 1))
    await tx.codes.issue(new_code())
    await tx.tallies.load([b"k" * 32])
    await tx.tallies.save({b"k" * 32: ("x", NOW)})
    await tx.trail.write(AuditEvent(Event.login, NOW))
    return member_id


def counts(sql: Sql) -> list[int]:
    return [sql(f"select count(*) from {table}")[0][0] for table in TABLES]


async def test_work_gives_back_what_it_returns_and_everything_is_there(
    store: Store, sql: Sql
) -> None:
    assert await store.write(everything) == 1
    assert counts(sql) == [1, 1, 1, 2, 1, 1, 1]


@pytest.mark.parametrize(
    "fault", [LookupError("a bug"), Refusal(Reason.bad_code), asyncio.CancelledError()]
)
async def test_R12_work_that_fails_leaves_nothing_behind(
    store: Store, sql: Sql, fault: BaseException
) -> None:
    async def broken(tx: Transaction) -> None:
        await everything(tx)
        raise fault

    with pytest.raises(type(fault)) as raised:
        await store.write(broken)
    if not isinstance(fault, asyncio.CancelledError):
        assert raised.value is fault
    assert counts(sql) == [0] * len(TABLES)
    assert await find(store, MOBILE) is None


async def test_a_failure_spares_what_was_there_before(store: Store, sql: Sql) -> None:
    await store.write(everything)

    async def broken(tx: Transaction) -> None:
        await tx.sessions.open(new_session())
        await tx.codes.issue(new_code())
        await tx.tallies.save({b"k" * 32: ("", NOW)})
        await tx.members.set_password(1, "$argon2id$x", NOW)
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(broken)
    assert counts(sql) == [1, 1, 1, 2, 1, 1, 1]
    assert sql("select password_hash from member") == [(None,)]
    assert sql("select live, ended_at from sms_code, session") == [(1, None)]


async def test_work_sees_what_it_has_written_itself(store: Store) -> None:
    async def work(tx: Transaction) -> bool:
        member_id = await tx.members.add(NewMember(mobile=MOBILE), NOW)
        return await tx.members.get(member_id) is not None

    assert await store.write(work)


async def test_failing_work_does_not_harm_its_neighbours(store: Store, sql: Sql) -> None:
    async def job(n: int) -> None:
        async def work(tx: Transaction) -> None:
            await tx.members.add(NewMember(username=f"m{n}"), NOW)
            if n % 3 == 0:
                raise LookupError(n)

        await store.write(work)

    outcomes = await asyncio.gather(*(job(n) for n in range(90)), return_exceptions=True)
    assert [isinstance(o, LookupError) for o in outcomes] == [n % 3 == 0 for n in range(90)]
    assert counts(sql)[:2] == [60, 60]


@pytest.mark.parametrize("ground", ["memory", "sqlite"], indirect=True)
@pytest.mark.parametrize("verb", ["write", "read"])
async def test_work_that_waits_is_refused_and_undone(store: Store, sql: Sql, verb: str) -> None:
    async def waiting(tx: Transaction) -> None:
        if verb == "write":
            await everything(tx)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="may not wait"):
        await getattr(store, verb)(waiting)
    assert counts(sql) == [0] * len(TABLES)
    await store.write(everything)


async def test_a_read_changes_nothing(store: Store, sql: Sql) -> None:
    with suppress(Exception):
        await store.read(everything)
    assert counts(sql) == [0] * len(TABLES)
    await store.write(everything)


async def test_a_read_gives_out_what_its_work_raises(store: Store) -> None:
    async def broken(tx: Transaction) -> None:
        raise Refusal(Reason.member_not_found)

    with pytest.raises(Refusal, match="member_not_found"):
        await store.read(broken)


async def test_a_store_is_ready_until_it_is_closed(store: Store) -> None:
    assert await store.ready()
    await store.close()
    assert not await store.ready()
    for verb in (store.write, store.read):
        with pytest.raises(Refusal) as refused:
            await verb(lambda tx: tx.members.get(1))
        assert refused.value.reason is Reason.busy
    with pytest.raises(Refusal, match="busy"):
        await store.find_token(b"?" * 32)
    with pytest.raises(Refusal, match="busy"):
        await store.has_legacy_hashes()
    with pytest.raises(Refusal, match="busy"):
        await store.imported_until()
    await store.close()


async def test_a_member_in_a_transaction_of_its_own_is_there_for_the_next(store: Store) -> None:
    member = await add_member(store)
    assert await find(store, MOBILE) == member
