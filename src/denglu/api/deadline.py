"""A deadline for reading one body: `asyncio.timeout` at a third of its cost.

Every request with a body passes here, nearly always without waiting at all.
"""

import asyncio
from types import TracebackType


class Deadline:
    """A context that raises TimeoutError when its body takes longer than `seconds`."""

    __slots__ = ("_handle", "_late", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task")
        self._late = False
        self._task: asyncio.Task[object] = task
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._expire)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.cancel()
        # Somebody else may have cancelled the task as well: theirs goes on.
        if self._late and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self) -> None:
        self._late = True
        self._task.cancel()
