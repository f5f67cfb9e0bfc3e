"""The ceiling of a refresh asks what denglu asks: no statement more, none less."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from bench.raw_refresh import asked, digest
from denglu.domain.session import Lives
from denglu.flows.ports import TokenDigests
from denglu.store.repositories import SqlSessions


class _Recorder:
    """Stands where the connection does, finds nothing and changes one row each time."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def one(self, name: str, params: Mapping[str, Any]) -> None:
        self.asked.append((name, dict(params)))

    async def run(self, name: str, params: Mapping[str, Any]) -> int:
        self.asked.append((name, dict(params)))
        return 1


async def test_the_ceiling_of_a_refresh_asks_what_the_store_asks() -> None:
    recorder: Any = _Recorder()
    sessions = SqlSessions(recorder)
    session: Any = SimpleNamespace(id=7, generation=4)
    await sessions.find(digest(7, 4, 2))
    await sessions.rotate(session, Lives(access=7300, refresh=2592100), 100)
    pair = TokenDigests(digest(7, 5, 1), digest(7, 5, 2))
    await sessions.add_pair(7, 3, 5, pair)
    assert recorder.asked == list(asked(7, 3, 4, 100))
