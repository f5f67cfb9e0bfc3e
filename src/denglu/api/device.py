"""The kind of device behind a request: one of a short closed list, never the client's text."""

from collections.abc import Callable

_LONGEST = 512
_NEEDLES = (
    ("micromessenger", "WeChat"),
    ("ipad", "iPad"),
    ("iphone", "iPhone"),
    ("harmony", "HarmonyOS"),
    ("arkweb", "HarmonyOS"),
    ("android", "Android"),
    ("windows", "Windows"),
    ("macintosh", "Mac"),
    ("macos", "Mac"),
    ("linux", "Linux"),
    ("mozilla", "browser"),
)
_SYSTEMS = {"ios": "iPhone", "mac": "Mac", "darwin": "Mac"}

KINDS = (*dict.fromkeys(kind for _, kind in _NEEDLES), "unknown")


def device_kind(header: Callable[[bytes], str]) -> str:
    """What the `device-name`, `os` and `user-agent` headers speak of, in that order."""
    system = header(b"os")[:_LONGEST].strip().lower()
    for text in (header(b"device-name"), system, header(b"user-agent")):
        lowered = text[:_LONGEST].lower()
        for needle, kind in _NEEDLES:
            if needle in lowered:
                return kind
        if lowered == system and system in _SYSTEMS:
            return _SYSTEMS[system]
    return "unknown"
