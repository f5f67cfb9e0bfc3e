"""The doctor's look at Redis, which makes things faster and guards nothing."""

import time
from collections.abc import Iterator

from denglu.doctor.finding import Finding, Level
from denglu.settings import Settings
from denglu.settings.model import about, variable

_SECONDS = 2.0
_SLOW_SECONDS = 0.05


def examine_redis(settings: Settings) -> Iterator[Finding]:
    """Does it answer, if there is to be one?"""
    if settings.redis_url is None or settings.database_kind == "sqlite":
        return
    try:
        seconds = _ping(settings.redis_url)
    except ModuleNotFoundError as missing:
        yield _finding(
            Level.fault,
            f"the library for redis is not installed ({missing.name})",
            "pip install 'denglu[redis]'",
        )
        return
    name = about("redis_url").show(settings.redis_url)
    if isinstance(seconds, str):
        yield _finding(
            Level.warning,
            f"{name} does not answer ({seconds})",
            f"start it, or correct {variable('redis_url')}; without it revocation takes up to "
            "300 ms, and nothing is looser",
        )
        return
    level = Level.warning if seconds > _SLOW_SECONDS else Level.ok
    yield _finding(level, f"{name} answers in {seconds * 1000:.1f} ms", "bring it closer")


def _ping(url: str) -> float | str:
    """Seconds that an answer took, or why there was none."""
    import redis

    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS
        ) as client:
            client.ping()
            start = time.monotonic()
            client.ping()
            return time.monotonic() - start
    except (redis.RedisError, OSError, ValueError) as error:
        return type(error).__name__


def _finding(level: Level, message: str, advice: str = "") -> Finding:
    return Finding("redis", level, message, advice)
