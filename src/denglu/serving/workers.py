"""The parent of several server processes: it starts them, replaces those that die, and tells
them when to stop.

It serves nothing itself. Neither a thread nor an event loop may run in it: a fork takes along
one thread only. Workers hear their channel and no signal: Ctrl+C and service managers signal
every process at once, and one that left on its own account would leave before newcomers are
kept out. When the parent is gone, however it went, their channels end, and they say farewell.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

STOP, FORCE, READY = b"s", b"f", b"r"
# From a worker that cannot serve: why follows, in one line.
FAULT = b"!"
# Who lived as long as that has not died of its start.
_SETTLED = 10.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
# Beyond the grace: clients that were refused are let go, connections to the database closed.
_PATIENCE = 15.0

# A worker's whole life: given its number, from 1 on, and its end of the channel.
Work = Callable[[int, socket.socket], None]


class WorkerTrouble(Exception):
    """Workers did not start, or did not end well. The text is one line."""


@dataclass(slots=True)
class _Worker:
    number: int
    pid: int
    channel: socket.socket
    born: float
    ready: bool = False
    fault: str = ""

    def tell(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # it may have ended
            self.channel.send(word)


class Workers:
    """``count`` processes that do ``work`` on ``sockets``; ``grace``: seconds for farewells."""

    def __init__(
        self, count: int, work: Work, sockets: Sequence[socket.socket], *, grace: float
    ) -> None:
        self._numbers = range(1, count + 1)
        self._work = work
        self._sockets = sockets
        self._grace = grace
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, _Worker] = {}
        self._deaths = dict.fromkeys(self._numbers, 0)
        self._due = dict.fromkeys(self._numbers, 0.0)
        self._told = self._stopping = self._forced = self._failed = False

    def run(self, ready: Callable[[], None]) -> bool:
        """Run until a signal says stop; returns whether every request in flight was answered.

        ``ready`` is called once, when all serve. Raises WorkerTrouble where they cannot, and
        where one had to be killed at the end.
        """
        with self._selector, self._signals_heard():
            try:
                while not self._stopping:
                    self._start_due()
                    self._await_event(min(self._due.values(), default=None))
                    if not self._told and all(each.ready for each in self._workers.values()):
                        self._told = True
                        ready()
            finally:
                self._say_farewell()
        if self._failed and not self._forced:
            raise WorkerTrouble("not every worker ended well: the log says which and how")
        return not self._forced

    # Starting.

    def _start_due(self) -> None:
        now = time.monotonic()
        for number in [number for number, due in self._due.items() if due <= now]:
            del self._due[number]
            try:
                self._start(number)
            except OSError as error:  # no process to be had
                self._lost(number, f"cannot be started: {error.strerror}")

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # what is left in them would be written twice
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                ours.close()
                self._become(number, theirs)
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        worker = _Worker(number, pid, ours, time.monotonic())
        self._workers[number] = worker
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _become(self, number: int, channel: socket.socket) -> NoReturn:
        """In the child: leave nothing of the parent, do the work, and end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for each in _SIGNALS:
                signal.signal(each, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for worker in self._workers.values():
                worker.channel.close()  # or its worker would not learn of the parent's end
            self._selector.close()
            self._work(number, channel)
            code = 0
        except SystemExit:
            pass  # the parent was told why
        except BaseException as error:
            _log.critical("worker %d ends", number, exc_info=error)
        finally:
            with contextlib.suppress(OSError, ValueError):
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
            os._exit(code)

    # What happens.

    def _await_event(self, until: float | None) -> None:
        left = None if until is None else max(0.0, until - time.monotonic())
        for key, _ in self._selector.select(left):
            if isinstance(key.data, _Worker):
                self._hear(key.data)
            else:
                self._obey(key.fileobj)

    def _hear(self, worker: _Worker) -> None:
        said = b""
        with contextlib.suppress(ConnectionError):
            said = worker.channel.recv(4096)
        if said.startswith(FAULT):
            worker.fault = said.removeprefix(FAULT).decode(errors="replace")
            return
        if said:
            worker.ready = True
            if self._told:
                _log.info("worker %d (process %d) serves", worker.number, worker.pid)
            return
        self._selector.unregister(worker.channel)
        worker.channel.close()
        del self._workers[worker.number]
        code = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        if self._stopping:
            if code:
                self._failed = True
                _log.error("worker %d (process %d) %s", worker.number, worker.pid, _how(code))
            return
        if time.monotonic() - worker.born > _SETTLED:
            self._deaths[worker.number] = 0
        if worker.fault and not self._told:
            raise WorkerTrouble(worker.fault)
        self._lost(worker.number, f"(process {worker.pid}) {worker.fault or _how(code)}")

    def _lost(self, number: int, why: str) -> None:
        """Start another one; later and later, where one after the other dies young."""
        if not self._told:
            raise WorkerTrouble(f"worker {number} {why} before it served: the log says more")
        self._deaths[number] += 1
        pause = 0.0
        if (times := self._deaths[number]) > 1:
            pause = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2 ** min(times - 2, 10))
        self._due[number] = time.monotonic() + pause
        when = f"in {pause:g} s" if pause else "at once"
        _log.error("worker %d %s; another one starts %s", number, why, when)

    # Signals, and the end.

    @contextlib.contextmanager
    def _signals_heard(self) -> Iterator[None]:
        """As bytes to be read: what is done about one is done between two events."""
        heard, told = socket.socketpair()
        with heard, told:
            heard.setblocking(False)
            told.setblocking(False)
            self._selector.register(heard, selectors.EVENT_READ)
            before = {each: signal.signal(each, _note) for each in _SIGNALS}
            signal.set_wakeup_fd(told.fileno())
            try:
                yield
            finally:
                signal.set_wakeup_fd(-1)
                for each, handler in before.items():
                    signal.signal(each, handler)

    def _obey(self, heard: object) -> None:
        assert isinstance(heard, socket.socket)
        for number in heard.recv(64):
            if self._stopping and number == signal.SIGINT:
                self._forced = True
                self._tell(FORCE)
            self._stopping = True

    def _say_farewell(self) -> None:
        """Tell the workers, and wait for them. Whoever is left after all is killed."""
        self._stopping = True
        for each in self._sockets:
            each.close()  # the last worker that closes them has let everybody in
        self._tell(STOP)
        until = time.monotonic() + self._grace + _PATIENCE
        while self._workers and time.monotonic() < until:
            self._await_event(until)
        for worker in self._workers.values():
            os.kill(worker.pid, signal.SIGKILL)
        while self._workers:
            self._await_event(None)

    def _tell(self, word: bytes) -> None:
        for worker in self._workers.values():
            worker.tell(word)


def _note(number: int, frame: object) -> None:
    """A handler must be there for the wakeup to come."""


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"
