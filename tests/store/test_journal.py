"""The audit trail is read by page, newest first, and found by an index on every database."""

import re
from collections.abc import Callable

import pytest

from denglu.domain.audit import AuditEvent, Entry, Event, Span
from denglu.flows.ports import Store, Transaction
from tests.store.grounds import Ground
from tests.store.making import NOW
from tests.store.plans import plan

FOREVER = Span(0, 2**62)
_ROWS = 20_000


async def write(store: Store, *events: AuditEvent) -> None:
    async def work(tx: Transaction) -> None:
        for event in events:
            await tx.trail.write(event)

    await store.write(work)


async def test_a_page_holds_the_newest_lines_of_its_span(store: Store) -> None:
    await write(store, *(AuditEvent(Event.login, NOW + n, member_id=n % 2) for n in range(6)))

    async def ids(span: Span, limit: int = 10) -> list[int]:
        return [e.id for e in await store.read(lambda tx: tx.journal.page(span, limit))]

    assert await ids(FOREVER) == [6, 5, 4, 3, 2, 1]
    assert await ids(FOREVER, 2) == [6, 5]
    assert await ids(Span(NOW + 2, NOW + 4)) == [4, 3]
    of_member = await store.read(lambda tx: tx.journal.page_of(1, FOREVER, 2))
    assert [e.id for e in of_member] == [6, 4]
    assert await store.read(lambda tx: tx.journal.page_of(7, FOREVER, 2)) == []


async def test_a_page_goes_on_behind_the_last_line_of_the_one_before(store: Store) -> None:
    # Out of order, as clocks and processes may have it, and several in a second.
    await write(store, *(AuditEvent(Event.login, NOW + at, member_id=7) for at in (3, 1, 3, 2, 3)))
    seen: list[int] = []
    span = FOREVER
    while page := await store.read(lambda tx: tx.journal.page(span, 2)):  # noqa: B023
        seen += [entry.id for entry in page]
        span = Span(0, page[-1].at, page[-1].id)
    assert seen == [5, 3, 1, 4, 2]
    at_once = await store.read(lambda tx: tx.journal.page_of(7, FOREVER, 10))
    assert [entry.id for entry in at_once] == seen


async def test_a_line_is_read_as_it_was_written(store: Store) -> None:
    assert await store.read(lambda tx: tx.journal.newest()) == 0
    await write(
        store,
        AuditEvent(Event.refresh_reuse, NOW, 3, 7, 9, "iOS", "2001:db8::1", "小登"),
        AuditEvent(Event.alert, NOW),
    )
    first = Entry(1, "refresh_reuse", NOW, 3, 7, 9, "iOS", "2001:db8::1", "小登")
    second = Entry(2, "alert", NOW, 0, None, None, "", "", "")
    assert await store.read(lambda tx: tx.journal.after(0, 10)) == [first, second]
    assert await store.read(lambda tx: tx.journal.after(0, 1)) == [first]
    assert await store.read(lambda tx: tx.journal.after(1, 10)) == [second]
    assert await store.read(lambda tx: tx.journal.newest()) == 2


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
async def test_a_page_of_a_long_trail_is_found_by_an_index(
    ground_of: Callable[[str], Ground], kind: str
) -> None:
    ground = ground_of(kind)
    ground.open()
    _fill(ground)
    ground.sql("ANALYZE TABLE audit_event" if kind == "mysql" else "ANALYZE")
    for span in ({"p_before": 2**62, "p_before_id": 0}, {"p_before": 9000, "p_before_id": 9000}):
        of_all = plan(ground, kind, "audit_page", p_since=8000, p_limit=1000, **span)
        assert "ix_audit_event_at" in of_all
        of_member = plan(
            ground, kind, "audit_page_of", p_since=0, p_limit=1000, p_member_id=7, **span
        )
        assert "ix_audit_event_member_id" in of_member
        after = plan(ground, kind, "audit_after", p_after=_ROWS - 1000, p_limit=1000)
        assert re.search("pk_audit_event|PRIMARY", after)
        for told in (of_all, of_member, after):
            assert not re.search(r"Seq Scan|SCAN audit_event|'ALL'|index_merge", told)
    await ground.close()


def _fill(ground: Ground) -> None:
    for first in range(1, _ROWS, 2000):
        values = ",".join(f"('login', {n}, {n % 999})" for n in range(first, first + 2000))
        ground.sql(f"INSERT INTO audit_event (event, at, member_id) VALUES {values}")
