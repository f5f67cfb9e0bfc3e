"""Runs a transaction's work to its end at once: work that waits is refused."""

from typing import Any, cast

from denglu.flows.ports import T, Work


def drive(work: Work[T], transaction: Any) -> T:
    """What ``work`` returns or raises. RuntimeError when it waits for anything else than
    statements that answer at once.
    """
    running = cast(Any, work(transaction).__await__())
    try:
        next(running)
    except StopIteration as done:
        return cast(T, done.value)
    running.close()
    raise RuntimeError("a transaction may not wait for anything but its own statements")
