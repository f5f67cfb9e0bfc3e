"""A telephone line to a server, for tests that need one that fails in the middle."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass
class _Call:
    """A connection. ``open``: set while anything is carried."""

    open: asyncio.Event
    answer_is_lost: bool = False


class Line:
    """Relays TCP connections to ``port`` on 127.0.0.1 from a ``port`` of its own."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._lost_word: bytes | None = None
        self.port = 0
        self.calls = 0

    def freeze(self) -> None:
        """Carry nothing from now on; every connection stays."""
        self._open.clear()

    def forget(self) -> None:
        """Carry nothing any more for the connections there are; new ones are well."""
        self._open.clear()
        self._open = asyncio.Event()
        self._open.set()

    def thaw(self) -> None:
        """Carry again, also what was held back."""
        self._open.set()

    def cut(self) -> None:
        """End every connection there is, without a word."""
        for writer in self._writers:
            writer.transport.abort()

    def lose_answer_to(self, word: bytes) -> None:
        """The next time the client says ``word`` the server hears it, and its answer is lost."""
        self._lost_word = word

    async def _answer(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.calls += 1
        far, forth = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {back, forth}
        call = _Call(self._open)
        try:
            await asyncio.gather(
                self._carry(near, forth, call, is_client=True),
                self._carry(far, back, call, is_client=False),
            )
        finally:
            self._writers -= {back, forth}
            back.transport.abort()
            forth.transport.abort()

    async def _carry(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        call: _Call,
        *,
        is_client: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await call.open.wait()
                if is_client and self._lost_word is not None and self._lost_word in data:
                    self._lost_word = None
                    call.answer_is_lost = True
                elif not is_client and call.answer_is_lost:
                    break
                sink.write(data)
        sink.close()

    def _start(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._answer(near, back))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextlib.asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """A line, hung up at the end."""
    line = Line(port)
    server = await asyncio.start_server(line._start, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.thaw()
        line.cut()
        for task in tuple(line._tasks):
            task.cancel()
        await asyncio.gather(*line._tasks, return_exceptions=True)
        await server.wait_closed()
