"""What happens here while an import runs: people join, and operators add users."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from denglu.domain.member import NewMember
from denglu.flows.merchants import AdministerMerchants
from denglu.flows.ports import Taken
from denglu.importing.bringing import Item
from denglu.importing.members import MemberStep
from denglu.importing.target import Mark
from tests.flows.world import CheapPasswords, FakeClock
from tests.importing.rageframe import Rageframe
from tests.importing.small import NOW, bring, person
from tests.moving.places import Place
from tests.store.making import add_member

ROUNDS = 8


def test_who_joins_while_it_runs_keeps_the_name(source: Rageframe, place: Place) -> None:
    source.fill("member", [person(1)])
    bring(source, place)
    source.sql("UPDATE rf_member SET mobile = '13000000009'")

    def joining(thing: str, done: int, total: int) -> None:
        if (thing, done) == ("member", 0):
            other.submit(join, place, "13000000009").result()

    with ThreadPoolExecutor(1) as other:
        came = bring(source, place, bringing=joining)
    ((joined,),) = place.sql("SELECT id FROM member WHERE source = 'here'")
    assert came.found("mobile_taken") == [{"table": "member", "id": 1, "kept_by": joined}]
    asked = "SELECT mobile_key, username_key FROM member ORDER BY id"
    assert place.sql(asked) == [(None, "u1"), ("13000000009", None)]


def join(place: Place, mobile: str) -> None:
    """A member registers here."""

    async def work() -> None:
        store = place.store()
        await add_member(store, NewMember(mobile=mobile, source="here"))
        await store.close()

    asyncio.run(work())


def user(number: int) -> dict[str, object]:
    """A user in the source, with room below the id: SQLite gives the next one here."""
    return person(number * 100, type=3, merchant_id=3, username=f"u{number}", mobile="")


def add_user(place: Place, username: str, ready: Callable[[], object] = lambda: None) -> bool:
    """``denglu merchant user-add`` at another merchant; False where the name is taken."""

    async def work() -> bool:
        store = place.store()
        desk = AdministerMerchants(store, FakeClock(NOW), CheapPasswords())
        try:
            merchant = await desk.find("四店")
            assert merchant is not None
            ready()
            await desk.add_user(
                merchant, username=username, mobile="", nickname="", password="moonlit-harbour-17"
            )
        except Taken:
            return False
        finally:
            await store.close()
        return True

    return asyncio.run(work())


def after_the_look(monkeypatch: pytest.MonkeyPatch, meet: Callable[[], object]) -> None:
    """Do something when an import has looked who has the names, and before it writes."""
    look = MemberStep.sift

    async def sift(self: MemberStep, items: list[Item], marks: dict[int, Mark]) -> list[Item]:
        found = await look(self, items, marks)
        meet()
        return found

    monkeypatch.setattr(MemberStep, "sift", sift)


def two_merchants(source: Rageframe, place: Place) -> None:
    """In the source and here."""
    source.fill(
        "merchant", [{"id": n, "title": f"{n_}店", "status": 1} for n, n_ in ((3, "三"), (4, "四"))]
    )
    source.fill("member", [user(1)])
    bring(source, place)


def test_a_user_who_is_added_before_it_writes_keeps_the_name(
    source: Rageframe, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_merchants(source, place)
    source.fill("member", [user(2)])
    with ThreadPoolExecutor(1) as other:
        after_the_look(monkeypatch, lambda: other.submit(add_user, place, "u2").result())
        came = bring(source, place)
    (added,) = place.sql("SELECT id FROM member WHERE merchant_id = 4")
    assert came.found("username_taken") == [{"table": "member", "id": 200, "kept_by": added[0]}]
    assert place.sql("SELECT id FROM member WHERE username_key = 'u2'") == [added]


def test_a_user_who_is_added_while_it_writes_has_a_name_of_ones_own(
    source: Rageframe, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_merchants(source, place)
    barrier = threading.Barrier(2)
    after_the_look(monkeypatch, barrier.wait)
    for number in range(2, 2 + ROUNDS):
        source.fill("member", [user(number)])
        name = f"u{number}"
        with ThreadPoolExecutor(1) as other:
            added = other.submit(add_user, place, name, barrier.wait)
            came = bring(source, place)
            lost = {finding["id"] for finding in came.found("username_taken")}
            assert added.result() is (user(number)["id"] in lost)
        assert place.sql(f"SELECT count(*) FROM member WHERE username_key = '{name}'") == [(1,)]
