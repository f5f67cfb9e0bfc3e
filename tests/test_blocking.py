"""Calls that block: what a caller learns, and what becomes of the call."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from denglu.blocking import NotStarted, Threads

# Far beyond what a test needs in which an answer comes.
PATIENT = 30.0


class Gate:
    """A call that returns when it is told to. ``began``: which calls did."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.began: list[int] = []
        self.inside = threading.Semaphore(0)

    def call(self, number: int) -> int:
        self.began.append(number)
        self.inside.release()
        self.open.wait(PATIENT)
        return number


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads("test", threads=2, queue=3)
    yield threads
    threads.close()


async def _outcome(threads: Threads, gate: Gate, number: int, **times: float) -> str:
    try:
        return str(await threads.call(gate.call, number, **({"seconds": PATIENT} | times)))
    except (NotStarted, TimeoutError) as error:
        return type(error).__name__


async def test_what_the_function_returns_or_raises_comes_out(threads: Threads) -> None:
    assert await threads.call(int, "12", seconds=PATIENT) == 12
    with pytest.raises(ValueError, match="invalid literal"):
        await threads.call(int, "twelve", seconds=PATIENT)


async def test_who_is_one_too_many_surely_did_not_begin(threads: Threads, gate: Gate) -> None:
    crowd = [asyncio.create_task(_outcome(threads, gate, n)) for n in range(7)]
    done, _ = await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
    assert {task.result() for task in done} == {"NotStarted"}
    gate.open.set()
    outcomes = await asyncio.gather(*crowd)
    assert outcomes.count("NotStarted") == 2
    # Those who were let in all had their turn, and nobody else.
    assert sorted(map(str, gate.began)) == sorted(set(outcomes) - {"NotStarted"})
    assert await _outcome(threads, gate, 8) == "8"  # and the places are free again


async def test_who_waited_in_vain_surely_did_not_begin_and_who_began_may_have_had_effect(
    threads: Threads, gate: Gate
) -> None:
    crowd = [_outcome(threads, gate, n, seconds=0.3) for n in range(5)]
    outcomes = await asyncio.gather(*crowd)
    assert sorted(outcomes) == ["NotStarted"] * 3 + ["TimeoutError"] * 2
    gate.open.set()
    assert await _outcome(threads, gate, 9) == "9"
    assert len(gate.began) == 2 + 1  # those who left the queue never begin


async def test_patience_is_shorter_than_the_call_may_take(threads: Threads, gate: Gate) -> None:
    running = [asyncio.create_task(_outcome(threads, gate, n)) for n in range(2)]
    for _ in running:
        await asyncio.to_thread(gate.inside.acquire)
    assert await _outcome(threads, gate, 3, patience=0.05) == "NotStarted"
    gate.open.set()
    assert await asyncio.gather(*running) == ["0", "1"]
    # Patience is for the turn: whoever had it may take longer.
    gate.open.clear()
    late = asyncio.create_task(_outcome(threads, gate, 4, patience=0.05))
    await asyncio.to_thread(gate.inside.acquire)
    await asyncio.sleep(0.1)  # longer than its patience
    assert not late.done()
    gate.open.set()
    assert await late == "4"


async def test_who_is_cancelled_leaves_the_queue(threads: Threads, gate: Gate) -> None:
    crowd = [asyncio.create_task(_outcome(threads, gate, n)) for n in range(5)]
    for _ in range(2):
        await asyncio.to_thread(gate.inside.acquire)
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    again = [asyncio.create_task(_outcome(threads, gate, n)) for n in range(10, 13)]
    await asyncio.sleep(0)
    gate.open.set()
    assert await asyncio.gather(*again) == ["10", "11", "12"]
    assert sorted(gate.began) == [0, 1, 10, 11, 12]


async def test_after_the_end_nothing_begins_and_nobody_waits_on(
    threads: Threads, gate: Gate
) -> None:
    crowd = [asyncio.create_task(_outcome(threads, gate, n)) for n in range(4)]
    for _ in range(2):
        await asyncio.to_thread(gate.inside.acquire)
    threads.close()
    assert await _outcome(threads, gate, 5) == "NotStarted"
    gate.open.set()
    assert sorted(await asyncio.gather(*crowd)) == ["0", "1", "NotStarted", "NotStarted"]
    assert sorted(gate.began) == [0, 1]
