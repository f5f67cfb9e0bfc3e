"""Upkeep: what is over goes in batches, and nothing else does."""

from collections.abc import Awaitable, Callable

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.session import EndReason, Lives
from denglu.flows.ports import Period, Store, Transaction, Upkeep
from tests.store.files import Sql
from tests.store.making import (
    NOW,
    access,
    add_member,
    found,
    live,
    new_code,
    new_message,
    new_session,
    open_session,
)

GROUPS = ["pc", "iOS", "h5", "app", "android"]


async def batches(store: Store, step: Callable[[Upkeep], Awaitable[int]]) -> list[int]:
    """What each round did, until one had nothing to do."""
    done = [await store.write(lambda tx: step(tx.upkeep))]
    while done[-1]:
        done.append(await store.write(lambda tx: step(tx.upkeep)))
    return done


async def test_sessions_whose_refresh_life_is_over_end_in_batches(store: Store) -> None:
    await add_member(store)
    for group in GROUPS:
        lives = Lives(NOW + 7200, NOW + (100 if group == "pc" else 50))
        await open_session(store, new_session(group=group, lives=lives))
    assert await batches(store, lambda keep: keep.expire_sessions(NOW + 49, 3)) == [0]
    assert await batches(store, lambda keep: keep.expire_sessions(NOW + 50, 3)) == [3, 1, 0]
    assert await live(store) == [1]
    ended = (await found(store, access(2))).session
    assert (ended.ended_at, ended.end_reason) == (NOW + 50, EndReason.expired)


async def test_old_sessions_go_with_their_tokens(store: Store, sql: Sql) -> None:
    await add_member(store)
    for group in GROUPS:
        await open_session(store, new_session(group=group))
    await store.write(lambda tx: tx.sessions.end([1, 2, 3], EndReason.logged_out, NOW))
    await store.write(lambda tx: tx.sessions.end([4], EndReason.logged_out, NOW + 1))

    assert await batches(store, lambda keep: keep.drop_sessions(NOW, 2)) == [0]
    assert await batches(store, lambda keep: keep.drop_sessions(NOW + 1, 2)) == [2, 1, 0]
    assert sql("select id from session order by id") == [(4,), (5,)]
    assert sql("select distinct session_id from session_token order by 1") == [(4,), (5,)]
    assert await store.find_token(access(1)) is None


async def test_codes_go_when_they_expired_long_ago(store: Store, sql: Sql) -> None:
    for n in range(5):
        number = bytes([n]) * 32
        await store.write(
            lambda tx, n=n, number=number: tx.codes.issue(new_code(number=number, now=NOW + n))  # type: ignore[misc]
        )
    assert await batches(store, lambda keep: keep.drop_codes(NOW + 300, 2)) == [0]
    assert await batches(store, lambda keep: keep.drop_codes(NOW + 303, 2)) == [2, 1, 0]
    assert sql("select id from sms_code order by id") == [(4,), (5,)]


async def test_tallies_go_when_no_limit_looks_at_them(store: Store) -> None:
    keys = [bytes([n]) * 32 for n in range(5)]

    async def fill(tx: Transaction) -> None:
        await tx.tallies.load(keys)
        await tx.tallies.save({key: ("x", NOW + n) for n, key in enumerate(keys)})

    await store.write(fill)
    assert await batches(store, lambda keep: keep.drop_tallies(NOW, 2)) == [0]
    assert await batches(store, lambda keep: keep.drop_tallies(NOW + 3, 2)) == [2, 1, 0]
    assert list(await store.write(lambda tx: tx.tallies.load(keys))) == keys[3:]


async def test_audit_events_go_when_they_are_old(store: Store, sql: Sql) -> None:
    for n in range(5):
        event = AuditEvent(Event.login, NOW + n, member_id=7, group="pc", note="x" * 300)
        await store.write(lambda tx, e=event: tx.trail.write(e))  # type: ignore[misc]
    assert await batches(store, lambda keep: keep.drop_audit(NOW, 2)) == [0]
    assert await batches(store, lambda keep: keep.drop_audit(NOW + 3, 2)) == [2, 1, 0]
    assert sql(
        "select event, at, member_id, session_id, client_group, length(note) from audit_event"
    ) == [
        ("login", NOW + 3, 7, None, "pc", 255),
        ("login", NOW + 4, 7, None, "pc", 255),
    ]


async def test_messages_go_when_they_are_old(store: Store, sql: Sql) -> None:
    for n in range(5):
        await store.write(lambda tx, n=n: tx.messages.add(new_message(now=NOW + n)))  # type: ignore[misc]
    assert await batches(store, lambda keep: keep.drop_messages(NOW, 2)) == [0]
    assert await batches(store, lambda keep: keep.drop_messages(NOW + 3, 2)) == [2, 1, 0]
    assert sql("select created_at from sms_message order by id") == [(NOW + 3,), (NOW + 4,)]


async def test_what_was_spent_goes_when_its_period_is_long_over(store: Store, sql: Sql) -> None:
    for n in range(5):
        periods = [
            Period(scope, kind, NOW + n, NOW + n + 100)
            for scope in (-1, 7)
            for kind in ("day", "hour")
        ]
        await store.write(lambda tx, p=periods: tx.spending.add(p, 1, 450))  # type: ignore[misc]
    assert await batches(store, lambda keep: keep.drop_spending(NOW + 100, 5)) == [0]
    assert await batches(store, lambda keep: keep.drop_spending(NOW + 103, 5)) == [5, 5, 2, 0]
    left = sql("select scope, kind, starts_at from sms_spend order by 3, 1, 2")
    assert left == [
        (scope, kind, NOW + n) for n in (3, 4) for scope in (-1, 7) for kind in ("day", "hour")
    ]
