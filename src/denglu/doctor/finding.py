"""What the doctor found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is; a fault is what must be put right."""

    ok = "ok"
    note = "note"
    warning = "warning"
    fault = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what is so, and what to do about it."""

    area: str
    level: Level
    message: str
    advice: str = ""
