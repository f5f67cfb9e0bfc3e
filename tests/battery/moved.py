"""A shop that has moved from RageFrame to a server of denglu, and what its people do then."""

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.battery.client import Client
from tests.battery.conftest import Record
from tests.battery.harness import Answer, Server
from tests.importing.expectation import Expectation
from tests.importing.moving_in import MOUNTS, Imported, Move, rageframe_on
from tests.importing.people import MEMBER, MERCHANT_USER
from tests.importing.phones import ACCESS_LIFE, LiveToken
from tests.importing.rageframe import Rageframe
from tests.importing.shop import Shop, grown_shop
from tests.servers.mariadb import MariadbServer

_SITE = {
    "DENGLU_WIRE": "rageframe",
    "DENGLU_MOUNTS": ",".join(MOUNTS),
    "DENGLU_PLUGINS": "merchant",
    # One that only this shop has.
    "DENGLU_GROUPS": "oldKiosk:自助机",
    "DENGLU_TRUSTED_PROXIES": "127.0.0.1",
    # Several log in at once; a machine that is busy with other things is not what this is about.
    "DENGLU_HASH_DEADLINE": "10",
}


@dataclass(frozen=True)
class Filled:
    """A RageFrame with a shop in it, and what has to come of that."""

    source: Rageframe
    shop: Shop
    expected: Expectation


@contextlib.contextmanager
def filled(
    server: MariadbServer, members: int, live_tokens: int, *, version: int = 3
) -> Iterator[Filled]:
    """A new database with so many in it."""
    with rageframe_on(server, version=version) as source:
        shop = grown_shop(members, live_tokens, int(time.time()), version=version)
        shop.move_in(source)
        yield Filled(source, shop, Expectation(shop))


@dataclass
class Moved:
    """A shop, and the move that was made of it."""

    shop: Shop
    expected: Expectation
    move: Move
    imported: Imported
    given: set[int] = field(default_factory=set)

    @property
    def server(self) -> Server:
        return self.move.server

    def tokens(self, count: int, good: Callable[[LiveToken], bool]) -> list[LiveToken]:
        """So many live tokens of a kind that no test has had, each the only one of its member."""
        of = Counter(token.member["id"] for token in self.shop.live)
        free = (t for t in self.shop.live if of[t.member["id"]] == 1 and id(t) not in self.given)
        found = list(itertools.islice(filter(good, free), count))
        assert len(found) == count
        self.given |= set(map(id, found))
        return found


def denglu_in(folder: Path, database: dict[str, str]) -> Server:
    """A denglu with its tables, which is not started."""
    settings = {f"DENGLU_{name.upper()}": value for name, value in database.items()}
    server = Server(folder, settings | _SITE)
    server.migrate()
    return server


def brought(there: Filled, server: Server) -> Moved:
    """Import it."""
    move = Move(there.source, server)
    return Moved(there.shop, there.expected, move, move.run_import())


@contextlib.contextmanager
def taken_over(moved: Moved) -> Iterator[Moved]:
    """Its server runs inside, and has no trouble."""
    server = moved.server
    server.start()
    try:
        yield moved
    finally:
        code = server.stop()
        server.close()
    assert code == 0, server.log[-2000:]
    assert not server.troubles(), server.troubles()[:5]


def check_sums(moved: Moved) -> None:
    """What the two databases say themselves: amounts there, hundredths here."""
    money = ("user_money", "accumulate_money", "give_money", "consume_money", "frozen_money",
             "consume_integral", "economize_money", "accumulate_drawn_money")  # fmt: skip
    points = ("user_integral", "accumulate_integral", "give_integral", "user_growth")
    source, prefix = moved.move.source, moved.move.source.prefix
    names = ", ".join(f"sum({name})" for name in (*money, *points))
    first = f"select min(id) from {prefix}member_account group by member_id"
    brought = f"select id from {prefix}member where type in ({MEMBER}, {MERCHANT_USER})"
    (theirs,) = source.sql(
        f"select {names} from {prefix}member_account where id in ({first}) "
        f"and member_id in ({brought})"
    )
    (ours,) = moved.server.rows(f"select {names} from member_account")
    factors = [100] * len(money) + [1] * len(points)
    amounts = [a * factor for a, factor in zip(theirs, factors, strict=True)]
    assert amounts == list(ours)
    assert any(amounts)


def tell_speed(moved: Moved, record: Record) -> None:
    """For row V01."""
    members = len(moved.shop.members)
    pace = members / moved.imported.seconds * 60
    record(
        "V01",
        tried=f"{members:,} members and {len(moved.shop.tokens):,} rows of tokens into "
        f"{moved.server.database_kind}",
        figure=f"every value agrees, {moved.imported.seconds:.1f} s: {pace:,.0f} members a minute",
    )


def is_fresh(token: LiveToken) -> bool:
    """Whether its access token is good for long enough to be tried."""
    return token.made_at + ACCESS_LIFE > time.time() + 600


def refreshed(app: Client, token: str, group: str | None, mount: str = "") -> Answer:
    """The next pair, as an app asks for it."""
    body = {"refresh_token": token} | ({} if group is None else {"group": group})
    return app.call("POST", f"{mount}/v1/site/refresh", body)
