"""Stands between denglu and PostgreSQL, and lets no notification pass: they are lost."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

_NOTIFICATION = b"A"


class Muffler:
    """What it swallowed is counted in ``swallowed``."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.port = 0
        self.swallowed = 0
        self.stop: Callable[[], object] = lambda: None

    async def serve(self, ready: threading.Event) -> None:
        """Until ``stop`` is called, from any thread."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        self.stop = lambda: loop.call_soon_threadsafe(over.set)
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await over.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        up = asyncio.create_task(_copy(reader, far_writer))
        down = asyncio.create_task(self._filter(far_reader, writer))
        await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        for each in (writer, far_writer):
            each.close()

    async def _filter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Messages of the server: a letter, four bytes of length, the rest."""
        while True:
            head = await reader.readexactly(5)
            rest = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
            if head[:1] == _NOTIFICATION:
                self.swallowed += 1
            else:
                writer.write(head + rest)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)


@contextlib.contextmanager
def muffled(host: str, port: int) -> Iterator[Muffler]:
    """A running Muffler. Clients must not ask for TLS (``?sslmode=disable``)."""
    muffler, ready = Muffler(host, port), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(muffler.serve(ready)))
    thread.start()
    ready.wait()
    try:
        yield muffler
    finally:
        muffler.stop()
        thread.join()
