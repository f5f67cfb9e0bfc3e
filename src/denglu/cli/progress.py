"""How far something came that takes minutes: a bar on a terminal, else a line now and then."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

_LINE_SECONDS = 10.0


class Shown:
    """Called with what is being done, how much of it is done, and how much there is.

    A bar goes to standard error; lines go to standard output unless ``silent``.
    """

    def __init__(self, verb: str, *, silent: bool) -> None:
        self._verb = verb
        self._silent = silent
        self._is_terminal = sys.stderr.isatty()
        self._thing = ""
        self._bar: ProgressBar[int] | None = None
        self._told_at = time.monotonic()

    def __call__(self, thing: str, done: int, total: int) -> None:
        if total == 0:
            return
        if self._is_terminal:
            self._draw(thing, done, total)
        elif not self._silent:
            self._tell(thing, done, total)

    def _draw(self, thing: str, done: int, total: int) -> None:
        if thing != self._thing:
            self._finish()
            label = f"{self._verb} {thing}"
            self._bar = click.progressbar(length=total, label=f"{label:<26}", file=sys.stderr)
            self._bar.__enter__()
            self._thing = thing
        if self._bar is not None:
            self._bar.update(done - self._bar.pos)

    def _tell(self, thing: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - self._told_at >= _LINE_SECONDS:
            self._told_at = now
            click.echo(f"{self._verb} {thing}: {done:,} of {total:,}")

    def _finish(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def __enter__(self) -> "Shown":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finish()
