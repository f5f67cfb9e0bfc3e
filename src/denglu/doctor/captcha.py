"""The doctor's look at the captcha: is its library there, and does its service answer?"""

from collections.abc import Iterator

from denglu.captcha import endpoint_of
from denglu.doctor.finding import Finding, Level
from denglu.doctor.knock import knock
from denglu.settings import Settings
from denglu.settings.model import variable
from denglu.settings.readers import is_of_plugin


def examine_captcha(settings: Settings) -> Iterator[Finding]:
    """Nothing where there is to be none."""
    if settings.captcha == "off":
        return
    if settings.captcha == "pow":
        most = settings.captcha_difficulty
        yield _finding(Level.ok, f"a proof of work of at most {most} hashes")
        return
    if is_of_plugin(settings.captcha):
        yield _finding(Level.ok, f"{settings.captcha}, of a plugin; it shows in use")
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
    if trouble := knock(endpoint):
        yield _finding(
            Level.warning,
            f"{endpoint} does not answer ({trouble}): suspicious callers are "
            + ("let through" if settings.captcha_unreachable == "pass" else "answered busy"),
            f"let this machine reach it, or correct {variable('captcha_endpoint')}",
        )
    else:
        yield _finding(Level.ok, f"{settings.captcha} answers at {endpoint}; its keys show in use")


def _finding(level: Level, message: str, advice: str = "") -> Finding:
    return Finding("captcha", level, message, advice)
