"""SQLite plans each statement once: planning costs twenty times what a look-up does."""

import apsw

from denglu.store.sqlite import STATEMENTS, SqliteStore
from tests.store.making import access, add_member, new_session, open_session


async def test_looking_a_token_up_again_plans_nothing_anew(sqlite: SqliteStore) -> None:
    member = await add_member(sqlite)
    session_id, _ = await open_session(sqlite, new_session(member.id))
    planned = 0

    def asked_while_planning(*_: object) -> int:
        nonlocal planned
        planned += 1
        return apsw.SQLITE_OK

    sqlite._reading.authorizer = asked_while_planning
    await sqlite.find_token(access(session_id))
    assert planned
    planned = 0
    for other in (access(2), access(3), access(4)):
        await sqlite.find_token(other)
    assert not planned


async def test_a_token_leads_to_the_account_by_the_member_s_own_id(sqlite: SqliteStore) -> None:
    await add_member(sqlite)
    statement = STATEMENTS["token_find"]
    words, values = f"EXPLAIN QUERY PLAN {statement.sql}", statement.bind({"p_digest": bytes(32)})
    plan = [row[3] for row in sqlite._reading.execute(words, values)]
    assert "SEARCH member_account USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN" in plan


async def test_an_account_has_the_id_of_its_member_whatever_was_there_before(
    sqlite: SqliteStore,
) -> None:
    sqlite._writing.execute("INSERT INTO member (id, tree) VALUES (70, '')")  # without an account
    later = await add_member(sqlite)
    assert later.id == 71
    assert later.account is not None
    assert later.account.id == later.id
