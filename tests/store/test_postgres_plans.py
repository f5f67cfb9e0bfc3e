"""PostgreSQL reaches every row by its key, also where it knows the tables as empty."""

from collections.abc import Callable

import pytest

from denglu.domain.sms_message import MessageResult, Outcome, Receipt
from denglu.flows.ports import Period, Store, Transaction
from tests.store.grounds import Ground
from tests.store.making import (
    NOW,
    access,
    add_member,
    new_message,
    new_session,
    open_session,
)

HOT = (
    "limit_tally", "member", "member_account", "session", "session_token", "sms_code",
    "sms_message", "sms_spend",
)  # fmt: skip


@pytest.fixture
def ground(ground_of: Callable[[str], Ground]) -> Ground:
    return ground_of("postgresql")


async def test_tables_that_were_empty_when_plans_were_made_are_not_read_from_end_to_end(
    ground: Ground,
) -> None:
    for table in HOT:
        ground.sql(f"VACUUM ANALYZE {table}")
    before = _read_whole(ground)
    await _lead_a_life(ground.open())
    await ground.close()
    assert _read_whole(ground) == before


def test_pages_of_tokens_have_room_for_the_marks_of_a_rotation(ground: Ground) -> None:
    options = ground.sql("SELECT reloptions FROM pg_class WHERE relname = 'session_token'")
    assert options == [(["fillfactor=85"],)]


async def _lead_a_life(store: Store) -> None:
    member = await add_member(store)
    session_id, _ = await open_session(store, new_session(member.id))
    for number in range(20):
        await store.read(lambda tx: tx.sessions.find(access(session_id)))
        await store.write(lambda tx: _counted(tx, number))  # noqa: B023
        await store.write(lambda tx: _sent(tx, number))  # noqa: B023


async def _counted(tx: Transaction, number: int) -> None:
    keys = [b"%32d" % (number * 5 + place) for place in range(5)]
    await tx.tallies.load(keys)
    await tx.tallies.save(dict.fromkeys(keys, ("[0,[]]", 1)))


async def _sent(tx: Transaction, number: int) -> None:
    periods = [Period(scope, "hour", number, number + 1) for scope in (-1, 0)]
    await tx.spending.add(periods, 1, 450)
    name = f"17^{number}"
    message_id = await tx.messages.add(new_message())
    await tx.messages.finish(
        message_id, MessageResult(Outcome.sent, NOW, gateway="aliyun", provider_id=name)
    )
    assert await tx.messages.receive(Receipt("aliyun", name, delivered=True), NOW)
    assert not await tx.upkeep.drop_messages(NOW, 10)
    assert not await tx.upkeep.drop_spending(0, 10)


def _read_whole(ground: Ground) -> list[object]:
    """How often each table was read from end to end."""
    ground.sql("SELECT pg_stat_force_next_flush()")
    names = ", ".join(f"'{name}'" for name in HOT)
    return ground.sql(
        "SELECT relname, seq_scan FROM pg_stat_user_tables"
        f" WHERE relname IN ({names}) ORDER BY relname"
    )
