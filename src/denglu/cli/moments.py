"""Times as operators write them: so long ago, a date, a time of day, Unix seconds."""

import re
from datetime import datetime

from denglu.cli.faults import Misuse

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNIX = re.compile(r"[0-9]{9,11}", re.ASCII)


def read_moment(option: str, text: str, now: int) -> int:
    """Unix seconds of ``24h`` (before ``now``), ``2026-11-01``, ``2026-11-01 08:30`` or
    ``1793500000``. What names no zone is local time. Raises Misuse.
    """
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    if _UNIX.fullmatch(text):
        return int(text)
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        raise Misuse(
            f"{option} {text!r} is no time: write 24h, 2026-11-01, '2026-11-01 08:30' or "
            "Unix seconds"
        ) from None
