"""Libraries that block: called on a few threads of their own, behind a short queue.

Who waits for a call learns which of two things happened when no result came: it surely never
began, or it began and may have had its effect.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

THREADS = 4
QUEUE = 16


class NotStarted(Exception):
    """The call surely never began: the queue was full, its turn did not come, or all is closed."""


class Threads:
    """A few threads for one library. Belongs to the loop that calls; ``close`` it there."""

    def __init__(self, name: str, *, threads: int = THREADS, queue: int = QUEUE) -> None:
        self._seats = threading.BoundedSemaphore(threads + queue)
        self._pool = ThreadPoolExecutor(threads, name)

    async def call(
        self,
        function: Callable[[*Ts], T],
        *given: *Ts,
        seconds: float,
        patience: float | None = None,
    ) -> T:
        """What the function returns or raises, within ``seconds`` in all.

        ``patience``: how many of them it may wait for its turn; all, unless told. Raises
        NotStarted, and TimeoutError for a call that is still under way. Who is cancelled leaves
        the queue; what had begun goes on, and its result is lost.
        """
        patience = seconds if patience is None else min(patience, seconds)
        job = self._submit(function, *given)
        answer = asyncio.wrap_future(job)
        try:
            await asyncio.wait([answer], timeout=patience)
            if not answer.done():
                # Cancelling succeeds only where no thread has taken it up.
                if job.cancel():
                    raise NotStarted("no turn in time")
                await asyncio.wait([answer], timeout=seconds - patience)
            if not answer.done():
                raise TimeoutError("no answer in time")
            if answer.cancelled():
                raise NotStarted("closed")
            return answer.result()
        finally:
            answer.cancel()

    def close(self) -> None:
        """Begin nothing any more; what is under way ends by its own deadline."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, function: Callable[[*Ts], T], *given: *Ts) -> Future[T]:
        if not self._seats.acquire(blocking=False):
            raise NotStarted("too many are waiting")
        try:
            job = self._pool.submit(function, *given)
        except RuntimeError:
            self._seats.release()
            raise NotStarted("closed") from None
        job.add_done_callback(lambda _: self._seats.release())
        return job
