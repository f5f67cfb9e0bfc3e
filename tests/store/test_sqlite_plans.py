"""SQLite plans each statement once: planning costs twenty times what a look-up does."""

import apsw

from denglu.store.sqlite import SqliteStore
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
