"""Who came with an import and is deleted at the source by now is erased here as well."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Table

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.mobile import mask_mobile
from denglu.flows.erasing import Erase
from denglu.flows.ports import Store, Transaction
from denglu.importing.target import Mark, Target
from denglu.store.schema import (
    account,
    audit,
    cancellation,
    member,
    member_auth,
    session,
    sms_code,
    sms_message,
)
from tests.flows.world import FakeClock
from tests.importing.rageframe import Rageframe
from tests.importing.small import NOW, books, bound, bring, pass_, person
from tests.moving.places import Place
from tests.store.making import new_code, new_message

STAYS, THERE, HERE = 1, 2, 3
PEOPLE = (STAYS, THERE, HERE)
MEMBERS: dict[str, object] = {}
USERS: dict[str, object] = {"type": 3, "merchant_id": 3}
ADDRESS = "192.0.2.1"
# What tells people apart, and what is in the books of all of them.
_NAMES = {"id", "member_id", "session_id", "digest", "nonce", "number_key", "provider_id"}


def on(place: Place, work: Callable[[Store], Awaitable[object]]) -> None:
    """Do something with a store."""

    async def whole() -> None:
        store = place.store()
        await work(store)
        await store.close()

    asyncio.run(whole())


def fill(source: Rageframe, place: Place, kind: dict[str, object]) -> None:
    """People who were brought, and left traces here since."""
    source.fill("merchant", [{"id": 3, "title": "三店", "status": 1}])
    source.fill("member", [person(n, **kind) for n in PEOPLE])
    source.fill("member_account", [books(n, n, "12.50") for n in PEOPLE])
    source.fill("member_auth", [bound(n, n) for n in PEOPLE])
    source.fill("api_access_token", [pass_(n, n) for n in PEOPLE])
    bring(source, place)
    place.sql(f"UPDATE session SET device = 'phone', ip = '{ADDRESS}'")
    on(place, lambda store: store.write(lambda tx: leave_traces(tx, is_user=bool(kind))))


async def leave_traces(tx: Transaction, *, is_user: bool) -> None:
    """Codes, messages, and lines of the trail that name numbers."""
    for number in PEOPLE:
        masked = mask_mobile(f"13{number:09d}") + (" merchant" if is_user else "")
        key = b"%032d" % number
        await tx.codes.issue(replace(new_code(number=key, now=NOW), masked=masked))
        await tx.messages.add(new_message(number=key, masked=masked, now=NOW))
        for event, note in ((Event.login, ""), (Event.sms_code_sent, f"login {masked}")):
            await tx.trail.write(AuditEvent(event, NOW, member_id=number, ip=ADDRESS, note=note))


def rows(place: Place, table: Table) -> list[dict[str, Any]]:
    """In the order in which they were made."""
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in place.rows(table)]


def left_of(place: Place, number: int) -> dict[str, list[dict[str, Any]]]:
    """Everything that there is of one of them."""
    found = {
        table.name: [row for row in rows(place, table) if row["member_id"] == number]
        for table in (account, member_auth, session, audit, cancellation)
    }
    found["member"] = [row for row in rows(place, member) if row["id"] == number]
    for table in (sms_code, sms_message):
        found[table.name] = [rows(place, table)[PEOPLE.index(number)]]
    return {
        name: [{k: v for k, v in row.items() if k not in _NAMES} for row in of_table]
        for name, of_table in found.items()
    }


@pytest.mark.parametrize("kind", [MEMBERS, USERS], ids=["members", "users"])
def test_as_little_is_left_as_of_whom_an_operator_deletes(
    source: Rageframe, place: Place, kind: dict[str, object]
) -> None:
    fill(source, place, kind)
    before = left_of(place, STAYS)
    source.sql(f"UPDATE rf_member SET status = -1 WHERE id = {THERE}")
    on(place, lambda store: Erase(store, FakeClock(NOW))(HERE, note="import"))
    came = bring(source, place)
    assert came.counts("member") == (0, 1, 2)
    assert left_of(place, THERE) == left_of(place, HERE)
    assert left_of(place, STAYS) == before
    (line,) = [row for row in rows(place, audit) if row["event"] == Event.member_deleted][1:]
    assert (line["member_id"], line["note"], line["at"]) == (THERE, "import", NOW)
    assert [row["user_money"] for row in rows(place, account)] == [1250, 1250, 1250]
    again = bring(source, place)
    assert again.counts("member") == (0, 0, 3)
    assert left_of(place, THERE) == left_of(place, HERE)


def test_a_dry_run_erases_nobody(source: Rageframe, place: Place) -> None:
    fill(source, place, MEMBERS)
    source.sql("UPDATE rf_member SET status = -1")
    before = place.everything()
    bring(source, place, dry=True)
    assert place.everything() == before


def test_an_import_that_ended_behind_an_erasure_goes_on(
    source: Rageframe, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, place, MEMBERS)
    source.sql("UPDATE rf_member SET status = -1")

    async def fail(self: Target, kind: str, marks: list[Mark], known: object) -> None:
        if kind == "member":
            raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(Target, "note", fail)
        with pytest.raises(RuntimeError, match="killed"):
            bring(source, place)
    bring(source, place)
    erased = [row["member_id"] for row in rows(place, audit) if row["event"] == "member_deleted"]
    assert erased == [*PEOPLE]
    again = bring(source, place)
    assert (again.counts("member"), again.found("erased_here")) == ((0, 0, 3), [])
