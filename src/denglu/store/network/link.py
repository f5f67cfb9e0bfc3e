"""What a driver gives the network store, and the few ways in which it may fail.

A driver turns every error of its library into one of these; nothing else comes out of it.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from denglu.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: to connect, for a statement, to wait for a connection of the pool."""

    connect: float = 2.0
    statement: float = 3.0
    pool: float = 2.0


class Unreachable(Exception):
    """The database did not answer, or the connection broke. What was done is not known."""


class Crowded(Exception):
    """There is no room: in our pool, or on the server, which is well otherwise."""


class NoTable(Crowded):
    """There is no such table before the next migration."""


class Conflict(Exception):
    """The database undid the transaction because of a rival: the same again may succeed."""


class TooSlow(Exception):
    """The database gave a statement up: it ran, or waited for a rival's lock, for too long."""


class Link(Connection, Protocol):
    """One connection, in one task's hands. Outside a transaction each statement is its own.

    Every method may raise Unreachable, Crowded, Conflict or TooSlow besides what
    ``Connection`` says.
    """

    async def begin(self) -> None:
        """Begin a transaction that sees what others have committed (READ COMMITTED)."""
        ...

    async def commit(self) -> None:
        """Make it durable."""
        ...

    async def rollback(self) -> None:
        """Undo it."""
        ...


class Driver(Protocol):
    """A pool of links to one database."""

    def link(self) -> AbstractAsyncContextManager[Link]:
        """A link, given back to the pool afterwards. Raises Unreachable or Crowded.

        Its connection is cut off, and never lent again, when whoever had it was stopped in the
        middle or met Unreachable.
        """
        ...

    async def probe(self) -> None:
        """Connect anew and run the shortest statement. Raises Unreachable or Crowded."""
        ...

    def renew(self) -> None:
        """Let go of every link that is not in use: none of them is trusted any more."""
        ...

    async def close(self) -> None:
        """Let go of every connection, in time or by force."""
        ...
