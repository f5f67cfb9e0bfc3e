"""A lane: a bounded queue in front of a few niced threads, for work that takes a core.

It owns how many jobs may wait, for how long, at which priority they run, and that a thread
without work gives its memory back. It knows nothing of passwords, and runs nothing on the
event loop.
"""

import asyncio
import contextlib
import math
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from denglu.domain.errors import Reason, Refusal
from denglu.memory import give_back_end

T = TypeVar("T")
# Seconds. After less of a pause new pages for each hash would cost logins; more is waste.
_IDLE = 1.0
_Waiting = tuple[Future[Any], Callable[[], Any]]


class Lane:
    """Runs jobs on ``workers`` threads; at most ``queue`` more may wait for one.

    A job that has not started ``deadline`` seconds after it was handed in, or whose caller
    was cancelled before that, is never run. ``niceness`` is added to the process's own.
    """

    def __init__(
        self, name: str, *, workers: int, queue: int, deadline: float, niceness: int
    ) -> None:
        self._name = name
        self._workers = workers
        self._deadline = deadline
        self._niceness = niceness
        self._jobs: SimpleQueue[_Waiting | None] = SimpleQueue()
        # What follows is read and changed behind the door. A seat is taken on the event loop
        # and left by whoever ends the job.
        self._door = threading.Lock()
        self._seats = workers + queue
        self._taken = 0
        self._threads: list[threading.Thread] = []
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, or raise what it raises.

        Raises ``Refusal(Reason.busy)`` when the queue is full, when the deadline passed before
        the job started, and after ``close``.
        """
        job = self._submit(work)
        answer = asyncio.wrap_future(job)
        try:
            await asyncio.wait([answer], timeout=self._deadline)
        except asyncio.CancelledError:
            job.cancel()
            raise
        # Only a job that has not started can be cancelled; one that runs is waited for.
        if job.cancel():
            raise self._busy()
        return await answer

    def close(self) -> None:
        """Refuse what waits, and return when what runs has ended."""
        with self._door:
            self._closed = True
        with contextlib.suppress(Empty):
            while True:
                if waiting := self._jobs.get_nowait():
                    waiting[0].cancel()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        job: Future[T] = Future()
        with self._door:
            if self._closed or self._taken == self._seats:
                raise self._busy()
            self._taken += 1
            self._jobs.put((job, work))
            if len(self._threads) < min(self._taken, self._workers):
                self._hire()
        job.add_done_callback(self._leave)
        return job

    def _leave(self, _: object) -> None:
        with self._door:
            self._taken -= 1

    def _hire(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        # Where the system gives no thread, those that are there do the work, or nobody in time.
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._threads.append(thread)

    def _busy(self) -> Refusal:
        return Refusal(Reason.busy, retry_after=math.ceil(self._deadline))

    # What follows runs on the threads.

    def _serve(self) -> None:
        lower_priority(self._niceness)
        while self._serve_one():
            pass

    def _serve_one(self) -> bool:
        """False when the lane is closed. Nothing of the job is held afterwards."""
        waiting = self._next()
        if waiting is None:
            return False
        job, work = waiting
        if job.set_running_or_notify_cancel():
            try:
                job.set_result(work())
            except BaseException as error:
                job.set_exception(error)
        return True

    def _next(self) -> _Waiting | None:
        """What is to be done next. A thread that has had nothing to do for a while gives its
        memory back, once.
        """
        with contextlib.suppress(Empty):
            return self._jobs.get(timeout=_IDLE)
        give_back_end()
        return self._jobs.get()


def lower_priority(niceness: int) -> None:
    """Lower the priority of the calling thread by ``niceness``, where threads have one.

    That is Linux; elsewhere the call would mean the whole process. A sandbox that forbids it
    costs smoothness under load, not correctness.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            wanted = min(19, os.getpriority(os.PRIO_PROCESS, thread) + niceness)
            os.setpriority(os.PRIO_PROCESS, thread, wanted)
