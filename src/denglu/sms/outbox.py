"""The gateway for tests and closed networks: a file with one JSON object a line.

Whoever can read the file can read every code. It is made with mode 600.
"""

import asyncio
import fcntl
import json
import os
from pathlib import Path

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.flows.ports import Accepted, GatewayFailed

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class OutboxGateway:
    """Appends messages to a file; several processes may share it."""

    name = "outbox"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, message: SmsMessage) -> Accepted:
        """Append a line. Raises GatewayFailed, and then no part of the line is there."""
        await asyncio.to_thread(self._append, outbox_line(message))
        return Accepted()

    def _append(self, line: bytes) -> None:
        try:
            number = os.open(self._path, _FLAGS, 0o600)
            try:
                fcntl.flock(number, fcntl.LOCK_EX)
                _write_whole(number, line)
            finally:
                os.close(number)
        except OSError as error:
            raise GatewayFailed(self.name, error.strerror or "", Trouble.unreachable) from None


def outbox_line(message: SmsMessage) -> bytes:
    """The message as a line of JSON: mobile, usage, code, text, sent_at (Unix seconds)."""
    fields = {
        "mobile": message.mobile,
        "usage": message.usage,
        "code": message.code,
        "text": message.text,
        "sent_at": message.sent_at,
    }
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def _write_whole(number: int, line: bytes) -> None:
    before = os.fstat(number).st_size
    written = os.write(number, line)
    if written < len(line):  # A full disk takes a part: the next line must not follow on it.
        os.ftruncate(number, before)
        raise OSError(0, f"only {written} of {len(line)} bytes could be written")
