"""SQL past the store, as an operator with a database shell writes it: for what tests check."""

import asyncio
import itertools
import re
import threading
from collections.abc import Coroutine
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

_DRIVERS = {"postgresql": "postgresql+asyncpg", "mysql": "mysql+asyncmy"}


class Shell:
    """Statements on a PostgreSQL or MariaDB database, each committed by itself.

    ``shell("select …")`` gives rows as tuples; values stand for ``?`` in the text. It waits, and
    has a loop in a thread of its own: it may be called from any test, and from any thread.
    """

    def __init__(self, url: str) -> None:
        kind = make_url(url).get_backend_name()
        self._is_mysql = kind == "mysql"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        # Statements that were prepared would be stale after a change of the schema.
        options = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        self._engine = create_async_engine(
            make_url(url).set(drivername=_DRIVERS[kind]),
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args=options if kind == "postgresql" else {},
        )

    def __call__(self, text: str, *values: object) -> list[Any]:
        return self._run(self._execute(text, values))

    def close(self) -> None:
        """Let go of the database."""
        if self._thread.is_alive():
            self._run(self._engine.dispose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _execute(self, text: str, values: tuple[object, ...]) -> list[Any]:
        async with self._engine.connect() as connection:
            result = await connection.exec_driver_sql(self._in_its_words(text), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def _in_its_words(self, text: str) -> str:
        """With the driver's own places for values."""
        if self._is_mysql:
            return text.replace("%", "%%").replace("?", "%s")
        numbers = itertools.count(1)
        return re.sub(r"\?", lambda _: f"${next(numbers)}", text)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
