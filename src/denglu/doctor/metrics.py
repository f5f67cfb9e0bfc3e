"""The doctor's look at what the metrics need."""

from collections.abc import Iterator

from denglu.doctor.finding import Finding, Level
from denglu.settings import Settings


def examine_metrics(settings: Settings) -> Iterator[Finding]:
    """Is their library there, if they are on?"""
    if settings.metrics_key is None:
        return
    try:
        import prometheus_client  # noqa: F401
    except ModuleNotFoundError as missing:
        yield Finding(
            "metrics",
            Level.fault,
            f"the library of the metrics is not installed ({missing.name})",
            "pip install 'denglu[metrics]'",
        )
