"""Rows to domain values and back: the one place that knows the order of columns."""

from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from typing import Any

from denglu.domain.member import Account, Level, Member, NewMember, default_nickname, name_key
from denglu.domain.merchant import Merchant
from denglu.domain.session import Found, Kind, Session, TokenRecord
from denglu.flows.ports import NewCode, NewSession
from denglu.store.compiled import Params, Row

# Columns that hold exact decimals, in whole hundredths.
HUNDREDTHS = {
    "user_money", "accumulate_money", "give_money", "consume_money", "frozen_money",
    "consume_integral", "economize_money", "accumulate_drawn_money", "money", "discount",
}  # fmt: skip

ACCOUNT_COLUMNS = tuple(f.name for f in fields(Account))
LEVEL_COLUMNS = tuple(f.name for f in fields(Level))
MEMBER_COLUMNS = tuple(f.name for f in fields(Member) if f.name not in ("account", "member_level"))
_SESSION_NAMES = {"group": "client_group"}
MERCHANT_COLUMNS = tuple(f.name for f in fields(Merchant))
SESSION_COLUMNS = tuple(_SESSION_NAMES.get(f.name, f.name) for f in fields(Session))

NEW_MEMBER_COLUMNS = (
    "merchant_id", "type", "username", "nickname", "email", "mobile", "tree", "source",
    "created_at", "updated_at", "password_hash", "legacy_hash",
    "username_key", "mobile_key", "email_key",
)  # fmt: skip
NEW_SESSION_COLUMNS = (
    "merchant_id", "member_id", "member_type", "client_group", "slot", "nonce",
    "access_expires_at", "refresh_expires_at", "absolute_expires_at", "created_at",
    "rotated_at", "device", "ip",
)  # fmt: skip
NEW_CODE_COLUMNS = (
    "merchant_id", "number_key", "mobile_masked", "code_usage", "live", "salt", "digest",
    "created_at", "expires_at", "ip",
)  # fmt: skip

# A deleted member keeps the id and the books; the person and every name are gone.
WIPED_MEMBER: dict[str, Any] = {
    "username": "", "realname": "", "nickname": "", "head_portrait": "", "gender": 0, "qq": "",
    "email": "", "birthday": None, "province_id": 0, "city_id": 0, "area_id": 0, "address": "",
    "mobile": "", "tel_no": "", "bg_image": "", "description": "", "last_ip": "",
    "promoter_code": "", "password_hash": None, "legacy_hash": None,
    "username_key": None, "mobile_key": None, "email_key": None,
}  # fmt: skip

_CENT = Decimal("0.01")
_MEMBER_END = len(MEMBER_COLUMNS)
_ACCOUNT_END = _MEMBER_END + len(ACCOUNT_COLUMNS)
_ACCOUNT_CENTS = [i for i, name in enumerate(ACCOUNT_COLUMNS) if name in HUNDREDTHS]
_LEVEL_CENTS = [i for i, name in enumerate(LEVEL_COLUMNS) if name in HUNDREDTHS]
_TOKEN_END = 5
_SESSION_END = _TOKEN_END + len(SESSION_COLUMNS)


@lru_cache(1024)
def _hundredths(number: int) -> Decimal:
    """Most balances are 0: one 0.00 will do for all of them."""
    return Decimal(number) * _CENT


def _exact(part: Row, cents: list[int]) -> list[Any]:
    values = list(part)
    for index in cents:
        values[index] = _hundredths(values[index])
    return values


@lru_cache(256)
def _level_from(part: Row) -> Level:
    """Members of a level share it: those in a cache take much less memory so."""
    return Level(*_exact(part, _LEVEL_CENTS))


def member_from(row: Row) -> Member:
    """A row of member, account and level columns."""
    account, level = row[_MEMBER_END:_ACCOUNT_END], row[_ACCOUNT_END:]
    parts: list[Any] = [
        *row[:_MEMBER_END],
        None if account[0] is None else Account(*_exact(account, _ACCOUNT_CENTS)),
        None if level[0] is None else _level_from(level),
    ]
    return Member(*parts)


def merchant_from(row: Row) -> Merchant:
    """A row of merchant columns."""
    return Merchant(*row)


def session_from(row: Row) -> Session:
    """A row of session columns."""
    return Session(*row)


def found_from(row: Row) -> Found:
    """A row of ``token_find``."""
    kind, generation, rotated_at, child_used_at, unmarked = row[:_TOKEN_END]
    return Found(
        TokenRecord(Kind(kind), generation, rotated_at, child_used_at),
        session_from(row[_TOKEN_END:_SESSION_END]),
        member_from(row[_SESSION_END:]),
        parent_unmarked=bool(unmarked),
    )


def can_be_stored(text: str) -> bool:
    """PostgreSQL's texts hold no NUL, and nobody's hold half a character."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def new_member(new: NewMember, now: int) -> Params:
    """Values of ``member_add``."""
    legacy = new.password_hash is not None and new.password_hash.startswith("$2")
    return {
        "merchant_id": new.merchant_id,
        "type": int(new.type),
        "username": new.username,
        "nickname": new.nickname,
        "email": new.email,
        "mobile": new.mobile,
        "tree": "",
        "source": new.source,
        "created_at": now,
        "updated_at": now,
        "password_hash": new.password_hash,
        "legacy_hash": 1 if legacy else None,
        "username_key": name_key(new.username) or None,
        "mobile_key": new.mobile or None,
        "email_key": name_key(new.email) or None,
    }


def nickname_of(new: NewMember, member_id: int) -> str:
    """The nickname a new member starts with."""
    return new.nickname or default_nickname(new.mobile, member_id)


def new_session(new: NewSession, slot: int) -> Params:
    """Values of ``session_add``."""
    return {
        "merchant_id": new.merchant_id,
        "member_id": new.member_id,
        "member_type": new.member_type,
        "client_group": new.group,
        "slot": slot,
        "nonce": new.nonce,
        "access_expires_at": new.lives.access,
        "refresh_expires_at": new.lives.refresh,
        "absolute_expires_at": new.absolute_expires_at,
        "created_at": new.now,
        "rotated_at": new.now,
        "device": new.device[:64],
        "ip": new.ip[:45],
    }


def new_code(new: NewCode) -> Params:
    """Values of ``code_add``."""
    return {
        "merchant_id": new.merchant_id,
        "number_key": new.number_key,
        "mobile_masked": new.masked,
        "code_usage": new.usage,
        "live": 1,
        "salt": new.salt,
        "digest": new.digest,
        "created_at": new.now,
        "expires_at": new.expires_at,
        "ip": new.ip[:45],
    }
