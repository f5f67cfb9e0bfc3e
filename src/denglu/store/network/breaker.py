"""Notices that the database is gone or hangs, so that not every request has to find out.

After a failure nobody is sent to the database until it has answered a probe. Who comes
meanwhile waits a moment for that and is then told ``busy``.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from denglu.domain.errors import Reason, Refusal
from denglu.store.network.link import Unreachable

_log = logging.getLogger(__name__)
_PATIENCE = 0.25


class Breaker:
    """``probe`` raises Unreachable while the database does not answer."""

    def __init__(self, probe: Callable[[], Awaitable[None]], *, pause: float = 0.25) -> None:
        self._probe = probe
        self._pause = pause
        self._up = asyncio.Event()
        self._up.set()
        self._probing: asyncio.Task[None] | None = None

    @property
    def is_down(self) -> bool:
        """Whether the database is being probed."""
        return not self._up.is_set()

    async def pass_through(self) -> None:
        """Return when the database may be asked. Raises ``busy``."""
        if self._up.is_set():
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._up.wait()
        except TimeoutError:
            raise Refusal(Reason.busy, retry_after=1) from None

    def trip(self, why: str) -> None:
        """Stop sending anybody, and begin to probe."""
        if self._up.is_set():
            _log.warning("the database does not answer: %s", why)
            self._up.clear()
            self._probing = asyncio.create_task(self._until_it_answers())

    async def close(self) -> None:
        """Stop probing."""
        if self._probing is not None:
            self._probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probing

    async def _until_it_answers(self) -> None:
        started = asyncio.get_running_loop().time()
        while True:
            try:
                await self._probe()
                break
            except Unreachable:
                await asyncio.sleep(self._pause)
        gone = asyncio.get_running_loop().time() - started
        _log.warning("the database answers again after %.1f s", gone)
        self._up.set()
