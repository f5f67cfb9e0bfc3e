"""Retention: finds a batch of keys, then deals with each by its key (short locks only)."""

from typing import Any

from denglu.domain.session import EndReason
from denglu.store.connection import Connection
from denglu.store.spending import SPENDING_KEY


class SqlUpkeep:
    """Fulfils ``flows.ports.Upkeep``."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    async def expire_sessions(self, now: int, limit: int) -> int:
        found = await self._find("expired_sessions", now, limit)
        for key in found:
            end = {"p_session_id": key, "p_reason": EndReason.expired.value, "p_by": ""}
            await self._db.run("session_end", end | {"p_now": now})
        return len(found)

    async def drop_sessions(self, ended_before: int, limit: int) -> int:
        return await self._drop("old_sessions", ended_before, limit, "drop_session", "drop_tokens")

    async def drop_codes(self, expired_before: int, limit: int) -> int:
        return await self._drop("old_codes", expired_before, limit, "drop_code")

    async def drop_tallies(self, expired_before: int, limit: int) -> int:
        return await self._drop("old_tallies", expired_before, limit, "drop_tally")

    async def drop_audit(self, before: int, limit: int) -> int:
        return await self._drop("old_audit", before, limit, "drop_audit")

    async def drop_messages(self, before: int, limit: int) -> int:
        return await self._drop("old_messages", before, limit, "drop_message")

    async def drop_spending(self, ended_before: int, limit: int) -> int:
        params = {"p_before": ended_before, "p_limit": limit}
        found = sorted(tuple(row) for row in await self._db.all("old_spending", params))
        for key in found:
            named = zip(SPENDING_KEY, key, strict=True)
            await self._db.run("drop_spending", {f"p_{name}": value for name, value in named})
        return len(found)

    async def _drop(self, finder: str, before: int, limit: int, *droppers: str) -> int:
        found = await self._find(finder, before, limit)
        for dropper in droppers:
            for key in found:
                await self._db.run(dropper, {"p_key": key, "p_before": before})
        return len(found)

    async def _find(self, finder: str, before: int, limit: int) -> list[Any]:
        rows = await self._db.all(finder, {"p_before": before, "p_limit": limit})
        return sorted(row[0] for row in rows)
