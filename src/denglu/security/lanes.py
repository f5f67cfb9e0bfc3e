"""A lane: a bounded queue in front of a few niced threads, for work that takes a core.

It owns how many jobs may wait, for how long, and at which priority they run. It knows
nothing of passwords, and runs nothing on the event loop.
"""

import asyncio
import contextlib
import math
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from denglu.domain.errors import Reason, Refusal

T = TypeVar("T")


class Lane:
    """Runs jobs on ``workers`` threads; at most ``queue`` more may wait for one.

    A job that has not started ``deadline`` seconds after it was handed in, or whose caller
    was cancelled before that, is never run. ``niceness`` is added to the process's own.
    """

    def __init__(
        self, name: str, *, workers: int, queue: int, deadline: float, niceness: int
    ) -> None:
        self._deadline = deadline
        # Seats are taken on the event loop and given back by whoever ends the job.
        self._seats = threading.BoundedSemaphore(workers + queue)
        self._pool = ThreadPoolExecutor(
            workers, name, initializer=lower_priority, initargs=(niceness,)
        )

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
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        if not self._seats.acquire(blocking=False):
            raise self._busy()
        try:
            job = self._pool.submit(work)
        except RuntimeError:  # closed
            self._seats.release()
            raise self._busy() from None
        job.add_done_callback(lambda _: self._seats.release())
        return job

    def _busy(self) -> Refusal:
        return Refusal(Reason.busy, retry_after=math.ceil(self._deadline))


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
