"""Requests for deletion, another mobile, and what is wiped of a member."""

import asyncio

import pytest

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.deletion import Cancellation
from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Member, NewMember, Status
from denglu.domain.mobile import mask_mobile
from denglu.domain.session import EndReason
from denglu.domain.sms_message import MessageResult, Outcome, Receipt
from denglu.flows.ports import Store, Taken, Transaction
from denglu.importing.bindings import BindingStep
from denglu.importing.members import MemberStep
from tests.store.files import Sql
from tests.store.grounds import Ground
from tests.store.making import (
    MOBILE,
    NOW,
    NUMBER,
    add_member,
    find,
    live,
    member_of,
    new_code,
    new_message,
    new_session,
    open_session,
)

OTHER = "13911111111"
ASKED = Cancellation(NOW, NOW + 100)


async def set_mobile(store: Store, member: Member, mobile: str) -> bool:
    return await store.write(lambda tx: tx.names.set_mobile(member, mobile, NOW + 5))


async def put(store: Store, member_id: int, asked: Cancellation | None) -> None:
    await store.write(lambda tx: tx.deletions.put(member_id, asked))


async def due(store: Store, now: int, limit: int = 10) -> list[int]:
    return await store.read(lambda tx: tx.deletions.due(now, limit))


async def test_another_mobile_is_found_and_the_old_one_is_not(store: Store) -> None:
    member = await add_member(store)
    assert await set_mobile(store, member, OTHER)
    changed = await find(store, OTHER)
    assert changed is not None
    assert (changed.id, changed.mobile, changed.updated_at) == (member.id, OTHER, NOW + 5)
    assert changed.password_version == member.password_version
    assert await find(store, MOBILE) is None


async def test_a_mobile_that_is_taken_changes_nothing(store: Store) -> None:
    member, _ = await add_member(store), await add_member(store, NewMember(mobile=OTHER))
    with pytest.raises(Taken) as taken:
        await set_mobile(store, member, OTHER)
    assert taken.value.field == "mobile"
    assert await member_of(store, member.id) == member


async def test_R08_who_changed_it_first_has_changed_it(store: Store) -> None:
    member = await add_member(store)
    assert await set_mobile(store, member, OTHER)
    assert not await set_mobile(store, member, "13700000000")
    await store.write(lambda tx: tx.members.set_status(member.id, Status.disabled, NOW))
    changed = await member_of(store, member.id)
    assert not await set_mobile(store, changed, MOBILE)


async def test_who_was_found_by_the_number_before_makes_no_visit(store: Store) -> None:
    member = await add_member(store)
    await set_mobile(store, member, OTHER)
    assert not await store.write(lambda tx: tx.members.visit(member, NOW, "203.0.113.7"))
    changed = await member_of(store, member.id)
    assert await store.write(lambda tx: tx.members.visit(changed, NOW, "203.0.113.7"))


async def test_a_member_without_a_mobile_gets_one(store: Store) -> None:
    member = await add_member(store, NewMember(username="bob"))
    assert await set_mobile(store, member, MOBILE)
    assert await find(store, MOBILE) == await member_of(store, member.id)


async def test_a_request_is_written_down_changed_and_forgotten(store: Store) -> None:
    assert await store.read(lambda tx: tx.deletions.of(7)) is None
    for asked in (ASKED, Cancellation(NOW, NOW + 200), None):
        await put(store, 7, asked)
        assert await store.read(lambda tx: tx.deletions.of(7)) == asked


async def test_requests_are_due_in_their_order_at_their_time(store: Store) -> None:
    for number, at in ((5, 300), (6, 100), (7, 200), (8, 100)):
        await put(store, number, Cancellation(NOW, NOW + at))
    assert await due(store, NOW + 99) == []
    assert await due(store, NOW + 100) == [6, 8]
    assert await due(store, NOW + 1000, 3) == [6, 8, 7]


async def test_a_member_who_is_held_is_waited_for(ground: Ground, store: Store) -> None:
    member = await add_member(store)
    if type(store).__name__ != "NetworkStore":
        assert await store.write(lambda tx: tx.deletions.hold(member.id)) == Status.enabled
        assert await store.write(lambda tx: tx.deletions.hold(404)) is None
        return
    rival, held, goes_on = ground.open(), asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction) -> None:
        assert await tx.deletions.hold(member.id) == Status.enabled
        held.set()
        await goes_on.wait()
        await tx.members.set_status(member.id, Status.disabled, NOW)

    first = asyncio.create_task(store.write(hold))
    await held.wait()
    second = asyncio.create_task(rival.write(lambda tx: tx.deletions.hold(member.id)))
    await asyncio.sleep(0.2)
    assert not second.done()
    goes_on.set()
    await first
    assert await second == Status.disabled


async def test_L07_codes_lose_number_and_address_and_stay_good(store: Store, sql: Sql) -> None:
    member = await add_member(store)
    moved = AuditEvent(
        Event.mobile_changed, NOW, member_id=member.id, note="137****7777 138****0000"
    )
    await store.write(lambda tx: tx.trail.write(moved))
    for number, masked in ((NUMBER, "138****0000"), (b"e" * 32, "137****7777"),
                           (b"o" * 32, "139****1111")):  # fmt: skip
        code = new_code(number=number)
        await store.write(lambda tx, c=code: tx.codes.issue(c))  # type: ignore[misc]
        sql(f"update sms_code set mobile_masked = '{masked}' where id = (select max(id) from "
            "(select id from sms_code) newest)")  # fmt: skip
    await store.write(lambda tx: tx.deletions.wipe_codes(member))
    found = sql("select mobile_masked, ip from sms_code order by id")
    assert found == [("", ""), ("", ""), ("139****1111", "203.0.113.7")]
    assert await store.write(lambda tx: tx.codes.claim_try(NUMBER, "login", 5, NOW)) is not None


async def test_L07_messages_lose_the_number_and_what_it_can_be_known_by(
    store: Store, sql: Sql
) -> None:
    member = await add_member(store)
    moved = AuditEvent(
        Event.mobile_changed, NOW, member_id=member.id, note="137****7777 138****0000"
    )
    await store.write(lambda tx: tx.trail.write(moved))
    sent = MessageResult(Outcome.sent, NOW, gateway="aliyun", provider_id="17^0", cost=450)
    for number, masked in ((NUMBER, "138****0000"), (b"o" * 32, "139****1111"),
                           (b"e" * 32, "137****7777"), (NUMBER, "138****0000")):  # fmt: skip
        new = new_message(number=number, masked=masked)
        message_id = await store.write(lambda tx, n=new: tx.messages.add(n))  # type: ignore[misc]
        await store.write(lambda tx, m=message_id: tx.messages.finish(m, sent))  # type: ignore[misc]
    sql("update sms_message set merchant_id = 9 where id = 4")
    await store.write(lambda tx: tx.deletions.wipe_codes(member))
    found = sql("select mobile_masked, number_key is null, cost from sms_message order by id")
    assert [(masked, bool(wiped), cost) for masked, wiped, cost in found] == [
        ("", True, 450),
        ("139****1111", False, 450),
        ("", True, 450),
        ("138****0000", False, 450),
    ]
    assert await store.write(
        lambda tx: tx.messages.receive(Receipt("aliyun", "17^0", delivered=True), NOW)
    )


async def test_L07_sessions_end_and_lose_device_and_address(store: Store, sql: Sql) -> None:
    await add_member(store)
    for group in ("pc", "iOS", "h5"):
        await open_session(store, new_session(group=group))
    await open_session(store, new_session(2, device="Mac"))
    await store.write(lambda tx: tx.sessions.end([2], EndReason.logged_out, NOW))
    await open_session(store, new_session(group="h5", device="Windows"))
    await store.write(lambda tx: tx.deletions.wipe_sessions(1, NOW + 9))
    assert await live(store) == []
    assert sql("select end_reason from session where member_id = 1 order by id") == [
        ("disabled",), ("logged_out",), ("replaced",), ("disabled",),
    ]  # fmt: skip
    assert sql("select distinct device, ip, ended_by from session where member_id = 1") == [
        ("", "", "")
    ]
    assert await live(store, 2) == [4]
    assert sql("select device, ip from session where member_id = 2") == [("Mac", "203.0.113.7")]


async def test_L07_accounts_elsewhere_are_forgotten(store: Store, sql: Sql) -> None:
    members = [await add_member(store, NewMember(username=name)) for name in ("a", "b")]
    for number in range(4):
        sql(
            "insert into member_auth (member_id, oauth_client, unionid) "
            f"values ({members[number % 2].id}, 'wechat{number}', 'openid')"
        )
    for status, left in ((Status.disabled, 4), (Status.deleted, 2)):
        await store.write(lambda tx, to=status: tx.members.set_status(members[0].id, to, NOW))  # type: ignore[misc]
        assert sql("select count(*) from member_auth") == [(left,)]
    assert sql("select distinct member_id from member_auth") == [(members[1].id,)]


async def test_L07_what_an_import_has_seen_tells_nothing_of_who_is_erased(
    store: Store, sql: Sql, ground: Ground
) -> None:
    """Names, numbers and times are few enough to be guessed until a digest fits."""
    seen = bytes(range(32))
    members = [await add_member(store, NewMember(username=name)) for name in ("a", "b")]
    for member, binding in zip(members, (6, 7), strict=True):
        sql(f"insert into member_auth (id, member_id) values ({binding}, {member.id})")
        for kind, row in ((MemberStep.kind, member.id), (BindingStep.kind, binding)):
            values = f"'{kind}', {row}, {ground.blob(seen)}, {ground.blob(seen)}, {row}"
            columns = "kind, source_id, digest, secret_digest, target_id"
            sql(f"insert into import_mark ({columns}) values ({values})")
    await store.write(lambda tx: tx.members.set_status(members[0].id, Status.deleted, NOW))
    marks = "select kind, source_id, digest, secret_digest from import_mark order by 1, 2"
    assert [tuple(row) for row in sql(marks)] == [
        ("auth", 6, bytes(32), None),
        ("auth", 7, seen, seen),
        ("member", 1, bytes(32), None),
        ("member", 2, seen, seen),
    ]


async def test_L07_the_trail_loses_address_and_note_in_batches(store: Store, sql: Sql) -> None:
    events = [
        AuditEvent(event, NOW, member_id=member_id, ip="203.0.113.7", note=note)
        for member_id in (7, 8)
        for event, note in (
            (Event.sms_code_sent, "login 138****0000"),
            (Event.login, ""),
            (Event.session_revoked, "operator"),
        )
    ]
    events.append(AuditEvent(Event.member_deleted, NOW, member_id=7, note="operator"))
    for event in events:
        await store.write(lambda tx, e=event: tx.trail.write(e))  # type: ignore[misc]
    wiped = [await store.write(lambda tx: tx.deletions.wipe_trail(7, 2)) for _ in range(3)]
    assert wiped == [2, 1, 0]
    assert sql("select event, at, ip, note from audit_event where member_id = 7 order by id") == [
        ("sms_code_sent", NOW, "", ""), ("login", NOW, "", ""),
        ("session_revoked", NOW, "", "operator"),
        ("member_deleted", NOW, "", "operator"),
    ]  # fmt: skip
    assert sql("select distinct ip from audit_event where member_id = 8") == [("203.0.113.7",)]
    kept = "select note from audit_event where member_id = 8 and event = 'sms_code_sent'"
    assert sql(kept) == [("login 138****0000",)]


async def test_an_event_about_a_number_is_its_members(store: Store, sql: Sql) -> None:
    member = await add_member(store)
    for mobile in (MOBILE, OTHER):
        event = AuditEvent(
            Event.sms_code_sent, NOW, ip="203.0.113.7", note=f"login {mask_mobile(mobile)}",
            mobile=mobile,
        )  # fmt: skip
        await store.write(lambda tx, e=event: tx.trail.write(e))  # type: ignore[misc]
    assert sql("select member_id, note, client_group from audit_event order by id") == [
        (member.id, "login 138****0000", ""),
        (None, "login 139****1111", ""),
    ]
    assert MOBILE not in str(sql("select * from audit_event"))


@pytest.mark.parametrize(
    ("since", "until", "adopted"),
    [(NOW, NOW + 2, [0, 2]), (NOW + 1, NOW + 2, [2]), (NOW - 9, NOW, [0]), (NOW + 3, NOW + 9, [])],
)
async def test_events_about_a_number_are_adopted_by_who_gets_it(
    store: Store, sql: Sql, since: int, until: int, adopted: list[int]
) -> None:
    lines: list[tuple[int, str, int | None]] = [
        (0, "register 138****0000", None),
        (1, "register 139****1111", None),
        (2, "binding-mobile 138****0000", None),
        (2, "login 138****0000", 8),
    ]
    for at, note, member_id in lines:
        event = AuditEvent(Event.sms_code_sent, NOW + at, member_id=member_id, note=note)
        await store.write(lambda tx, e=event: tx.trail.write(e))  # type: ignore[misc]
    member = await add_member(store)
    await store.write(lambda tx: tx.trail.adopt(member, "138****0000", since, until))
    assert sql("select at from audit_event where member_id = 1 order by id") == [
        (NOW + at,) for at in adopted
    ]


async def test_what_a_table_of_the_next_migration_is_needed_for_is_busy(
    ground: Ground, store: Store
) -> None:
    if type(store).__name__ != "NetworkStore":
        return  # a file is migrated before it is served
    ground.sql("alter table member_cancellation rename to later")
    try:
        with pytest.raises(Refusal) as refusal:
            await due(store, NOW)
        assert refusal.value.reason is Reason.busy
    finally:
        ground.sql("alter table later rename to member_cancellation")
    assert await due(store, NOW) == []
