"""Merchants, under the ids that their members and users name."""

from collections.abc import Iterable

from sqlalchemy import bindparam, select, update

from denglu.domain.member import MemberType, Status, name_key
from denglu.importing.bringing import Item, Run, status_of
from denglu.importing.layout import defaults_of, digest_of
from denglu.importing.members import END_SESSIONS
from denglu.importing.names import Names, Scope
from denglu.importing.target import Mark, bound, change, chunks, is_brought
from denglu.moving.side import MovingTrouble, Row
from denglu.store.schema import member, merchant

TABLE = "merchant"
_SCOPE = Scope(0, 0)
_FIELD = "name"
# Of merchants that members name and no row describes.
_MADE = "made"


class MerchantStep:
    """Fulfils ``bringing.Step``. Made with ``prepare``."""

    kind = "merchant"
    table = TABLE

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reader = run.reader(TABLE)
        self.columns = self._reader.columns
        self._names = Names()
        self._own: dict[int, str | None] = {}
        self._made: set[int] = set()

    async def prepare(self) -> None:
        """Look at all merchants, there and here."""
        self._made, self._own = await _made(self._run), await _own(self._run)
        async for rows in self._run.source.batches(TABLE, self.columns):
            for row in rows:
                values = self._reader.read(row)[0]
                if key := name_key(values["name"]):
                    self._names.claim(_FIELD, _SCOPE, key, row[0], status_of(values))

    def read(self, row: Row) -> Item | None:
        values, repaired = self._reader.read(row)
        if row[0] == self._run.terms.site_merchant:
            self._run.leave(TABLE, "site_merchant", row[0], values)
            return None
        if row[0] in self._own:
            raise MovingTrouble(
                f"{self._run.target.side.where} has a merchant {row[0]} of its own, whose members "
                f"would be mixed with those of the source's merchant {row[0]}: import into a "
                "database in which no merchant was added yet"
            )
        self._run.repaired(TABLE, row[0], repaired)
        self._run.merchants.add(row[0])
        # A merchant that was deleted there can be enabled here, but nobody logs in meanwhile.
        values["status"] = max(status_of(values), Status.disabled.value)
        if values["status"] != Status.enabled:
            self._run.closed.add(row[0])
        key: str | None = name_key(values["name"]) or None
        if key is not None:
            owner = self._names.owner(_FIELD, _SCOPE, key)
            if owner != row[0] or key in self._own.values():
                self._run.findings.note("duplicate_name", TABLE, row[0], kept_by=owner)
                key = None
        values["name_key"] = key
        return Item(row[0], row[0], values, digest_of(values))

    async def sift(self, items: list[Item], marks: dict[int, Mark]) -> list[Item]:
        for item in items:
            item.exists = item.source_id in marks or item.source_id in self._made
        return items

    async def write(self, items: list[Item], marks: dict[int, Mark]) -> None:
        target = self._run.target
        changed = [item.values for item in items if item.exists]
        if changed:
            # Names that change hands are free for a moment.
            await target.side.run_each(_NAMELESS, [{"p_id": row["id"]} for row in changed])
            await target.side.run_each(_CHANGE, [bound(row) for row in changed])
            await self._shut_out(row["id"] for row in changed if row["status"] != Status.enabled)
        await target.insert(merchant, [item.values for item in items if not item.exists])

    async def _shut_out(self, merchants: Iterable[int]) -> None:
        """End every session of their users, whose logins that are under way come to nothing."""
        side, users = self._run.target.side, list[int]()
        for part in chunks(merchants):
            its = member.c.merchant_id.in_(part), member.c.type == MemberType.merchant_user.value
            held = select(member.c.id).where(*its).order_by(member.c.id).with_for_update()
            users += [row[0] for row in await side.fetch(held)]
        if users:
            now = self._run.now
            await side.run_each(END_SESSIONS, [{"p_id": user, "p_now": now} for user in users])

    async def lose(self, marks: list[Mark]) -> None:
        """Its members are still here."""


async def make_missing(run: Run) -> int:
    """A merchant for each that members name and no row describes; returns how many."""
    named = {known.merchant_id for known in run.members.values()} - {0}
    there = {row[0] for row in await run.target.side.fetch(select(merchant.c.id))}
    missing = sorted(named - there - run.merchants)
    for merchant_id in missing:
        run.findings.note("merchant_made", TABLE, merchant_id)
    if missing and not run.target.dry:
        rows = [_nameless(merchant_id, run.now) for merchant_id in missing]
        async with run.target.side.transaction():
            await run.target.insert(merchant, rows)
            marks = [Mark(merchant_id, bytes(32), None, merchant_id) for merchant_id in missing]
            await run.target.note(_MADE, marks, ())
    return len(missing)


async def _own(run: Run) -> dict[int, str | None]:
    """Merchants of our own, with the keys of their names."""
    ours = ~is_brought(MerchantStep.kind, merchant) & ~is_brought(_MADE, merchant)
    ask = select(merchant.c.id, merchant.c.name_key).where(ours)
    return {row[0]: row[1] for row in await run.target.side.fetch(ask)}


async def _made(run: Run) -> set[int]:
    return set(await run.target.marks(_MADE, -1, None))


def _nameless(merchant_id: int, now: int) -> dict[str, object]:
    named = {"name": f"Merchant {merchant_id}", "created_at": now, "updated_at": now}
    return {**defaults_of(merchant), **named, "id": merchant_id}


_this = merchant.c.id == bindparam("p_id")
_NAMELESS = update(merchant).values(name_key=None).where(_this)
_CHANGE = change(merchant, defaults_of(merchant)).where(_this)
