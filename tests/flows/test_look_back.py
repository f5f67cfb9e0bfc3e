"""Looking back: whose lines are found, how far back, and that none is missed while following."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from denglu.domain.audit import AuditEvent, Event
from denglu.flows import look_back, walking
from denglu.flows.look_back import LookBack, Question
from denglu.flows.ports import Store, Transaction
from tests.store.grounds import Ground

NOW = 1_750_000_000
DAY = 86400
MING, HONG = 7, 8


class Standing:
    """A clock that stands still."""

    def now(self) -> int:
        return NOW


@pytest_asyncio.fixture
async def ground(ground_of: Callable[[str], Ground]) -> AsyncIterator[Ground]:
    made = ground_of("memory")
    yield made
    await made.close()


@pytest.fixture
def store(ground: Ground) -> Store:
    return ground.open()


@pytest.fixture
def trail(store: Store) -> LookBack:
    return LookBack(store, Standing())


async def write(store: Store, *events: AuditEvent) -> None:
    async def work(tx: Transaction) -> None:
        for event in events:
            await tx.trail.write(event)

    await store.write(work)


def own(ago: int, event: Event = Event.login, member_id: int = MING) -> AuditEvent:
    return AuditEvent(event, NOW - ago, member_id=member_id)


async def ids(trail: LookBack, question: Question, limit: int = 100) -> list[int]:
    return [entry.id for entry in await trail.find(question, limit)]


async def test_everybodys_lines_are_those_of_a_day_unless_more_is_asked_for(
    store: Store, trail: LookBack
) -> None:
    await write(
        store, own(3 * DAY), own(DAY + 1), own(DAY), own(5, Event.logout), own(0, Event.logout)
    )
    assert await ids(trail, Question()) == [3, 4, 5]
    assert await ids(trail, Question(since=NOW - DAY - 1)) == [2, 3, 4, 5]
    assert await ids(trail, Question(since=0, until=NOW - DAY)) == [1, 2]
    assert await ids(trail, Question(until=NOW - DAY)) == [2]
    assert await ids(trail, Question(events=frozenset({"logout"}), until=NOW)) == [4]


async def test_a_members_lines_are_found_however_old(store: Store, trail: LookBack) -> None:
    await write(store, own(90 * DAY), own(30, member_id=HONG), own(10, Event.login_failed))
    await write(store, AuditEvent(Event.login_failed, NOW))
    ming = Question(member_id=MING)
    assert await ids(trail, ming) == [1, 3]
    assert await ids(trail, replace(ming, since=NOW - 3 * DAY)) == [3]
    assert await ids(trail, replace(ming, until=NOW - 10)) == [1]
    assert await ids(trail, replace(ming, events=frozenset({"login_failed"}))) == [3]


async def test_the_newest_are_taken_and_the_oldest_told_first(
    store: Store, trail: LookBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "PAGE", 3)
    await write(store, *(own(100 - n // 2) for n in range(21)), own(0))
    for question in (Question(), Question(member_id=MING)):
        assert await ids(trail, question, 3) == [20, 21, 22]
        assert await ids(trail, question) == list(range(1, 23))


async def test_what_happens_after_the_beginning_is_told_once(
    store: Store, trail: LookBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_back, "PAGE", 3)
    await write(store, own(3), own(2))
    followed = await trail.follow()
    assert await followed.news() == []
    await write(store, *(own(1) for _ in range(7)))
    assert [entry.id for entry in await followed.news()] == [3, 4, 5, 6, 7, 8, 9]
    assert await followed.news() == []


async def test_a_line_whose_writer_committed_late_is_told_too(
    ground: Ground, store: Store, trail: LookBack
) -> None:
    followed = await trail.follow()
    await write(store, own(0))

    def commit(line: int) -> None:
        ground.sql(f"INSERT INTO audit_event (id, event, at) VALUES ({line}, 'login', {NOW})")

    commit(12)
    assert [entry.id for entry in await followed.news()] == [1, 12]
    commit(13)
    commit(11)
    assert [entry.id for entry in await followed.news()] == [11, 13]
    assert await followed.news() == []
