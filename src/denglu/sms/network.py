"""Times of every request to a provider, and what the trouble of its library says."""

from collections.abc import Iterator
from traceback import walk_tb

CONNECT_SECONDS = 2.0
SECONDS = 5.0
"""For the whole of one try, unless the settings give less."""
PATIENCE = 1.0
"""So long a message waits for one of the gateway's threads; then another gateway is better."""

_CONNECTING = "connect"
_LIBRARIES = ("http.client", "urllib3.connection")


def never_left(error: BaseException) -> bool:
    """Whether a request failed while its connection was still being made: no name, nobody there,
    no TLS. Then no byte of it went out.

    Libraries put the cause into a text, and a reset or a time-out may come before the request as
    well as after it. What was going on stands in the traceback.
    """
    return any(
        frame.f_code.co_name == _CONNECTING and frame.f_globals.get("__name__") in _LIBRARIES
        for each in _chain(error)
        for frame, _ in walk_tb(each.__traceback__)
    )


def root_of(error: BaseException) -> str:
    """The name of what was the matter first: ``ConnectionRefusedError``, ``gaierror``."""
    return type([*_chain(error)][-1]).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all that led to it, also what it hides."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
