"""Going back through rows by page, so that no statement takes long."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from denglu.domain.audit import Span
from denglu.flows.ports import Store, Transaction

T = TypeVar("T")

PAGE = 1000
END_OF_TIME = 2**62
_DAY = 86400


def span_of(since: int | None, until: int, now: int, *, whole: bool) -> Span:
    """From ``since`` until ``until`` (Unix seconds). Without ``since`` everything, or where the
    ``whole`` would be too much, the last 24 hours.
    """
    if since is None:
        since = 0 if whole else min(now, until) - _DAY
    return Span(since, until)


async def newest_first(
    store: Store,
    span: Span,
    page: Callable[[Transaction, Span, int], Awaitable[list[T]]],
    place: Callable[[T], tuple[int, int]],
) -> AsyncIterator[T]:
    """All rows of a span. ``page`` gives the newest so many of one, ``place`` a row's time and
    id."""
    while True:
        found = await store.read(lambda tx, span=span: page(tx, span, PAGE))  # type: ignore[misc]
        for row in found:
            yield row
        if len(found) < PAGE:
            return
        span = Span(span.since, *place(found[-1]))
