"""Small RageFrames made by hand, and imports of them."""

import asyncio
import hashlib
import io
import json
import time
from dataclasses import dataclass, field
from typing import Any

from denglu.domain.groups import Groups
from denglu.importing.bringing import Terms
from denglu.importing.rageframe import Order, Report, import_rageframe
from denglu.importing.tally import Tally
from denglu.moving.copying import Progress
from tests.flows.world import FakeClock
from tests.importing.rageframe import Rageframe
from tests.moving.places import Place, quiet

NOW = int(time.time())
# Of "moonlit-harbour-17", as PHP writes it; nobody logs in with it here.
BCRYPT = "$2y$10$" + "abcdefghijklmnopqrstuv" + "A" * 31  # pragma: allowlist secret
TERMS = Terms(7200, 30 * 86400, 90 * 86400, Groups(folded=True))


def person(number: int, **given: object) -> dict[str, object]:
    """A row of members."""
    row: dict[str, object] = {
        "id": number,
        "merchant_id": 0,
        "username": f"u{number}",
        "password_hash": BCRYPT,
        "type": 1,
        "nickname": f"n{number}",
        "email": None,
        "mobile": f"13{number:09d}",
        "last_time": 5,
        "birthday": None,
        "status": 1,
        "created_at": 11,
        "updated_at": 12,
    }
    return row | given


def books(number: int, member: int, money: str = "0.00", **given: object) -> dict[str, object]:
    """A row of accounts."""
    row: dict[str, object] = {"id": number, "member_id": member, "user_money": money}
    return row | {"consume_integral": "0.00", "status": 1} | given


def rank(number: int, level: int, name: str, **given: object) -> dict[str, object]:
    """A row of levels."""
    row: dict[str, object] = {"id": number, "merchant_id": 0, "level": level, "name": name}
    return row | {"money": "1.05", "discount": "9.50", "status": 1} | given


def bound(number: int, member: int, **given: object) -> dict[str, object]:
    """A row of accounts elsewhere."""
    row: dict[str, object] = {"id": number, "member_id": member, "oauth_client": "wechatMp"}
    return row | {"oauth_client_user_id": f"open{number}", "status": 1} | given


def text_of(number: int, kind: str, made: int = NOW - 60) -> str:
    """A token: 32 characters and a time."""
    return f"{kind}{number:0{32 - len(kind)}d}_{made:010d}"


def pass_(number: int, member: int, group: str = "iOS", **given: object) -> dict[str, object]:
    """A row of tokens."""
    row: dict[str, object] = {"id": number, "member_id": member, "group": group, "status": 1}
    row |= {"access_token": text_of(number, "a"), "refresh_token": text_of(number, "r")}
    return row | given


def digest_of(token: str) -> bytes:
    """How a token is known here."""
    return hashlib.sha256(token.encode()).digest()


@dataclass
class Came:
    """What an import said."""

    report: Report
    lines: list[dict[str, Any]] = field(default_factory=list)

    def of(self, table: str) -> Tally:
        """One table."""
        return next(tally for tally in self.report.tallies if tally.table == table)

    def counts(self, table: str) -> tuple[int, int, int]:
        """New, changed, unchanged."""
        tally = self.of(table)
        return tally.new, tally.changed, tally.unchanged

    def left_out(self, table: str) -> dict[str, int]:
        """Rows by cause."""
        return {cause: sums.rows for cause, sums in self.of(table).left_out.items()}

    def found(self, what: str) -> list[dict[str, Any]]:
        """Findings of a kind, without saying so in each."""
        return [
            {key: value for key, value in line.items() if key != "what"}
            for line in self.lines
            if line["what"] == what
        ]


def bring(source: Rageframe, place: Place, *, terms: Terms = TERMS, **order: Any) -> Came:
    """Import, in this process and without a loop that is running; all rows are accounted for."""
    came = try_to_bring(source, place, terms=terms, **order)
    assert came.report.same, [tally for tally in came.report.tallies if not tally.same]
    return came


def try_to_bring(
    source: Rageframe,
    place: Place,
    *,
    terms: Terms = TERMS,
    bringing: Progress = quiet,
    **order: Any,
) -> Came:
    """The same, whatever comes of it."""
    file = io.StringIO()
    options = {"prefix": source.prefix} | order
    whole = Order(source.url, place.url, terms, **options)

    async def work() -> Report:
        store = place.store()
        try:
            return await import_rageframe(
                whole, store, FakeClock(NOW), file=file, bringing=bringing
            )
        finally:
            await store.close()

    report = asyncio.run(work())
    return Came(report, [json.loads(line) for line in file.getvalue().splitlines()])
