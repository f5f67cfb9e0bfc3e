"""PostgreSQL and MariaDB in trouble: gone, hung, full, slow, or with a line that breaks."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Member, NewMember
from denglu.domain.session import EndReason
from denglu.flows.ports import TokenDigests, Transaction
from denglu.store.connection import Duplicate
from denglu.store.network import pool
from denglu.store.network.link import Times
from denglu.store.network.store import NetworkStore
from tests.store.line import line_to
from tests.store.making import (
    NOW,
    access,
    add_member,
    member_of,
    new_session,
    open_session,
    refresh,
)
from tests.store.sites import Site, site

__all__ = ["site"]

TOKEN = b"t" * 32

WIDEN = {
    "postgresql": "ALTER TABLE member ALTER COLUMN nickname TYPE varchar({})",
    "mysql": "ALTER TABLE member MODIFY nickname varchar({}) NOT NULL DEFAULT ''",
}
# A server that does not answer is given up soon.
SHORT = Times(connect=1, statement=1.5, pool=30)


async def add(tx: Transaction) -> int:
    return await tx.members.add(NewMember(), NOW)


async def refused(deed: Awaitable[Any]) -> bool:
    """Whether it is told ``busy``. Whatever else goes wrong is raised."""
    try:
        await deed
    except Refusal as refusal:
        return refusal.reason is Reason.busy
    return False


async def answering(store: NetworkStore) -> None:
    """Until it does; a call that finds it shut waits for it by itself."""
    async with asyncio.timeout(60):
        while not await store.ready():
            pass


async def many(store: NetworkStore, count: int = 20) -> None:
    """That many members at once, on every link of the pool; none is refused."""
    await asyncio.gather(*(store.write(add) for _ in range(count)))


async def shut(site: Site, store: NetworkStore) -> None:
    """Until the database is not asked any more."""
    asked = 0
    async with asyncio.timeout(60):
        while asked != site.driver.links:
            asked = site.driver.links
            assert await refused(store.write(add))


def members(site: Site) -> int:
    return int(site.sql("SELECT count(*) FROM member")[0][0])


async def test_F08_after_an_outage_nobody_meets_a_stale_connection(site: Site) -> None:
    async with site.store(times=SHORT) as store:
        await many(store)
        await asyncio.to_thread(site.server.stop)
        assert await refused(store.write(add))
        assert await refused(store.find_token(TOKEN))
        assert not await store.ready()
        await asyncio.to_thread(site.server.start)
        await answering(store)
        await many(store)
    assert members(site) == 40


async def test_F08_a_restart_while_nobody_asks_is_not_noticed(site: Site) -> None:
    async with site.store() as store:
        await many(store)
        site.server.restart()  # the loop stands still: it learns of nothing
        await store.write(add)
        await asyncio.to_thread(site.server.restart)
        await many(store)
        await asyncio.to_thread(site.server.restart)
        assert await store.find_token(TOKEN) is None
    assert members(site) == 41


async def test_F09_while_the_database_hangs_calls_fail_in_time_and_then_at_once(
    site: Site,
) -> None:
    async with site.store(times=SHORT) as store:
        await many(store)
        with site.server.paused():
            first = [store.write(add), store.read(lambda tx: tx.members.get(1))]
            assert await asyncio.gather(*map(refused, [*first, store.find_token(TOKEN)]))
            await shut(site, store)
            asked = site.driver.links
            assert all(await asyncio.gather(*(refused(store.write(add)) for _ in range(20))))
            assert not await store.ready()
            assert site.driver.links == asked
        await answering(store)
        await many(store)
    assert members(site) == 40


async def test_a_connection_killed_in_the_middle_costs_its_transaction_only(site: Site) -> None:
    async with site.store() as store:

        async def killed(tx: Transaction) -> None:
            await add(tx)
            await asyncio.to_thread(site.kill_connections)
            await add(tx)

        assert await refused(store.write(killed))
        await many(store)
    assert members(site) == 20


async def test_connections_killed_while_nobody_asks_are_not_noticed(site: Site) -> None:
    async with site.store() as store:
        await many(store)
        site.kill_connections()  # the loop stands still: it learns of nothing
        assert await store.find_token(TOKEN) is None
        await asyncio.to_thread(site.kill_connections)
        await many(store)
        assert site.driver.probes == 0


async def test_who_finds_every_connection_in_use_is_refused_and_the_database_is_not_blamed(
    site: Site,
) -> None:
    times = Times(connect=30, statement=30, pool=0.05)
    async with site.store(times=times, pool=1) as store:
        inside, go = asyncio.Event(), asyncio.Event()

        async def staying(tx: Transaction) -> int:
            inside.set()
            await go.wait()
            return await add(tx)

        first = asyncio.ensure_future(store.write(staying))
        await inside.wait()
        assert await refused(store.write(add))
        go.set()
        await first
        await store.write(add)
        assert site.driver.probes == 0
    assert members(site) == 2


async def test_a_server_that_takes_no_more_connections_is_not_taken_for_gone(site: Site) -> None:
    admin = site.server.admin
    if site.kind == "postgresql":
        admin("DROP ROLE IF EXISTS crowd")
        admin("CREATE ROLE crowd LOGIN CONNECTION LIMIT 2")
        admin("GRANT pg_read_all_data, pg_write_all_data TO crowd")
    else:
        admin("CREATE OR REPLACE USER crowd WITH MAX_USER_CONNECTIONS 2")
        admin("GRANT ALL ON *.* TO crowd")
    async with site.store(url=site.url.replace("denglu@", "crowd@")) as store:
        answers = await asyncio.gather(*(refused(store.write(add)) for _ in range(20)))
        assert set(answers) == {True, False}
        await store.write(add)
        assert site.driver.probes == 0


async def test_two_who_wait_for_each_other_both_get_through(site: Site) -> None:
    async with site.store() as store:
        both = [await add_member(store, NewMember(username=name)) for name in ("a", "b")]
        meeting = asyncio.Barrier(2)
        runs = 0

        async def visit(first: int, second: int) -> None:
            async def work(tx: Transaction) -> None:
                nonlocal runs
                runs += 1
                await tx.members.visit(both[first], NOW, "")
                if runs <= 2:
                    await meeting.wait()
                await tx.members.visit(both[second], NOW, "")

            await store.write(work)

        await asyncio.gather(visit(0, 1), visit(1, 0))
        assert runs >= 3
        counts = [(await member_of(store, member.id)).visit_count for member in both]
        assert counts == [2, 2]
        assert site.driver.probes == 0


async def test_who_waits_too_long_for_a_rivals_row_is_refused_and_the_database_is_not_blamed(
    site: Site,
) -> None:
    async with site.store() as patient, site.store(times=SHORT, pool=20) as store:
        member = await add_member(patient)
        inside, go = asyncio.Event(), asyncio.Event()

        async def visit(tx: Transaction) -> bool:
            return await tx.members.visit(member, NOW, "")

        async def staying(tx: Transaction) -> None:
            await visit(tx)
            inside.set()
            await go.wait()

        holder = asyncio.ensure_future(patient.write(staying))
        await inside.wait()
        assert all(await asyncio.gather(*(refused(store.write(visit)) for _ in range(10))))
        go.set()
        await holder
        assert await store.write(visit)
        assert site.driver.probes == 0
        assert (await member_of(store, member.id)).visit_count == 2


async def test_work_that_met_a_key_in_use_is_run_again(site: Site) -> None:
    async with site.store() as store:
        member = await add_member(store)
        session_id, _ = await open_session(store, new_session(member.id))
        runs = 0

        async def work(tx: Transaction) -> None:
            nonlocal runs
            runs += 1
            await add(tx)
            taken = access(session_id, 1 if runs < 3 else 2)
            await tx.sessions.add_pair(9, 9, 1, TokenDigests(taken, refresh(9)))

        await store.write(work)
        assert (runs, members(site)) == (3, 2)


async def test_a_key_that_stays_in_use_is_given_up_in_time(site: Site) -> None:
    async with site.store(times=SHORT) as store:

        async def work(tx: Transaction) -> None:
            await add(tx)
            raise Duplicate("uq_whatever")

        assert await refused(store.write(work))
        await many(store)
        assert site.driver.probes == 0
    assert members(site) == 20


async def test_a_refusal_costs_no_connection(site: Site) -> None:
    async with site.store(pool=1) as store:
        await store.write(add)
        before = site.connections()

        async def work(tx: Transaction) -> None:
            await add(tx)
            raise Refusal(Reason.bad_code)

        with pytest.raises(Refusal, match="bad_code"):
            await store.write(work)
        await store.write(add)
        assert site.connections() == before
    assert members(site) == 2


@pytest.mark.parametrize("where", ["begin", "work", "statement", "commit"])
async def test_R12_work_whose_caller_left_leaves_nothing_and_no_dirty_connection(
    site: Site, where: str
) -> None:
    async with line_to(site.server.port) as line, site.store(port=line.port, pool=1) as store:
        member = await add_member(store, NewMember(username="bob"))
        reached = asyncio.Event()

        async def work(tx: Transaction) -> None:
            await add(tx)
            reached.set()
            if where == "work":
                await asyncio.Event().wait()
            line.freeze()
            if where == "statement":
                await add(tx)

        if where == "begin":
            line.freeze()
            reached.set()
        caller = asyncio.ensure_future(store.write(work))
        await reached.wait()
        for _ in range(5):  # it waits where it should
            await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        line.cut()
        line.thaw()
        assert await store.write(lambda tx: tx.members.visit(member, NOW, ""))
        assert site.driver.probes == 0
    assert members(site) == 1


async def test_who_leaves_while_waiting_for_a_connection_takes_none_away(site: Site) -> None:
    async with site.store(pool=1) as store:
        inside, go = asyncio.Event(), asyncio.Event()

        async def staying(tx: Transaction) -> None:
            inside.set()
            await go.wait()

        holder = asyncio.ensure_future(store.write(staying))
        await inside.wait()
        waiting = [asyncio.ensure_future(store.write(add)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        go.set()
        waiting[1].cancel()
        await holder
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in done] == [asyncio.CancelledError] * 2 + [int]
        await store.write(add)
    assert members(site) == 2


async def test_R13_a_commit_whose_answer_is_lost_is_not_done_twice_nor_overlooked(
    site: Site,
) -> None:
    async with line_to(site.server.port) as line, site.store(port=line.port) as store:
        member = await add_member(store)
        session_id, _ = await open_session(store, new_session(member.id))
        assert await store.find_token(access(session_id)) is not None
        runs = 0

        async def work(tx: Transaction) -> None:
            nonlocal runs
            runs += 1
            await add(tx)
            await tx.sessions.end([session_id], EndReason.logged_out, NOW)
            line.lose_answer_to(b"COMMIT")

        assert await refused(store.write(work))
        after = await store.find_token(access(session_id))
        assert after is not None
        assert after.session.ended_at == NOW
        assert (runs, members(site)) == (1, 2)


async def test_a_line_that_is_cut_is_dialled_again(site: Site) -> None:
    async with line_to(site.server.port) as line, site.store(port=line.port) as store:
        await many(store)
        line.cut()
        await many(store)
    assert members(site) == 40


async def test_F09_a_line_that_carries_nothing_any_more_is_given_up(site: Site) -> None:
    async with (
        line_to(site.server.port) as line,
        site.store(port=line.port, times=SHORT) as store,
    ):
        await many(store)
        line.freeze()
        assert all(await asyncio.gather(*(refused(store.write(add)) for _ in range(10))))
        line.cut()
        line.thaw()
        await answering(store)
        await many(store)


async def test_one_connection_that_was_forgotten_on_the_way_is_warning_enough(site: Site) -> None:
    async with (
        line_to(site.server.port) as line,
        site.store(port=line.port, times=SHORT) as store,
    ):
        await many(store)
        line.forget()  # as a firewall does with those that were quiet
        assert await refused(store.write(add))
        await many(store)
        line.cut()


@pytest.mark.parametrize("width", [61, 60])
async def test_F13_a_table_that_changes_under_a_running_store_is_not_noticed(
    site: Site, width: int
) -> None:
    async with site.store() as store:
        member = await add_member(store, NewMember(username="bob", nickname="Bob"))

        async def look(tx: Transaction) -> Member | None:
            assert await tx.members.visit(member, NOW, "")
            return await tx.members.get(member.id)

        await asyncio.gather(*(store.write(look) for _ in range(10)))
        site.sql(WIDEN[site.kind].format(width))
        seen = await asyncio.gather(*(store.write(look) for _ in range(10)))
        assert {one.nickname for one in seen if one} == {"Bob"}
        assert (await member_of(store, member.id)).visit_count == 20
        assert site.driver.probes == 0


async def test_closing_leaves_no_connection_and_no_task_behind(site: Site) -> None:
    async with site.store() as store:
        await many(store)
    while await asyncio.to_thread(site.connections):
        pass  # the server takes note of it in its own time
    assert len(asyncio.all_tasks()) == 1
    assert await refused(store.write(add))


async def test_closing_waits_for_who_is_at_work_and_refuses_who_waits(site: Site) -> None:
    async with site.store(pool=1) as store:
        inside, go = asyncio.Event(), asyncio.Event()

        async def staying(tx: Transaction) -> int:
            inside.set()
            await go.wait()
            return await add(tx)

        holder = asyncio.ensure_future(store.write(staying))
        await inside.wait()
        waiting = asyncio.ensure_future(refused(store.write(add)))
        asking = asyncio.ensure_future(refused(store.find_token(TOKEN)))
        closing = asyncio.ensure_future(store.close())
        for _ in range(5):
            await asyncio.sleep(0)
        go.set()
        await asyncio.gather(holder, closing)
        assert await waiting
        assert await asking
    assert members(site) == 1
    assert len(asyncio.all_tasks()) == 1


async def test_closing_does_not_wait_for_a_database_that_hangs(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_CLOSING_SECONDS", 0.1)
    async with site.store() as store:
        await many(store)
        site.server.pause()
        callers = [asyncio.ensure_future(refused(store.find_token(TOKEN))) for _ in range(2)]
        await asyncio.sleep(0)
        callers[0].cancel()
        await store.close()
        assert len(asyncio.all_tasks() - {*callers}) == 1
        assert await callers[1]
