"""What a contender is: somebody who is prepared once, then served, and tells the requests that
are sent to it. ``ours`` and ``theirs`` are the ones there are.
"""

import contextlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from bench import processes
from bench.load import Chain, Request, WrongAnswer

PASSWORD = "a lantern on the bridge"
# So many members log in, and so many sessions are renewed, at once.
MEMBERS = 16
JSON = {"Content-Type": "application/json"}


class Contender(Protocol):
    """One of those who are measured."""

    @property
    def name(self) -> str: ...
    @property
    def folder(self) -> Path:
        """Its own: where it runs, and what it writes."""
        ...

    @property
    def environ(self) -> Mapping[str, str]: ...
    def prepare(self) -> None:
        """Make tables, and the member who logs in."""
        ...

    def words(self, port: int) -> list[str]:
        """The command that serves."""
        ...

    def knock(self, port: int) -> str:
        """What tells that it answers."""
        ...

    def login(self, port: int) -> Request: ...
    def check(self, port: int) -> Request:
        """With a token of a login made now."""
        ...


class Renewing(Contender, Protocol):
    """One that also renews sessions: with a refresh token, or what comes nearest."""

    def renewal(self, port: int) -> Chain:
        """Of `MEMBERS` sessions that are opened now."""
        ...


@contextlib.contextmanager
def served(contender: Contender, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """The contender, answering."""
    log = contender.folder / f"{contender.name.replace(' ', '-')}.log"
    words, environ = contender.words(port), contender.environ
    with processes.running(words, cwd=contender.folder, environ=environ, log=log) as process:
        processes.first_answer(contender.knock(port), process, log)
        yield process


def call(request: Request) -> tuple[dict[str, Any], Mapping[str, str]]:
    """One request; the JSON it is answered with, and the headers. Raises WrongAnswer."""
    data = request.body.encode() if request.body else None
    asked = urllib.request.Request(request.url, data, dict(request.headers), method=request.method)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer), answer.headers
    except urllib.error.HTTPError as refused:
        raise WrongAnswer(f"{request.url}: {refused.code} {refused.read()[:300]!r}") from None
    except (OSError, ValueError) as trouble:
        raise WrongAnswer(f"{request.url}: {trouble}") from None
