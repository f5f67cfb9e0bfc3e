"""What an error of a network database means to an operator: one line, and what to do.

No line holds a password: a database is named by host, port and name alone.
"""

import ssl
from urllib.parse import unquote, urlsplit

_PACKAGES = frozenset({"asyncpg", "asyncmy", "sqlalchemy"})


class DatabaseTrouble(Exception):
    """The database cannot be used; the text says why and what to do, in one line."""


def place(url: str) -> str:
    """A database's URL without user, password and query: fit for anybody's eyes."""
    scheme, _, rest = url.partition("://")
    parts = urlsplit(f"//{rest}")
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def trouble(url: str, error: BaseException) -> DatabaseTrouble:
    """What ``error`` of a driver, SQLAlchemy's wrapping included, means."""
    cause = _innermost(error)
    said = _SAID.get(_code(cause)) or _without_code(cause)
    parts = urlsplit(url)
    its_words = _line(cause)
    for secret in {parts.password or "", unquote(parts.password or "")} - {""}:
        its_words = its_words.replace(secret, "***")
    user = unquote(parts.username or "")
    return DatabaseTrouble(said.format(at=place(url), user=user, it=its_words))


def is_of_database(error: Exception) -> bool:
    """Whether a driver, SQLAlchemy or the network raised it, rather than a slip of ours."""
    package = type(error).__module__.partition(".")[0]
    return package in _PACKAGES or isinstance(error, OSError | TimeoutError)


def is_refusal(error: Exception) -> bool:
    """Whether the server itself said no, with a number: SQLSTATE, or MySQL's."""
    numbered = bool(error.args) and isinstance(error.args[0], int)
    return is_of_database(error) and (numbered or getattr(error, "sqlstate", None) is not None)


def _innermost(error: BaseException) -> BaseException:
    while (inner := getattr(error, "orig", None) or _driver_cause(error)) is not None:
        error = inner
    return error


def _driver_cause(error: BaseException) -> BaseException | None:
    """SQLAlchemy's asyncpg errors carry the driver's own as their cause."""
    cause = error.__cause__
    known = cause is not None and (_code(cause) or isinstance(cause, OSError))
    return cause if known and not _code(error) else None


def _code(error: BaseException) -> str | int:
    """PostgreSQL's SQLSTATE or MySQL's error number; empty for anything else."""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str) and type(error).__module__.startswith("asyncpg"):
        return state
    number = error.args[0] if error.args else None
    from_mysql = type(error).__module__.startswith("asyncmy")
    return number if from_mysql and isinstance(number, int) else ""


def _without_code(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return _NO_TLS
    if isinstance(error, OSError | TimeoutError):
        return _AWAY
    if isinstance(error, ValueError):  # the driver could make nothing of the URL
        return "DENGLU_DATABASE_URL cannot be used for {at}: {it}"
    return "{at} cannot be used: {it}"


def _line(error: BaseException) -> str:
    """The driver's own words, on one line."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text: object = error
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    elif isinstance(_code(error), int) and len(error.args) > 1:
        text = error.args[1]
    return " ".join(str(text).split()).rstrip(".") or type(error).__name__


_AWAY = "{at} cannot be reached ({it}): is it running, and is DENGLU_DATABASE_URL right?"
_NO_TLS = "{at} was reached, but no TLS came about ({it})"
_REFUSED = "{at} refuses the user {user!r} or its password: check DENGLU_DATABASE_URL"
_NO_DATABASE = "{at} does not exist on that server: create the database first"
_NO_RIGHT = "{at}: the user {user!r} lacks a right ({it}); grant it, or migrate as another user"
_FULL = "{at} has no connection left ({it}): raise its limit, or lower DENGLU_DATABASE_POOL"
_STARTING = "{at} is starting or stopping ({it}): try again"
_READ_ONLY = (
    "{at} takes no writes ({it}): is it a replica? DENGLU_DATABASE_URL must name the primary"
)
_BUSY = "{at}: a lock was not to be had ({it}); nothing is lost: run it again"

_SAID: dict[str | int, str] = {
    "28P01": _REFUSED,
    "28000": "{at} lets nobody in this way ({it})",
    "3D000": _NO_DATABASE,
    "42501": _NO_RIGHT,
    "3F000": "{at}: {it}; set the user's search_path to a schema that exists",
    "53300": _FULL,
    "57P03": _STARTING,
    "57P01": _STARTING,
    "25006": _READ_ONLY,
    "55P03": _BUSY,
    "40P01": _BUSY,
    "08P01": "{at} refuses the way we connect ({it}); behind pgbouncer see docs/operating.md",
    1045: _REFUSED,
    1698: _REFUSED,
    1044: _NO_RIGHT,
    1142: _NO_RIGHT,
    1227: _NO_RIGHT,
    1370: _NO_RIGHT,
    1049: _NO_DATABASE,
    1040: _FULL,
    1203: _FULL,
    1053: _STARTING,
    1290: _READ_ONLY,
    1792: _READ_ONLY,
    1836: _READ_ONLY,
    1205: _BUSY,
    1213: _BUSY,
    2002: _AWAY,
    2003: _AWAY,
    2006: _AWAY,
    2013: _AWAY,
    2026: _NO_TLS,
}
