"""One line for each request, written in batches.

The line is built by hand because it is on the way of every request: the values that repeat
are escaped once and remembered, and the stream is written to ten times a second at most.
"""

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from denglu.domain.mobile import mask_mobile
from denglu.logs.redact import one_line, redact_path, redact_shapes

_MOST_REMEMBERED = 2048
_LONGEST_REMEMBERED = 128
# Random hexadecimal digits look like a mobile now and then, so they are not redacted.
_PLAIN_ID = re.compile(r"[0-9a-f]{32}").fullmatch
_MASKED = re.compile(r"[0-9]{3}\*{4}[0-9]{4}").fullmatch
_LONGEST = 2048
_FLUSH_AT = 4096
# What a pipe takes in one piece (PIPE_BUF): several processes may write into one.
_PIECE = 4096


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
        self._timer: asyncio.TimerHandle | None = None
        self._quoted: dict[str | None, str] = {}
        self._second = -1
        self._second_text = ""

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
        self._lines.append(
            f'{{"time":"{self._time()}","level":"info","logger":"denglu.access",'
            f'"request_id":{name},"ip":{get(ip) or learn(ip)},'
            f'"method":{get(method) or learn(method)},"path":{where},'
            f'"status":{_number(status)},"code":{_number(code)},'
            f'"reason":{get(reason) or learn(reason)},"group":{get(group) or learn(group)},'
            f'"member_id":{_number(member_id)},'
            f'"mobile":{who},"duration_ms":{duration_ms:.1f}}}\n'
        )
        if len(self._lines) >= _FLUSH_AT:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self.flush)

    def flush(self) -> None:
        """Write what has gathered. A stream that cannot be written to loses it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        with contextlib.suppress(OSError, ValueError):
            for piece in _pieces(lines):
                self._stream.write(piece)
                self._stream.flush()

    def close(self) -> None:
        """Write the rest; to be called when the server has answered its last request."""
        self.flush()

    def _time(self) -> str:
        now = self._clock()
        second = int(now)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{int((now - second) * 1000):03d}Z"

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


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Whole lines, together no longer than what cannot be torn; a longer one stands alone."""
    piece: list[str] = []
    room = _PIECE
    for line in lines:
        size = len(line) if line.isascii() else len(line.encode())
        if size > room and piece:
            yield "".join(piece)
            piece, room = [], _PIECE
        piece.append(line)
        room -= size
    if piece:
        yield "".join(piece)


def _number(value: int | None) -> int | str:
    return "null" if value is None else int(value)


def _masked(mobile: str) -> str:
    mobile = mask_mobile(mobile)
    return f'"{mobile}"' if _MASKED(mobile) else _quote(mobile)


def _quote(text: str) -> str:
    return one_line(redact_shapes(text)[:_LONGEST])
