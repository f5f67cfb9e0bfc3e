"""A toy with one code to spend, sound or broken on purpose: what the race helper must tell apart.

The broken toy reads the code, waits as one waits for a database, and writes: the oldest race
there is.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from tests.battery.harness import HOST, Server, free_port

_ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
_SPENT = b'{"code":422,"message":"","data":{"reason":"bad_code"}}'
_DONE = b'{"code":200,"message":"OK","data":{}}'


class Toy:
    """Serves until its loop ends. ``sound``: the code is read and spent in one step."""

    def __init__(self, *, sound: bool) -> None:
        self._sound = sound
        self._spent = False

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        await reader.readexactly(length)
        body = _SPENT if await self._try() else _DONE
        writer.write(_ANSWER % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def _try(self) -> bool:
        """Whether the code had been spent before."""
        before = self._spent
        if self._sound:
            self._spent = True
        await asyncio.sleep(0.001)
        self._spent = True
        return before


@contextlib.contextmanager
def toy_server(server: Server, *, sound: bool) -> Iterator[None]:
    """A toy at the port of ``server``, which is never started itself."""
    server.port = free_port()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        async with await asyncio.start_server(Toy(sound=sound).answer, HOST, server.port):
            ready.set()
            await stop.wait()

    def run() -> None:
        with contextlib.closing(loop):
            loop.run_until_complete(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
