"""The doctor's look at the captcha: is its library there, and does its service answer?"""

import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import HTTPError

from denglu.captcha import endpoint_of
from denglu.doctor.finding import Finding, Level
from denglu.settings import Settings
from denglu.settings.model import variable

_SECONDS = 2.0


def examine_captcha(settings: Settings) -> Iterator[Finding]:
    """Nothing where there is to be none."""
    if settings.captcha == "off":
        return
    if settings.captcha == "pow":
        most = settings.captcha_difficulty
        yield _finding(Level.ok, f"a proof of work of at most {most} hashes")
        return
    try:
        endpoint = endpoint_of(settings)
    except ModuleNotFoundError as missing:
        yield _finding(
            Level.fault,
            f"the library of {settings.captcha} is not installed ({missing.name})",
            f"pip install 'denglu[{settings.captcha}-captcha]'",
        )
        return
    if trouble := _knock(endpoint):
        yield _finding(
            Level.warning,
            f"{endpoint} does not answer ({trouble}): suspicious callers are "
            + ("let through" if settings.captcha_unreachable == "pass" else "answered busy"),
            f"let this machine reach it, or correct {variable('captcha_endpoint')}",
        )
    else:
        yield _finding(Level.ok, f"{settings.captcha} answers at {endpoint}; its keys show in use")


def _knock(endpoint: str) -> str:
    """Why there was no answer of any kind to a request."""
    request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 - checked at start
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
            return ""
    except HTTPError as error:
        error.close()
        return ""
    except (OSError, HTTPException) as error:
        return type(getattr(error, "reason", error)).__name__


def _finding(level: Level, message: str, advice: str = "") -> Finding:
    return Finding("captcha", level, message, advice)
