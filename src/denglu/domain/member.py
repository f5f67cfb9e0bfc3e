"""Members, their accounts and levels, and the names they can be found by."""

import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum

from denglu.domain.mobile import canonical_mobile

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class MemberType(IntEnum):
    """Who logs in: a member, or (with the merchant plugin) a merchant's user."""

    member = 1
    merchant_user = 3


@dataclass(frozen=True, slots=True)
class Namespace:
    """Within which a name or a mobile is one person's, and what is tried against it is counted.

    ``merchant_id``: whose members, 0 for the site's. Merchants' users are one list, of no merchant.
    """

    merchant_id: int = 0
    member_type: int = MemberType.member

    @property
    def tag(self) -> str:
        """What sets its digests apart; empty for the site's members."""
        return "" if self == SITE else f"@{self.merchant_id}.{int(self.member_type)}"

    def marked(self, masked: str) -> str:
        """A masked number as codes, messages and the trail keep it (20 characters at the most): the
        site's members may have the number of a merchant's user, whose is marked.
        """
        return masked if self.member_type == MemberType.member else f"{masked} merchant"


SITE = Namespace()


class Status(IntEnum):
    """A member's status: only the enabled one can log in or hold a session."""

    deleted = -1
    disabled = 0
    enabled = 1


@dataclass(frozen=True, slots=True)
class Account:
    """Balances. Money and ``consume_integral`` in exact decimals, the rest whole numbers."""

    id: int
    merchant_id: int
    store_id: int
    member_id: int
    member_type: int
    user_money: Decimal
    accumulate_money: Decimal
    give_money: Decimal
    consume_money: Decimal
    frozen_money: Decimal
    user_integral: int
    accumulate_integral: int
    give_integral: int
    consume_integral: Decimal
    frozen_integral: int
    user_growth: int
    accumulate_growth: int
    consume_growth: int
    frozen_growth: int
    economize_money: Decimal
    accumulate_drawn_money: Decimal
    status: int


@dataclass(frozen=True, slots=True)
class Level:
    """A member level. ``discount`` is in tenths (10 means no discount)."""

    id: int
    merchant_id: int
    level: int
    name: str
    icon: str
    cover: str
    detail: str
    money: Decimal
    integral: int
    growth: int
    discount: Decimal
    status: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member with account and level. Times are Unix seconds; text that is unset is ''."""

    id: int
    merchant_id: int
    store_id: int
    username: str
    type: int
    realname: str
    nickname: str
    head_portrait: str
    gender: int
    qq: str
    email: str
    birthday: str | None
    province_id: int
    city_id: int
    area_id: int
    address: str
    mobile: str
    tel_no: str
    bg_image: str
    description: str
    visit_count: int
    last_time: int
    last_ip: str
    role: int
    current_level: int
    level_expiration_time: int
    level_buy_type: int
    pid: int
    level: int
    tree: str
    promoter_code: str
    certification_type: int
    source: str
    status: int
    created_at: int
    updated_at: int
    password_hash: str | None = field(repr=False)
    password_version: int
    account: Account | None
    member_level: Level | None

    @property
    def enabled(self) -> bool:
        """Whether this member may log in and hold sessions."""
        return self.status == Status.enabled

    @property
    def namespace(self) -> Namespace:
        """Where the names are this member's."""
        return Namespace(
            0 if self.type == MemberType.merchant_user else self.merchant_id, self.type
        )


@dataclass(frozen=True, slots=True)
class NewMember:
    """What a registration or an operator gives; everything else starts at its default."""

    username: str = ""
    mobile: str = ""
    email: str = ""
    nickname: str = ""
    password_hash: str | None = field(default=None, repr=False)
    source: str = ""
    merchant_id: int = 0
    type: int = MemberType.member


@dataclass(frozen=True, slots=True)
class Identifier:
    """The keys under which a login name is looked up: at most one of each kind."""

    username: str
    mobile: str | None = None
    email: str | None = None

    @property
    def canonical(self) -> str:
        """One text for every spelling of the name; limits are counted under it."""
        return self.mobile or self.email or self.username


def name_key(name: str) -> str:
    """One key for every spelling of a username or an e-mail address (NFKC, case folded).

    The store holds it in a binary-unique column, so the rule is the same on every database.
    """
    folded = unicodedata.normalize("NFKC", name).strip().casefold()
    return unicodedata.normalize("NFKC", folded)


def read_identifier(raw: str) -> Identifier:
    """Read what a person typed as login name: a username, a mobile or an e-mail address."""
    mobile = canonical_mobile(raw)
    key = name_key(raw)
    return Identifier(username=key, mobile=mobile, email=key if "@" in key else None)


def read_id(raw: str) -> int | None:
    """Read an id that a person typed; None for what is none that the store could hold."""
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 19 else None


def promoter_code(member_id: int) -> str:
    """A short code for a member, different for every id (8 characters, no look-alikes)."""
    # Multiplication by an odd number modulo 2**40 shuffles the ids without a collision.
    shuffled = member_id * 0x9E3779B97F % 2**40
    return "".join(_ALPHABET[shuffled >> shift & 31] for shift in range(0, 40, 5))


def default_nickname(mobile: str, member_id: int) -> str:
    """The nickname of a member who gave none."""
    return f"用户_{mobile[-4:]}" if mobile else f"用户_{member_id}"
