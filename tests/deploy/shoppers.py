"""Members' apps that go on while servers are restarted: every answer must be the right one."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.asking import trusting

PASSWORD = "moonlit-harbour-17"


@dataclass
class Shopper:
    """One app of one member behind TLS: it logs in, asks who it is, and refreshes."""

    port: int
    username: str
    group: str
    # An address of its own on this machine, as another household.
    address: str
    # Seconds from one request to the next, however long the answers take.
    every: float
    done: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    _pair: dict[str, Any] = field(default_factory=dict)

    async def shop(self, stop: asyncio.Event) -> None:
        """Go on until told to stop. Every round is one login, 15 looks and 4 refreshes."""
        step, begun = 0, time.perf_counter()
        while not stop.is_set():
            await self._try(step)
            step += 1
            await asyncio.sleep(max(0.0, begun + step * self.every - time.perf_counter()))
        await self._hang_up()

    async def _try(self, step: int) -> None:
        what = "login" if step % 20 == 0 else "refresh" if step % 5 == 0 else "look"
        try:
            answer = await self._ask(what)
        except (OSError, EOFError, ValueError) as error:
            self.failures.append(f"{what}: {error!r}")
            await self._hang_up()
            return
        if answer["code"] != 200:
            self.failures.append(f"{what}: {answer}")
        else:
            self.done[what] += 1
            if what != "look":
                self._pair = answer["data"]
        if step % 7 == 0:
            await self._hang_up()

    async def _ask(self, what: str) -> dict[str, Any]:
        if what == "look":
            token = self._pair["access_token"]
            return await self._send("GET /v1/member/member/index", None, f"X-Api-Key: {token}\r\n")
        if what == "login":
            body = {"username": self.username, "password": PASSWORD, "group": self.group}
            return await self._send("POST /v1/site/login", body)
        body = {"refresh_token": self._pair["refresh_token"], "group": self.group}
        return await self._send("POST /v1/site/refresh", body)

    async def _send(
        self, line: str, body: Mapping[str, object] | None, more: str = ""
    ) -> dict[str, Any]:
        reader, writer = await self._connected()
        raw = b"" if body is None else json.dumps(body).encode()
        head = f"{line} HTTP/1.1\r\nHost: login.example\r\n{more}Content-Length: {len(raw)}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + raw)
        async with asyncio.timeout(30):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
            if not lines[0].startswith("http/1.1 200"):
                raise ValueError(lines[0])
            headers = dict(line.split(": ", 1) for line in lines[1:-2])
            answer = await reader.readexactly(int(headers["content-length"]))
        value: dict[str, Any] = json.loads(answer)
        return value

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                "127.0.0.1",
                self.port,
                ssl=trusting(),
                server_hostname="login.example",
                local_addr=(self.address, 0),
            )
        return self._streams

    async def _hang_up(self) -> None:
        if self._streams is not None:
            writer, self._streams = self._streams[1], None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
