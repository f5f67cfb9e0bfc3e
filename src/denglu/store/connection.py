"""What a driver gives the repositories, and what it may raise."""

from typing import Protocol

from denglu.store.compiled import Params, Row


class Duplicate(Exception):
    """A unique key is in use. The text names the key or its columns."""


class Connection(Protocol):
    """Runs compiled statements by name, inside the current transaction.

    Coroutines, because network drivers wait; the embedded driver never does.
    """

    async def one(self, name: str, params: Params) -> Row | None:
        """The first row."""
        ...

    async def all(self, name: str, params: Params) -> list[Row]:
        """All rows."""
        ...

    async def run(self, name: str, params: Params) -> int:
        """The number of rows that matched. Raises Duplicate."""
        ...

    async def insert(self, name: str, params: Params) -> int:
        """The new row's id. Raises Duplicate."""
        ...
