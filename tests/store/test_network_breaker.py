"""The breaker: nobody is sent to a database that does not answer."""

import asyncio
import logging

import pytest

from denglu.domain.errors import Refusal
from denglu.store.network import breaker as module
from denglu.store.network.breaker import Breaker
from denglu.store.network.link import Crowded, Unreachable


class Database:
    """Answers each probe with what the test puts on the list; hangs where there is nothing."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[Exception | None] = asyncio.Queue()
        self.probes = 0

    async def probe(self) -> None:
        self.probes += 1
        answer = await self.answers.get()
        self.answers.task_done()
        if answer is not None:
            raise answer

    async def says(self, answer: Exception | None = None) -> None:
        """Answer the probe that is under way, or the next one."""
        self.answers.put_nowait(answer)
        await self.answers.join()


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def breaker(database: Database, monkeypatch: pytest.MonkeyPatch) -> Breaker:
    monkeypatch.setattr(module, "_PATIENCE", 0.02)
    return Breaker(database.probe, pause=0)


async def is_shut(breaker: Breaker) -> None:
    with pytest.raises(Refusal, match="busy"):
        await pass_for_ever(breaker)


async def pass_for_ever(breaker: Breaker) -> None:
    while True:
        await breaker.pass_through()
        await asyncio.sleep(0)


async def test_a_suspicion_that_a_probe_answers_keeps_nobody_out(
    database: Database, breaker: Breaker
) -> None:
    breaker.suspect("a killed backend")
    await asyncio.sleep(0)  # it is being probed
    await breaker.pass_through()
    await database.says()
    await breaker.pass_through()
    await breaker.close()
    assert database.probes == 1


async def test_a_database_that_is_gone_keeps_everybody_out_until_it_answers(
    database: Database, breaker: Breaker
) -> None:
    breaker.suspect("refused")
    await database.says(Unreachable("refused"))
    waiting = asyncio.ensure_future(breaker.pass_through())
    await asyncio.sleep(0)
    assert not waiting.done()
    await database.says()
    await waiting
    await breaker.close()


async def test_F09_a_database_that_hangs_keeps_everybody_out_until_it_answers(
    database: Database, breaker: Breaker
) -> None:
    breaker.suspect("no answer")
    await is_shut(breaker)
    await database.says()
    await breaker.pass_through()
    await breaker.close()


async def test_one_probe_is_enough_for_many_suspicions(
    database: Database, breaker: Breaker
) -> None:
    for _ in range(10):
        breaker.suspect("no answer")
    await database.says()
    assert database.probes == 1
    await breaker.close()


async def test_a_later_suspicion_is_looked_into_again(database: Database, breaker: Breaker) -> None:
    for _ in range(2):
        breaker.suspect("a killed backend")
        await database.says()
    assert database.probes == 2
    await breaker.close()


async def test_a_full_database_is_no_absent_one(database: Database, breaker: Breaker) -> None:
    breaker.suspect("a killed backend")
    await is_shut(breaker)
    await database.says(Crowded("too many connections"))
    await breaker.pass_through()
    await breaker.close()
    assert database.probes == 1


async def test_a_fault_of_the_probe_itself_keeps_nobody_out(
    database: Database, breaker: Breaker, caplog: pytest.LogCaptureFixture
) -> None:
    breaker.suspect("refused")
    await database.says(Unreachable("refused"))
    await is_shut(breaker)
    await database.says(LookupError("a bug"))
    await breaker.pass_through()
    await breaker.close()
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


async def test_after_closing_nothing_is_probed(database: Database, breaker: Breaker) -> None:
    breaker.suspect("no answer")
    await asyncio.sleep(0)
    await breaker.close()
    breaker.suspect("closed connections")
    await asyncio.sleep(0)
    assert database.probes == 1
    assert len(asyncio.all_tasks()) == 1
