"""When a gateway is left alone, and when it is tried again. Pure: the time is handed in.

Closed, everybody passes. After ``after`` ill results in a row it opens for ``pause`` seconds.
Then one message probes the gateway while the others still go elsewhere; if the probe fails, it
opens again for twice as long, at most ``longest``.
"""

from enum import Enum


class Pass(Enum):
    """Leave to ask a gateway. Whoever got one gives it back with ``Circuit.leave``."""

    plain = "plain"
    probe = "probe"


class Circuit:
    """One gateway's. Times: seconds of any clock that only rises."""

    def __init__(self, *, after: int = 3, pause: float = 15.0, longest: float = 30.0) -> None:
        self._after = after
        self._first_pause = self._pause = pause
        self._longest = longest
        self._ill = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def closed(self) -> bool:
        """Whether everybody passes."""
        return self._open_until is None

    def enter(self, now: float) -> Pass | None:
        """Leave to ask the gateway; None while it is left alone."""
        if self._open_until is None:
            return Pass.plain
        if self._probing or now < self._open_until:
            return None
        self._probing = True
        return Pass.probe

    def leave(self, passed: Pass, ill: bool | None, now: float) -> None:
        """What came of it: ``ill`` None says nothing about the gateway.

        Of those who passed before it opened, a good result closes it, a bad one changes nothing.
        """
        if passed is Pass.probe:
            self._probing = False
        if ill is False:
            self._ill, self._pause, self._open_until = 0, self._first_pause, None
        elif ill and passed is Pass.probe:
            self._pause = min(2 * self._pause, self._longest)
            self._open_until = now + self._pause
        elif ill and self._open_until is None:
            self._ill += 1
            if self._ill >= self._after:
                self._open_until = now + self._pause
