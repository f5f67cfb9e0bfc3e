"""A lane bounds who waits, for how long, and keeps its promises to those who gave up."""

import asyncio
import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from queue import Empty

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.security import lanes as module
from denglu.security.lanes import Lane


class Gate:
    """A job that says when it has started, and ends when the test says so."""

    def __init__(self) -> None:
        self.runs = 0
        self._started = threading.Semaphore(0)
        self._open = threading.Event()

    def __call__(self) -> int:
        self.runs += 1
        self._started.release()
        assert self._open.wait(10)
        return threading.get_ident()

    async def started(self, jobs: int = 1) -> None:
        for _ in range(jobs):
            assert await asyncio.to_thread(self._started.acquire, timeout=10)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def lanes() -> Iterator[list[Lane]]:
    made: list[Lane] = []
    yield made
    for lane in made:
        lane.close()


@pytest.fixture
def make(lanes: list[Lane], gate: Gate) -> "Make":
    # The gate is asked for first, so that it opens before the lane waits for its threads.
    return Make(lanes)


class Make:
    def __init__(self, lanes: list[Lane]) -> None:
        self._lanes = lanes

    def __call__(
        self, *, workers: int = 1, queue: int = 4, deadline: float = 10, niceness: int = 5
    ) -> Lane:
        lane = Lane("test", workers=workers, queue=queue, deadline=deadline, niceness=niceness)
        self._lanes.append(lane)
        return lane


async def hand_in(lane: Lane, gate: Gate, jobs: int = 1) -> list[asyncio.Task[int]]:
    """Callers that have handed in their job when this returns."""
    tasks = [asyncio.create_task(lane.run(gate)) for _ in range(jobs)]
    await asyncio.sleep(0)
    return tasks


async def assert_busy(answer: "asyncio.Task[int]") -> None:
    with pytest.raises(Refusal) as refused:
        await answer
    assert refused.value.reason is Reason.busy
    assert isinstance(refused.value.retry_after, int)
    assert refused.value.retry_after >= 1


async def test_the_caller_after_a_full_queue_is_told_to_come_back(make: Make, gate: Gate) -> None:
    lane = make(workers=2, queue=3)
    accepted = await hand_in(lane, gate, 5)
    await gate.started(2)

    (refused,) = await hand_in(lane, gate)

    await assert_busy(refused)
    gate.open()
    assert len(await asyncio.gather(*accepted)) == 5
    assert gate.runs == 5


async def test_a_lane_that_was_full_takes_callers_again(make: Make, gate: Gate) -> None:
    lane = make(queue=1)
    accepted = await hand_in(lane, gate, 2)
    await assert_busy((await hand_in(lane, gate))[0])
    gate.open()
    await asyncio.gather(*accepted)

    for _ in range(5):
        await asyncio.gather(*await hand_in(lane, gate, 2))


async def test_who_waits_past_the_deadline_is_refused_and_never_run(make: Make, gate: Gate) -> None:
    lane = make(deadline=0.01)
    running, late = await hand_in(lane, gate, 2)
    await gate.started()

    await assert_busy(late)

    assert not running.done()
    gate.open()
    await running
    await lane.run(threading.get_ident)  # the thread has now passed the late one
    assert gate.runs == 1


async def test_a_job_that_has_started_is_waited_for_past_the_deadline(
    make: Make, gate: Gate
) -> None:
    lane = make(deadline=0.01)
    (running,) = await hand_in(lane, gate)
    await gate.started()
    await asyncio.wait([running], timeout=0.05)

    gate.open()

    assert await running != threading.get_ident()


async def test_who_gives_up_while_waiting_is_never_run_and_leaves_the_seat(
    make: Make, gate: Gate
) -> None:
    lane = make(queue=1)
    running, waiting = await hand_in(lane, gate, 2)
    await gate.started()

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    (next_in_line,) = await hand_in(lane, gate)
    gate.open()
    await asyncio.gather(running, next_in_line)
    assert gate.runs == 2


async def test_who_gives_up_while_running_keeps_the_seat_until_the_job_ends(
    make: Make, gate: Gate
) -> None:
    lane = make(queue=1)
    (running,) = await hand_in(lane, gate)
    await gate.started()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    waiting, refused = await hand_in(lane, gate, 2)

    await assert_busy(refused)
    gate.open()
    await waiting


async def test_what_a_job_raises_comes_out(make: Make) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await make().run(fail)


async def test_who_waits_at_a_shutdown_is_refused_and_who_runs_is_answered(
    make: Make, gate: Gate
) -> None:
    lane = make()
    running, waiting = await hand_in(lane, gate, 2)
    await gate.started()

    closing = asyncio.create_task(asyncio.to_thread(lane.close))
    await assert_busy(waiting)
    gate.open()

    assert await running
    await closing
    await assert_busy((await hand_in(lane, gate))[0])


class Rest:
    """Stands in for ``give_back_end``: how many jobs had begun each time. No pause is too short."""

    def __init__(self, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[int] = []
        self._gate = gate
        self._now = threading.Semaphore(0)
        monkeypatch.setattr(module, "_IDLE", 0)
        monkeypatch.setattr(module, "give_back_end", self)

    def __call__(self) -> None:
        self.taken.append(self._gate.runs)
        self._now.release()

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._now.acquire, timeout=10)


@pytest.fixture
def rest(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Rest:
    return Rest(gate, monkeypatch)


async def test_memory_is_given_back_when_nothing_runs_or_waits_any_more(
    make: Make, gate: Gate, rest: Rest
) -> None:
    lane = make(queue=3)
    jobs = await hand_in(lane, gate, 4)
    await gate.started()
    gate.open()
    await asyncio.gather(*jobs)
    await rest.begun()
    assert rest.taken == [4]

    await lane.run(gate)
    await rest.begun()
    assert rest.taken == [4, 5]


async def test_memory_is_given_back_once_a_second_without_work_is_over(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []

    class Nothing:
        def get(self, timeout: float | None = None) -> None:
            done.append(timeout)
            if timeout is not None:
                raise Empty

    lane = make()
    monkeypatch.setattr(module, "give_back_end", lambda: done.append("given back"))
    monkeypatch.setattr(lane, "_jobs", Nothing())
    assert lane._next() is None
    assert done == [1.0, "given back", None]


async def test_a_lane_that_closes_has_no_time_to_give_memory_back(
    make: Make, gate: Gate, rest: Rest
) -> None:
    lane = make()
    running, waiting = await hand_in(lane, gate, 2)
    await gate.started()
    closing = asyncio.create_task(asyncio.to_thread(lane.close))
    await assert_busy(waiting)
    await asyncio.to_thread(told_to_end, lane)
    gate.open()
    await asyncio.gather(running, closing)

    await assert_busy((await hand_in(lane, gate))[0])
    assert not rest.taken
    assert not any(thread.is_alive() for thread in lane._threads)


def told_to_end(lane: Lane) -> None:
    while lane._jobs.empty():
        time.sleep(0.001)


async def test_nothing_is_done_after_an_idle_lane_has_closed(
    make: Make, gate: Gate, rest: Rest
) -> None:
    lane = make()
    gate.open()
    await lane.run(gate)
    await rest.begun()
    lane.close()
    lane.close()
    assert rest.taken == [1]
    assert not any(thread.is_alive() for thread in lane._threads)


async def test_callers_in_turn_need_one_thread_and_callers_at_once_all(
    make: Make, gate: Gate
) -> None:
    lane = make(workers=3)
    assert len({await lane.run(threading.get_ident) for _ in range(20)}) == 1
    together = await hand_in(lane, gate, 4)
    await gate.started(3)
    assert gate.runs == 3
    gate.open()
    assert len(set(await asyncio.gather(*together))) == 3


async def test_a_lane_that_gets_no_thread_refuses_in_time(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    lane = make(deadline=0.01)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        with pytest.raises(Refusal):
            await lane.run(threading.get_ident)
    assert await make().run(threading.get_ident)
    assert await lane.run(threading.get_ident)


async def test_an_idle_thread_holds_nothing_of_the_job_it_did(make: Make, rest: Rest) -> None:
    class Password:
        def hashed(self) -> int:
            return 7

    async def done(lane: Lane) -> "weakref.ref[Password]":
        password = Password()
        assert await lane.run(password.hashed) == 7
        return weakref.ref(password)

    gc.disable()
    try:
        gone = await done(make())
        await rest.begun()
        assert gone() is None
    finally:
        gc.enable()


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


OWN = priority()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
async def test_the_threads_of_a_lane_yield_to_the_event_loop(make: Make) -> None:
    assert await make(niceness=5).run(priority) == min(19, OWN + 5)
    assert await make(niceness=40).run(priority) == 19
    assert priority() == OWN


async def test_a_sandbox_that_forbids_priorities_does_not_stop_a_lane(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", forbid)

    assert await make().run(lambda: 7) == 7
