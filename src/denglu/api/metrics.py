"""`GET /metrics`: what Prometheus reads. Outside every mount, for whoever has
DENGLU_METRICS_KEY, as Bearer or as Basic with the name `metrics`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from denglu.api.envelope import SAFETY_HEADERS, Answer
from denglu.api.exchange import Exchange
from denglu.api.introspect import BackEnds
from denglu.api.options import Clock, Secret
from denglu.api.plain import Endpoint

if TYPE_CHECKING:
    from denglu.api.handlers import Site

_NAME = "metrics"

Render = Callable[[], Awaitable[tuple[str, bytes]]]
"""The metrics as they are now: content type and text."""


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Metrics:
    """The page and its guard."""

    render: Render
    watchers: BackEnds

    def guarding(self, inner: Endpoint) -> Endpoint:
        """The endpoint for watchers alone."""
        return self.watchers.guarding(inner)


def guarded_metrics(render: Render, key: Secret, now: Clock) -> Metrics:
    """The page, for whoever has the key."""
    return Metrics(render, BackEnds([_Named(_NAME, key)], now, grace=0))


async def metrics(site: "Site", exchange: Exchange, nothing: None) -> Answer:
    """The metrics."""
    assert site.metrics is not None
    media, text = await site.metrics.render()
    return Answer(200, text, ((b"content-type", media.encode()), *SAFETY_HEADERS))
