"""What Prometheus reads of a server: requests, messages, budgets.

Several workers are one server: each counts in files of a common folder, and whichever is asked
adds all of them up. The only module that knows the library, and which kind of counting is on is
decided when that is imported: see ``common_folder``.
"""

import asyncio
import contextlib
import glob
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from denglu.domain.errors import Refusal
from denglu.domain.sms_message import Outcome

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_REQUESTS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 6.0)
_MESSAGES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 6.0)


@dataclass(frozen=True, slots=True)
class Used:
    """A budget of the site: ``period`` is hour, day or month, ``unit`` money or messages."""

    period: str
    unit: str
    share: float


Budgets = Callable[[], Awaitable[Iterable[Used]]]


@contextlib.contextmanager
def common_folder() -> Iterator[None]:
    """For the processes that are forked meanwhile: they count together. To be entered before
    anything imports the library.
    """
    with tempfile.TemporaryDirectory(prefix="denglu-metrics-") as folder:
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            os.environ.pop(_FOLDER)


def forget_folder() -> None:
    """A folder that the environment names is none of ours: others count there, or did once."""
    os.environ.pop(_FOLDER, None)


class Metrics:
    """Fulfils ``flows.ports.Meter``. ``cost``: what so many parts cost with a gateway, in
    ten-thousandths. Raises ModuleNotFoundError where the library is not installed.
    """

    def __init__(self, cost: Callable[[str, int], int], budgets: Budgets) -> None:
        from prometheus_client import (
            CollectorRegistry,
            Counter,
            Gauge,
            Histogram,
            disable_created_metrics,
        )

        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._cost, self._budgets = cost, budgets
        self._registry = own = CollectorRegistry()
        self._folder = os.environ.get(_FOLDER)
        if self._folder is not None:
            _forget_the_dead(self._folder)
        self._requests = Counter(
            "denglu_requests", "Answered requests", ["operation", "code", "reason"], registry=own
        )
        self._seconds = Histogram(
            "denglu_request_seconds", "Time to the answer", ["operation"],
            buckets=_REQUESTS, registry=own,
        )  # fmt: skip
        self._messages = Counter(
            "denglu_sms_messages", "Messages that a gateway was asked to send",
            ["gateway", "outcome"], registry=own,
        )  # fmt: skip
        self._latency = Histogram(
            "denglu_sms_latency_seconds", "Time until a gateway took a message",
            ["gateway"], buckets=_MESSAGES, registry=own,
        )  # fmt: skip
        self._costs = Counter("denglu_sms_cost", "Cost by price", ["gateway"], registry=own)
        self._receipts = Counter(
            "denglu_sms_receipts", "Delivery receipts", ["gateway", "outcome"], registry=own
        )
        self._open = Gauge(
            "denglu_sms_circuit_open", "1 while a gateway is left alone", ["gateway"],
            multiprocess_mode="livemax", registry=own,
        )  # fmt: skip
        # Finding a child by its labels takes longer than counting.
        self._counts: dict[tuple[str, int, str], tuple[Counter, Histogram]] = {}

    def request(self, operation: str, code: int, reason: str, seconds: float) -> None:
        """A request was answered; ``code`` is the envelope's."""
        key = (operation, code, reason)
        if (found := self._counts.get(key)) is None:
            found = self._requests.labels(*map(str, key)), self._seconds.labels(operation)
            self._counts[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def asked(self, gateway: str, outcome: str, seconds: float) -> None:
        """A gateway was asked: ``sent``, or what was in the way; another one may have sent."""
        self._messages.labels(gateway, outcome).inc()
        if outcome == Outcome.sent:
            self._latency.labels(gateway).observe(seconds)

    def sent(self, gateway: str, parts: int) -> None:
        self._costs.labels(gateway).inc(self._cost(gateway, parts) / 10_000)

    def receipt(self, gateway: str, outcome: str) -> None:
        self._receipts.labels(gateway, outcome).inc()

    def circuits(self, left_alone: Mapping[str, bool]) -> None:
        for gateway, alone in left_alone.items():
            self._open.labels(gateway).set(alone)

    async def render(self) -> tuple[str, bytes]:
        """Content type and text."""
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        used: list[Used] = []
        # All else is wanted most while the database is away.
        with contextlib.suppress(Refusal):
            used.extend(await self._budgets())
        registry = self._registry if self._folder is None else _all_of(self._folder)
        text = await asyncio.to_thread(generate_latest, registry)
        return CONTENT_TYPE_LATEST, text + await asyncio.to_thread(generate_latest, _shares(used))


def _all_of(folder: str) -> "CollectorRegistry":
    """What all processes counted."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    return registry


class _Shares:
    def __init__(self, used: Iterable[Used]) -> None:
        self._used = tuple(used)

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.metrics_core import GaugeMetricFamily

        family = GaugeMetricFamily(
            "denglu_sms_budget_used_ratio", "Spent of a budget", labels=["period", "unit"]
        )
        for each in self._used:
            family.add_metric([each.period, each.unit], each.share)
        yield family


def _shares(used: Iterable[Used]) -> "CollectorRegistry":
    """The budgets as the database has them: no process counts them."""
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    registry.register(_Shares(used))
    return registry


def _forget_the_dead(folder: str) -> None:
    """What a worker that has ended said of its circuits holds no more. (Its counts do.)"""
    from prometheus_client.multiprocess import mark_process_dead

    for name in glob.glob(os.path.join(folder, "gauge_live*_*.db")):
        pid = Path(name).stem.rpartition("_")[2]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            mark_process_dead(int(pid), folder)  # type: ignore[no-untyped-call]
