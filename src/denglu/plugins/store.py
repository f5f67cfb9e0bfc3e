"""The store for flows where plugins listen: they are told what the trail says after the commit, and
what they keep of a member goes with the member.
"""

from collections.abc import Sequence
from typing import Any

from denglu.domain.audit import AuditEvent, Event
from denglu.domain.session import Found
from denglu.flows.ports import Store, T, Transaction, Work
from denglu.plugins.telling import Telling


class HeardStore:
    """Fulfils ``flows.ports.Store`` with another one. Closing it closes that one too.

    ``erase``: statements that are run, with ``p_member_id``, when a member is erased; that is done
    where nobody is told, too.
    """

    def __init__(self, store: Store, telling: Telling | None, erase: Sequence[str] = ()) -> None:
        self._store = store
        self._telling = telling
        self._erase = erase

    async def write(self, work: Work[T]) -> T:
        events: list[AuditEvent] = []

        async def heard(tx: Transaction) -> T:
            events.clear()  # a transaction may run again
            return await work(self._heard(tx, events))

        answer = await self._store.write(heard)
        if self._telling:
            self._telling.tell(events)
        return answer

    def _heard(self, tx: Transaction, events: list[AuditEvent]) -> Any:
        trail = tx.trail

        async def write(event: AuditEvent) -> None:
            await trail.write(event)
            if event.event is Event.member_deleted:
                for name in self._erase:
                    await tx.statements.run(name, {"p_member_id": event.member_id})
            events.append(event)

        return _But(tx, trail=_But(trail, write=write))

    async def read(self, work: Work[T]) -> T:
        return await self._store.read(work)

    async def find_token(self, digest: bytes) -> Found | None:
        return await self._store.find_token(digest)

    async def has_legacy_hashes(self) -> bool:
        return await self._store.has_legacy_hashes()

    async def imported_until(self) -> int:
        return await self._store.imported_until()

    async def ready(self) -> bool:
        return await self._store.ready()

    async def close(self) -> None:
        if self._telling:
            await self._telling.close()
        await self._store.close()


class _But:
    """A part of a transaction, or all of it, in which one thing is another."""

    def __init__(self, whole: object, **changed: object) -> None:
        self._whole = whole
        self.__dict__.update(changed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)
