"""Sessions: one place per member and group, replaced, rotated once, ended once."""

import asyncio

import pytest

from denglu.domain.member import NewMember, Status
from denglu.domain.session import EndReason, Kind, Session
from denglu.flows.ports import Store, Transaction
from tests.store.making import (
    NOW,
    access,
    add_member,
    found,
    live,
    member_of,
    new_session,
    open_session,
    refresh,
    rotate,
)


async def test_an_unknown_token_leads_nowhere(store: Store) -> None:
    assert await store.find_token(b"?" * 32) is None
    assert await store.read(lambda tx: tx.sessions.find(b"?" * 32)) is None


async def test_both_tokens_of_a_login_lead_to_the_session_and_the_member(store: Store) -> None:
    member = await add_member(store)
    session_id, replaced = await open_session(store, new_session(member.id))
    assert replaced == []

    for digest, kind in ((access(session_id), Kind.access), (refresh(session_id), Kind.refresh)):
        token = await found(store, digest)
        assert (token.token.kind, token.token.generation) == (kind, 1)
        assert (token.token.rotated_at, token.token.child_used_at) == (None, None)
        assert token.member == member
        assert not token.parent_unmarked
        assert token == await store.read(lambda tx, d=digest: tx.sessions.find(d))  # type: ignore[misc]
    assert token.session == Session(
        id=session_id,
        merchant_id=0,
        member_id=member.id,
        member_type=1,
        group="iOS",
        generation=1,
        nonce=b"a 16 byte nonce.",
        access_expires_at=NOW + 7200,
        refresh_expires_at=NOW + 30 * 86400,
        absolute_expires_at=NOW + 90 * 86400,
        created_at=NOW,
        rotated_at=NOW,
        device="iPhone",
        ip="203.0.113.7",
        ended_at=None,
        end_reason=None,
        ended_by="",
    )


async def test_R09_the_next_login_in_a_group_ends_the_one_before_it(store: Store) -> None:
    member = await add_member(store)
    first, _ = await open_session(store, new_session(member.id))
    second, replaced = await open_session(
        store, new_session(member.id, device="iPad", now=NOW + 60)
    )
    assert [session.id for session in replaced] == [first]
    assert await live(store) == [second]

    ended = (await found(store, access(first))).session
    assert (ended.ended_at, ended.end_reason, ended.ended_by) == (NOW + 60, "replaced", "iPad")


async def test_what_replaced_a_session_is_kept_as_far_as_it_fits(store: Store) -> None:
    member = await add_member(store)
    first, _ = await open_session(store, new_session(member.id))
    await open_session(store, new_session(member.id, device="d" * 70))
    assert (await found(store, access(first))).session.ended_by == "d" * 64


async def test_R10_other_groups_and_other_members_go_on(store: Store) -> None:
    members = [await add_member(store, NewMember(username=name)) for name in ("a", "b")]
    for member, group in ((members[0], "pc"), (members[1], "iOS")):
        await open_session(store, new_session(member.id, group=group))
    _, replaced = await open_session(store, new_session(members[0].id, group="iOS"))
    assert replaced == []
    assert len(await live(store, members[0].id)) == 2
    assert len(await live(store, members[1].id)) == 1


async def test_a_group_of_three_replaces_the_oldest_when_a_fourth_comes(store: Store) -> None:
    await add_member(store)
    opened = []
    for n in range(4):
        session_id, replaced = await open_session(store, new_session(allowed=3, now=NOW + n))
        opened.append(session_id)
        assert [session.id for session in replaced] == ([opened[0]] if n == 3 else [])
    assert await live(store) == opened[1:]


async def test_the_place_of_an_ended_session_is_used_again(store: Store) -> None:
    await add_member(store)
    first, second, third = [
        (await open_session(store, new_session(allowed=3)))[0] for _ in range(3)
    ]
    await store.write(lambda tx: tx.sessions.end([second], EndReason.logged_out, NOW))
    fourth, replaced = await open_session(store, new_session(allowed=3))
    assert replaced == []
    assert await live(store) == [first, third, fourth]


async def test_a_group_that_allows_fewer_than_before_keeps_the_newest(store: Store) -> None:
    await add_member(store)
    for _ in range(3):
        await open_session(store, new_session(allowed=3))
    newest, replaced = await open_session(store, new_session(allowed=1))
    assert len(replaced) == 3
    assert await live(store) == [newest]


async def test_R09_fifty_logins_at_once_leave_one_session(store: Store) -> None:
    member = await add_member(store)

    async def login(tx: Transaction) -> int:
        assert await tx.members.visit(member, NOW, "203.0.113.7")
        session_id, _ = await tx.sessions.open(new_session())
        return session_id

    opened = await asyncio.gather(*(store.write(login) for _ in range(50)))
    assert await live(store) == [max(opened)]


async def test_live_sessions_come_oldest_first_and_by_group(store: Store) -> None:
    await add_member(store)
    pc, _ = await open_session(store, new_session(group="pc", now=NOW))
    ios, _ = await open_session(store, new_session(group="iOS", now=NOW + 1))
    assert await live(store) == [pc, ios]
    assert await live(store, group="iOS") == [ios]
    assert await live(store, group="ios") == []
    assert await live(store, member_id=404) == []


async def test_a_rotation_moves_the_session_and_its_lives_on(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    before = (await found(store, refresh(session_id))).session
    assert await rotate(store, before, now=NOW + 100)

    after = await found(store, refresh(session_id, 2))
    assert (after.token.generation, after.session.generation) == (2, 2)
    assert after.session.rotated_at == NOW + 100
    assert after.session.access_expires_at == NOW + 100 + 7200
    assert after.session.refresh_expires_at == NOW + 100 + 30 * 86400
    assert after.session.absolute_expires_at == before.absolute_expires_at
    assert (await found(store, refresh(session_id, 1))).token.rotated_at == NOW + 100


async def test_a_rotation_tells_the_grandparent_that_its_child_was_used(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    for generation, now in ((1, NOW + 100), (2, NOW + 200)):
        session = (await found(store, refresh(session_id, generation))).session
        await rotate(store, session, now=now)
    first, second = [(await found(store, refresh(session_id, n))).token for n in (1, 2)]
    assert (first.rotated_at, first.child_used_at) == (NOW + 100, NOW + 200)
    assert (second.rotated_at, second.child_used_at) == (NOW + 200, None)


async def test_the_first_use_of_a_child_is_not_told_again_by_a_rotation(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    await rotate(store, (await found(store, refresh(session_id, 1))).session, now=NOW + 100)
    second = (await found(store, refresh(session_id, 2))).session
    await store.write(lambda tx: tx.sessions.mark_used(second, 2, NOW + 150))
    await rotate(store, second, now=NOW + 200)
    assert (await found(store, refresh(session_id, 1))).token.child_used_at == NOW + 150


async def test_access_tokens_older_than_the_generation_before_are_forgotten(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    for generation in (1, 2):
        session = (await found(store, refresh(session_id, generation))).session
        await rotate(store, session, now=NOW + generation)
    assert await store.find_token(access(session_id, 1)) is None
    for generation in (2, 3):
        assert await store.find_token(access(session_id, generation))
    for generation in (1, 2, 3):
        assert await store.find_token(refresh(session_id, generation))


async def test_R03_one_of_twenty_rivals_rotates(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    session = (await found(store, refresh(session_id))).session
    done = await asyncio.gather(*(rotate(store, session, now=NOW + n) for n in range(20)))
    assert sorted(done) == [False] * 19 + [True]
    assert (await found(store, refresh(session_id))).session.generation == 2


async def test_R07_an_ended_session_is_not_rotated(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    session = (await found(store, refresh(session_id))).session
    await store.write(lambda tx: tx.sessions.end([session_id], EndReason.logged_out, NOW))
    assert not await rotate(store, session, now=NOW + 1)
    assert (await found(store, refresh(session_id))).session.generation == 1


async def test_the_first_use_of_a_pair_is_written_down_once(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    session = (await found(store, refresh(session_id))).session
    await rotate(store, session, now=NOW + 10)
    assert (await found(store, access(session_id, 2))).parent_unmarked
    assert (await found(store, refresh(session_id, 2))).parent_unmarked

    for now in (NOW + 20, NOW + 30):
        await store.write(lambda tx, at=now: tx.sessions.mark_used(session, 2, at))  # type: ignore[misc]
    assert not (await found(store, access(session_id, 2))).parent_unmarked
    assert (await found(store, refresh(session_id, 1))).token.child_used_at == NOW + 20


async def test_the_first_pair_has_no_parent_to_mark(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    session = (await found(store, access(session_id))).session
    before = await found(store, refresh(session_id))
    await store.write(lambda tx: tx.sessions.mark_used(session, 1, NOW))
    assert await found(store, refresh(session_id)) == before


async def test_marking_one_session_leaves_the_others_alone(store: Store) -> None:
    await add_member(store)
    ids = [(await open_session(store, new_session(group=group)))[0] for group in ("pc", "iOS")]
    sessions = [(await found(store, refresh(session_id))).session for session_id in ids]
    for session in sessions:
        await rotate(store, session, now=NOW)
    await store.write(lambda tx: tx.sessions.mark_used(sessions[0], 2, NOW))
    assert not (await found(store, access(ids[0], 2))).parent_unmarked
    assert (await found(store, access(ids[1], 2))).parent_unmarked


async def test_T06_a_session_ends_once_and_keeps_its_reason(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())

    async def end(reason: EndReason, now: int) -> int:
        return await store.write(lambda tx: tx.sessions.end([session_id, 404], reason, now))

    assert await end(EndReason.logged_out, NOW + 5) == 1
    assert await end(EndReason.revoked, NOW + 6) == 0
    ended = (await found(store, access(session_id))).session
    assert (ended.ended_at, ended.end_reason, ended.ended_by) == (NOW + 5, "logged_out", "")
    assert await live(store) == []


async def test_many_sessions_end_at_once(store: Store) -> None:
    await add_member(store)
    ids = [(await open_session(store, new_session(group=g)))[0] for g in ("pc", "iOS", "h5")]
    assert await store.write(lambda tx: tx.sessions.end(ids[:2], EndReason.revoked, NOW)) == 2
    assert await live(store) == ids[2:]


async def test_T08_a_token_shows_the_member_as_of_now(store: Store) -> None:
    member = await add_member(store)
    session_id, _ = await open_session(store, new_session(member.id))
    for status in (Status.disabled, Status.enabled):
        await found(store, access(session_id))
        await store.write(
            lambda tx, to=status: tx.members.set_status(member.id, to, NOW)  # type: ignore[misc]
        )
        assert (await found(store, access(session_id))).member.status == status
    assert (await found(store, access(session_id))).member == await member_of(store, member.id)


async def test_a_token_that_was_unknown_is_found_once_it_is_stored(store: Store) -> None:
    await add_member(store)
    assert await store.find_token(access(1)) is None
    session_id, _ = await open_session(store, new_session())
    assert session_id == 1
    assert await store.find_token(access(1)) is not None


async def test_equal_answers_while_nothing_changes(store: Store) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    assert await found(store, access(session_id)) == await found(store, access(session_id))


@pytest.mark.parametrize("half", [slice(0, 16), slice(0, 31)])
async def test_T03_half_a_digest_finds_nothing(store: Store, half: slice) -> None:
    await add_member(store)
    session_id, _ = await open_session(store, new_session())
    assert await store.find_token(access(session_id)[half]) is None
    assert await store.find_token(access(session_id) + b"\0") is None


async def test_sessions_and_tokens_are_stored_together_or_not_at_all(store: Store) -> None:
    await add_member(store)

    async def broken(tx: Transaction) -> None:
        await tx.sessions.open(new_session())
        raise LookupError("before the tokens")

    with pytest.raises(LookupError):
        await store.write(broken)
    assert await live(store) == []
