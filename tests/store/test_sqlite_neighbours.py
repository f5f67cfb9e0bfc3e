"""Other programs on the same file: what they commit is seen by the very next token check."""

import asyncio
import sys
from collections.abc import Awaitable
from pathlib import Path

import apsw
import pytest

from denglu.domain.member import NewMember, Status
from denglu.domain.session import EndReason, Found
from denglu.store.compiled import Params, Row
from denglu.store.sqlite import SqliteStore, open_store
from tests.store.making import (
    NOW,
    access,
    add_member,
    found,
    member_of,
    new_session,
    open_session,
    rotate,
)

NEWCOMER = NewMember(username="newcomer")

DISABLE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=10) as db:
    db.execute("update member set status = 0")
"""


def asked(store: SqliteStore, digest: bytes) -> Awaitable[Found]:
    """What a request that comes now finds: each is a task of its own."""
    return asyncio.create_task(found(store, digest))


async def test_T08_another_connections_commit_is_seen_at_once(
    sqlite: SqliteStore, neighbour: apsw.Connection
) -> None:
    await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    for status in (0, 1, 0, 1):
        await asked(sqlite, access(session_id))
        neighbour.execute(f"update member set status = {status}")
        assert (await asked(sqlite, access(session_id))).member.status == status


async def test_what_another_connection_has_not_committed_is_not_seen(
    sqlite: SqliteStore, neighbour: apsw.Connection
) -> None:
    await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    neighbour.execute("begin immediate; update member set status = 0")
    assert (await asked(sqlite, access(session_id))).member.status == 1
    neighbour.execute("commit")
    assert (await asked(sqlite, access(session_id))).member.status == 0


async def test_T08_what_is_committed_within_a_turn_is_seen_by_whoever_asks_after_it(
    sqlite: SqliteStore, neighbour: apsw.Connection
) -> None:
    await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    digest = access(session_id)
    for status in (0, 1, 0, 1):
        before = [asked(sqlite, digest) for _ in range(3)]
        # All in one turn: somebody asks, somebody commits, somebody asks.
        await asked(sqlite, digest)
        neighbour.execute(f"update member set status = {status}")
        after = [asked(sqlite, digest) for _ in range(3)]
        assert {(await each).member.status for each in after} == {status}
        assert {(await each).member.status for each in before} == {1 - status}


async def test_those_who_ask_together_ask_the_file_once(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    ask, times = sqlite._data_version, []

    def counted() -> int:
        times.append(1)
        return ask()

    monkeypatch.setattr(sqlite, "_data_version", counted)
    for turn in (1, 2, 3):
        await asyncio.gather(*(asked(sqlite, access(session_id)) for _ in range(20)))
        assert len(times) == turn


async def test_T08_another_process_commits_and_the_next_check_knows(
    sqlite: SqliteStore, path: Path
) -> None:
    await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    assert (await found(sqlite, access(session_id))).member.enabled
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", DISABLE, path)
    assert await other.wait() == 0
    assert not (await found(sqlite, access(session_id))).member.enabled


async def test_a_command_may_write_beside_a_running_server(sqlite: SqliteStore, path: Path) -> None:
    member = await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    await found(sqlite, access(session_id))

    command = open_store(path)
    assert await member_of(command, member.id) == member
    await command.write(lambda tx: tx.members.set_status(member.id, Status.disabled, NOW))
    await command.write(lambda tx: tx.sessions.end([session_id], EndReason.disabled, NOW))
    token = await found(sqlite, access(session_id))
    assert (token.session.end_reason, token.member.status) == ("disabled", 0)
    await command.close()
    assert await sqlite.ready()


async def test_an_unchanged_answer_is_the_same_object(sqlite: SqliteStore) -> None:
    # What is rendered from a member is kept as long as the member is the same object.
    await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    first = await found(sqlite, access(session_id))
    assert await found(sqlite, access(session_id)) is first
    await add_member(sqlite, NEWCOMER)
    assert await found(sqlite, access(session_id)) is first


async def test_a_token_is_read_again_only_when_somebody_has_committed(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session())
    reads: list[str] = []
    one = sqlite._reader.db.one

    def counted(name: str, params: Params) -> Awaitable[Row | None]:
        reads.append(name)
        return one(name, params)

    monkeypatch.setattr(sqlite._reader.db, "one", counted)
    for _ in range(5):
        await found(sqlite, access(session_id))
    assert reads == ["token_find"]
    await add_member(sqlite, NEWCOMER)
    for _ in range(5):
        await found(sqlite, access(session_id))
    assert reads.count("token_find") == 2


async def test_the_cache_stays_within_its_bounds(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("denglu.store.sqlite._CACHED_TOKENS", 4)
    await add_member(sqlite)
    ids = [(await open_session(sqlite, new_session(group=f"g{n}")))[0] for n in range(10)]
    for _ in range(2):
        for session_id in ids:
            assert (await found(sqlite, access(session_id))).session.id == session_id
            await sqlite.find_token(b"?" * 32)
    assert len(sqlite._tokens) == len(sqlite._token_of) == 4


async def test_of_each_session_the_latest_token_is_kept(sqlite: SqliteStore) -> None:
    await add_member(sqlite)
    ids = [(await open_session(sqlite, new_session(group=f"g{n}")))[0] for n in range(2)]
    for generation in range(1, 4):
        for session_id in ids:
            token = await found(sqlite, access(session_id, generation))
            assert set(sqlite._tokens) >= {access(session_id, generation)}
            assert await rotate(sqlite, token.session, now=NOW)
            earlier = await found(sqlite, access(session_id, generation))
            assert earlier.session.generation == generation + 1
            await found(sqlite, access(session_id, generation + 1))
            assert await found(sqlite, access(session_id, generation)) == earlier
    assert set(sqlite._tokens) == {access(session_id, 4) for session_id in ids}
    assert set(sqlite._token_of) == set(ids)


async def test_members_of_a_level_share_it_and_a_change_of_it_is_seen(
    sqlite: SqliteStore, neighbour: apsw.Connection
) -> None:
    first, second = await add_member(sqlite), await add_member(sqlite, NEWCOMER)
    assert first.member_level is not None
    assert first.member_level is second.member_level
    assert first.account is not None
    assert first.account.user_money is first.account.give_money
    neighbour.execute("update member_level set name = 'gold', discount = 95")
    changed = (await member_of(sqlite, first.id)).member_level
    assert changed is not None
    assert (changed.name, str(changed.discount)) == ("gold", "0.95")


async def test_everything_is_there_after_a_restart(path: Path) -> None:
    first = open_store(path)
    member = await add_member(first)
    session_id, _ = await open_session(first, new_session())
    await first.close()
    second = open_store(path)
    assert (await found(second, access(session_id))).member == member
    await second.close()
