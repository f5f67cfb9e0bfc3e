"""Tells plugins what happened: the lines of the trail, once they are committed.

Told once at most: a process that dies, or is asked to stop and does not get to it in time, tells
nobody. The trail itself is the authority.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace

from denglu.domain.audit import AuditEvent
from denglu.plugins.loading import Plugins
from denglu.plugins.specs import Desk

_log = logging.getLogger(__name__)
_MOST = 200
_SECONDS = 10.0
_QUIET_SECONDS = 60.0


class Telling:
    """Calls ``denglu_event``. ``most``: how many awaitables may be under way at once; ``seconds``:
    how long each may take. To be made on the loop that tells.
    """

    def __init__(
        self,
        plugins: Plugins,
        desks: Mapping[str, Desk],
        *,
        most: int = _MOST,
        seconds: float = _SECONDS,
    ) -> None:
        self._plugins = plugins
        self._desks = {name: desks[name] for name in plugins.having("denglu_event")}
        self._most = most
        self._seconds = seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._complained = float("-inf")

    def tell(self, events: Sequence[AuditEvent]) -> None:
        """Never waits, never raises."""
        for event in events:
            # The number is not written down either, and whose it is was looked up by the database.
            known = replace(event, mobile="") if event.mobile else event
            for name, desk in self._desks.items():
                self._tell(name, known, desk)

    async def close(self) -> None:
        """Wait for what is under way, in bounded time."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def _tell(self, name: str, event: AuditEvent, desk: Desk) -> None:
        try:
            answer = self._plugins.ask("denglu_event", name, event=event, desk=desk)
        except Exception as fault:
            _log.error("event %s: %s", event.event.value, fault, exc_info=fault.__cause__)
            return
        if not inspect.isawaitable(answer):
            return
        if len(self._tasks) < self._most:
            task = asyncio.create_task(self._wait_for(name, event, answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        if inspect.iscoroutine(answer):
            answer.close()  # it was never begun
        self._complain(name)

    async def _wait_for(self, name: str, event: AuditEvent, answer: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await answer
        except (Exception, SystemExit) as error:
            said = "takes too long" if isinstance(error, TimeoutError) else "fails"
            _log.error("plugin %s: event %s %s", name, event.event.value, said, exc_info=error)

    def _complain(self, name: str) -> None:
        """A line in the log, once a minute."""
        now = time.monotonic()
        if now - self._complained >= _QUIET_SECONDS:
            self._complained = now
            _log.error("plugin %s: events are lost, because it does not keep up", name)
