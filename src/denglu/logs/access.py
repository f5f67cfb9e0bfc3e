"""One line for each request, written several at a time.

The line is built by hand because it is on the way of every request: the values that repeat
are escaped once and remembered. Lines wait for others, a tenth of a second or until they fill
a piece that a pipe takes as a whole; more would only leave the processor's cache again.
"""

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Callable
from typing import TextIO

from denglu.domain.mobile import mask_mobile
from denglu.logs.redact import one_line, redact_path, redact_shapes

_MOST_REMEMBERED = 2048
_LONGEST_REMEMBERED = 128
# Random hexadecimal digits look like a mobile now and then, so they are not redacted.
_PLAIN_ID = re.compile(r"[0-9a-f]{32}").fullmatch
_MASKED = re.compile(r"[0-9]{3}\*{4}[0-9]{4}").fullmatch
_LONGEST = 2048
# What a pipe takes in one piece (PIPE_BUF): several processes may write into one.
_PIECE = 4096
# Status, code, reason, group.
_Outcome = tuple[int | None, int | None, str | None, str | None]


class AccessLog:
    """Writes to standard error unless told otherwise. To be used on one event loop."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        delay: float = 0.1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stream = stream or sys.stderr
        self._delay = delay
        self._clock = clock
        self._lines: list[str] = []
        self._room = _PIECE
        self._timer: asyncio.TimerHandle | None = None
        self._quoted: dict[str | None, str] = {}
        self._outcomes: dict[_Outcome, str] = {}
        self._millisecond = -1
        self._moment = ""

    def write(
        self,
        *,
        request_id: str,
        ip: str,
        method: str,
        path: str,
        status: int | None,
        code: int | None,
        reason: str | None = None,
        group: str | None = None,
        member_id: int | None = None,
        mobile: str | None = None,
        duration_ms: float = 0.0,
    ) -> None:
        """Add a line. ``code`` is the envelope's; it and ``status`` are None where no answer
        went out. ``duration_ms`` is in milliseconds. The query
        of ``path`` is cut off here, and ``mobile`` masked.
        """
        if "?" in path:
            path = path.partition("?")[0]
        get, learn = self._quoted.get, self._learn
        where = get(path) or learn(redact_path(path))
        who = "null" if mobile is None else _masked(mobile)
        name = f'"{request_id}"' if _PLAIN_ID(request_id) else _quote(request_id)
        outcome = status, code, reason, group
        self._add(
            f'{{"time":"{self._time()}","level":"info","logger":"denglu.access",'
            f'"request_id":{name},"ip":{get(ip) or learn(ip)},'
            f'"method":{get(method) or learn(method)},"path":{where},'
            f"{self._outcomes.get(outcome) or self._learn_outcome(outcome)},"
            f'"member_id":{_number(member_id)},'
            f'"mobile":{who},"duration_ms":{duration_ms:.1f}}}\n'
        )

    def flush(self) -> None:
        """Write what has gathered. A stream that cannot be written to loses it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._write()

    def _add(self, line: str) -> None:
        """Whole lines are written, together no longer than what cannot be torn; a longer one
        stands alone.
        """
        size = len(line) if line.isascii() else len(line.encode())
        if size > self._room and self._lines:
            self._write()
        self._lines.append(line)
        self._room -= size
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self.flush)

    def _write(self) -> None:
        text = "".join(self._lines)
        self._lines.clear()
        self._room = _PIECE
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()

    def close(self) -> None:
        """Write the rest; to be called when the server has answered its last request."""
        self.flush()

    def _time(self) -> str:
        now = int(self._clock() * 1000)
        if now != self._millisecond:
            self._millisecond = now
            second, part = divmod(now, 1000)
            day = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._moment = f"{day}.{part:03d}Z"
        return self._moment

    def _learn_outcome(self, outcome: _Outcome) -> str:
        """What came of a request, as JSON."""
        status, code, reason, group = outcome
        text = (
            f'"status":{_number(status)},"code":{_number(code)},'
            f'"reason":{self._learn(reason)},"group":{self._learn(group)}'
        )
        if len(self._outcomes) >= _MOST_REMEMBERED:
            self._outcomes.clear()
        if group is None or len(group) <= _LONGEST_REMEMBERED:
            self._outcomes[outcome] = text
        return text

    def _learn(self, text: str | None) -> str:
        """The text as JSON. Whoever sends new ones all the time fills no memory."""
        if text is None:
            return "null"
        quoted = _quote(text)
        if len(self._quoted) >= _MOST_REMEMBERED:
            self._quoted.clear()
        if len(text) <= _LONGEST_REMEMBERED:
            self._quoted[text] = quoted
        return quoted


def _number(value: int | None) -> int | str:
    return "null" if value is None else int(value)


def _masked(mobile: str) -> str:
    mobile = mask_mobile(mobile)
    return f'"{mobile}"' if _MASKED(mobile) else _quote(mobile)


def _quote(text: str) -> str:
    return one_line(redact_shapes(text)[:_LONGEST])
