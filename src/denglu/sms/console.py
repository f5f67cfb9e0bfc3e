"""The gateway for the first hour: it prints every message to the terminal.

The code is meant to be seen there, by the developer who asked for it, and nowhere else.
"""

import asyncio
import sys
from typing import TextIO

from denglu.domain.mobile import mask_mobile
from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.flows.ports import Accepted, GatewayFailed


class ConsoleGateway:
    """Prints a message as one line (standard output unless told otherwise)."""

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, message: SmsMessage) -> Accepted:
        """Print. Raises GatewayFailed when there is no terminal to print to."""
        # A terminal may be stopped and a pipe may be full: neither may hold up the loop.
        await asyncio.to_thread(self._print, console_line(message))
        return Accepted()

    def _print(self, line: str) -> None:
        stream = self._stream or sys.stdout
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError) as error:
            raise GatewayFailed(self.name, str(error), Trouble.unreachable) from None


def console_line(message: SmsMessage) -> str:
    """The line: who (masked), what for, the code and its life if any, and the text as sent, its
    line ends as ``⏎``.
    """
    code = f"验证码 code {message.code} ({message.minutes} 分钟 min)  " if message.code else ""
    text = message.text.replace("\n", " ⏎ ")
    line = f"[短信 SMS] {mask_mobile(message.mobile)}  {message.usage}  {code}{text}"
    return "".join(char if char.isprintable() else "�" for char in line)
