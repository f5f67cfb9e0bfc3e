"""Members' accounts elsewhere (WeChat and the like): kept as they are, under the ids they have."""

from sqlalchemy import bindparam, delete

from denglu.domain.member import Status
from denglu.importing.bringing import Item, Run
from denglu.importing.layout import defaults_of, digest_of
from denglu.importing.target import Mark, bound, change
from denglu.moving.side import Row
from denglu.store.schema import member, member_auth

TABLE = "member_auth"


class BindingStep:
    """Fulfils ``bringing.Step``."""

    kind = "auth"
    table = TABLE

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reader = run.reader(TABLE)
        self.columns = self._reader.columns

    def read(self, row: Row) -> Item | None:
        values, repaired = self._reader.read(row)
        owner = self._run.whose(TABLE, row[0], values)
        if owner is None:
            return None
        if owner.status == Status.deleted:
            self._run.leave(TABLE, "member_deleted", row[0], values)
            return None
        self._run.repaired(TABLE, row[0], repaired)
        values |= {"merchant_id": owner.merchant_id, "member_type": owner.type}
        return Item(row[0], row[0], values, digest_of(values))

    async def sift(self, items: list[Item], marks: dict[int, Mark]) -> list[Item]:
        """Of whom was erased here nothing comes back."""
        members = {item.values["member_id"] for item in items}
        erased = await self._run.target.where_in(
            [member.c.id], member.c.id, members, member.c.status == Status.deleted.value
        )
        gone = {row[0] for row in erased}
        for item in items:
            if item.values["member_id"] in gone:
                item.left = True
                self._run.leave(TABLE, "erased_here", item.source_id, item.values)
        return [item for item in items if not item.left]

    async def write(self, items: list[Item], marks: dict[int, Mark]) -> None:
        target = self._run.target
        changed = [item.values for item in items if item.source_id in marks]
        if changed:
            await target.side.run_each(_CHANGE, [bound(row) for row in changed])
        fresh = [item.values for item in items if item.source_id not in marks]
        await target.insert(member_auth, fresh)

    async def lose(self, marks: list[Mark]) -> None:
        """What is unbound there is unbound here."""
        if marks:
            dropped = [{"p_id": mark.target_id} for mark in marks]
            await self._run.target.side.run_each(_DROP, dropped)
            await self._run.target.forget(self.kind, [mark.source_id for mark in marks])


_this = member_auth.c.id == bindparam("p_id")
_DROP = delete(member_auth).where(_this)
_CHANGE = change(member_auth, defaults_of(member_auth)).where(_this)
