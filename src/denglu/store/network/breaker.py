"""Notices that the database is gone or hangs, so that not every request has to find out.

A failure is a suspicion: a probe follows, and only if that is not answered soon is nobody sent
to the database until one is. Who comes meanwhile waits a moment and is then told ``busy``.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from denglu.domain.errors import Reason, Refusal
from denglu.store.network.link import Crowded, Unreachable

_log = logging.getLogger(__name__)
# How soon a probe is answered by a database that is well, and how long a request waits for it.
_PATIENCE = 0.25
# MySQL shuts a host out that breaks off too many handshakes, as probes of a hung server do.
_LONGEST_PAUSE = 1.0


class Breaker:
    """``probe`` raises Unreachable, in bounded time, while the database does not answer."""

    def __init__(self, probe: Callable[[], Awaitable[None]], *, pause: float = 0.25) -> None:
        self._probe = probe
        self._pause = pause
        self._up = asyncio.Event()
        self._up.set()
        self._probing: asyncio.Task[None] | None = None
        self._closed = False

    async def pass_through(self) -> None:
        """Return when the database may be asked. Raises ``busy``."""
        if self._up.is_set():
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._up.wait()
        except TimeoutError:
            raise Refusal(Reason.busy, retry_after=1) from None

    def suspect(self, why: str) -> None:
        """Find out whether the database still answers, unless that is under way."""
        if self._closed or (self._probing is not None and not self._probing.done()):
            return
        _log.warning("the database is in trouble: %s", why)
        self._probing = asyncio.create_task(self._until_it_answers())

    async def close(self) -> None:
        """Stop probing, for good."""
        self._closed = True
        if self._probing is not None:
            self._probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probing

    async def _until_it_answers(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        stopping = loop.call_later(_PATIENCE, self._up.clear)
        pause = self._pause
        try:
            while not await self._answers():
                self._up.clear()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            stopping.cancel()
            self._up.set()
        _log.warning("the database answers after %.2f s", loop.time() - started)

    async def _answers(self) -> bool:
        try:
            await self._probe()
        except Crowded:
            return True  # it is there, and says that it has no place for one more
        except Unreachable:
            return False
        except Exception:  # a fault of ours must not keep everybody out for ever
            _log.exception("the probe of the database failed")
        return True
