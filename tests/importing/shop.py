"""A shop that has run on RageFrame for years: everything that an import meets, from one seed."""

import random
from dataclasses import dataclass, field

from tests.importing.people import (
    GONE,
    MERCHANTS,
    Row,
    account,
    binding,
    levels,
    members,
    merchant,
)
from tests.importing.phones import LiveToken, give_tokens
from tests.importing.rageframe import Rageframe

SEED = 6


@dataclass
class Shop:
    """``now``: Unix second of the move. ``live``: the good tokens."""

    now: int
    version: int = 3
    members: list[Row] = field(default_factory=list)
    accounts: list[Row] = field(default_factory=list)
    levels: list[Row] = field(default_factory=list)
    merchants: list[Row] = field(default_factory=list)
    bindings: list[Row] = field(default_factory=list)
    tokens: list[Row] = field(default_factory=list)
    live: list[LiveToken] = field(default_factory=list)

    def move_in(self, place: Rageframe) -> None:
        """Put all of it into an empty database."""
        place.create()
        place.fill("merchant", self.merchants)
        place.fill("member_level", self.levels)
        place.fill("member", self.members)
        place.fill("member_account", self.accounts)
        place.fill("member_auth", self.bindings)
        place.fill("api_access_token", self.tokens)


def grown_shop(count: int, live_tokens: int, now: int, *, version: int = 3) -> Shop:
    """A shop of ``count`` members and users of merchants, with so many rows of good tokens."""
    chance = random.Random(SEED)
    shop = Shop(now, version)
    shop.merchants = [merchant(number, chance, now) for number in MERCHANTS]
    shop.levels = list(levels(chance, now))
    shop.members = list(members(count, chance, now, version))
    owners = [row for row in shop.members if chance.random() < 0.97]
    # Second accounts, and accounts of nobody.
    owners += [*chance.sample(owners, count // 100), GONE, GONE]
    shop.accounts = [account(number, row, chance) for number, row in enumerate(owners, 1)]
    bound = [*chance.sample(shop.members, count // 5), GONE]
    shop.bindings = [binding(number, row, chance, now) for number, row in enumerate(bound, 1)]
    shop.live, shop.tokens = give_tokens(shop.members, live_tokens, chance, now)
    return shop
