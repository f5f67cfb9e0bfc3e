"""The made-up membership of ``make scale``: what its rows hold, and which tokens are real.

A member is a number from 1 up. Everything about it follows from that number, so that the
database makes the rows by itself. A sample of members, spread evenly, has tokens made with the
server's key as denglu makes them; the digests of all others are SHA-256 of anything.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from denglu.domain.session import Kind
from denglu.security.tokens import HmacTokens

KEY = b"a key that guards made-up members only"
GROUPS = ("pc", "h5")
# Members that the measurement calls on.
SAMPLE = 10_000
PASSWORD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$" + "c2FsdHNhbHRzYWx0c2E$" + "A" * 43
# Numbers of neighbours lie far apart, as in life: a permutation of nine digits.
_STRIDE, _NUMBERS = 7_654_321, 10**9
_DAY = 86400


@dataclass(frozen=True, slots=True)
class Token:
    """A row of session_token."""

    digest: bytes
    session_id: int
    member_id: int
    generation: int
    kind: int


def mobile(member: int) -> str:
    """A member's mobile."""
    return f"13{member * _STRIDE % _NUMBERS:09d}"


def stranger(number: int) -> str:
    """A mobile that is nobody's."""
    return f"17{number * _STRIDE % _NUMBERS:09d}"


def sampled(size: int) -> list[int]:
    """The members whose tokens are real, spread evenly over the ids, in a fixed mixed order."""
    count = min(SAMPLE, size)
    step = size // count
    return [(place * _STRIDE % count + 1) * step for place in range(count)]


def session_id(member: int, group: int) -> int:
    """The id of a member's session in a group (0 or 1)."""
    return 2 * member - 1 + group


def nonce(session: int) -> bytes:
    """A session's nonce."""
    return hashlib.md5(b"nonce %d" % session, usedforsecurity=False).digest()


class Keyring:
    """Makes the real tokens of the sample."""

    def __init__(self) -> None:
        self._tokens = HmacTokens(KEY)

    def token(self, member: int, group: int, kind: Kind) -> str:
        """A member's token of generation 1."""
        session = session_id(member, group)
        return self._tokens.derive(kind, nonce(session), session, 1)

    def rows(self, size: int) -> Iterator[Token]:
        """Every token of the sample, as the store knows it."""
        for member in sampled(size):
            for group in range(len(GROUPS)):
                for kind in Kind:
                    digest = self._tokens.digest(kind, self.token(member, group, kind))
                    assert digest is not None
                    yield Token(digest, session_id(member, group), member, 1, int(kind))


@dataclass(frozen=True, slots=True)
class Words:
    """How a database spells what the rows need. ``series`` gives the column ``n``, 1 up to
    ``{count}``; ``digest`` and ``nonce`` are of ``{text}``; ``last`` ends the tokens' insert.
    """

    series: str
    digest: str
    nonce: str
    last: str = ""


def rows_of(words: Words, size: int, now: int, only: str = "n > 0") -> dict[str, str]:
    """One ``INSERT … SELECT`` for each table, but for the sample's tokens.

    ``only``: a condition on ``n``, a member's or a session's number.
    """
    step = size // min(SAMPLE, size)
    member = f"(SELECT n FROM ({words.series.format(count=size)}) AS a WHERE {only}) AS m"
    session = f"(SELECT n FROM ({words.series.format(count=2 * size)}) AS b WHERE {only}) AS s"
    owner = "((n + 1) / 2)"
    group = f"CASE WHEN n % 2 = 1 THEN '{GROUPS[0]}' ELSE '{GROUPS[1]}' END"
    created = f"({now} - {owner} * 48271 % {29 * _DAY})"
    fresh = f"{owner} % {step} = 0"
    number = f"(n * {_STRIDE} % {_NUMBERS})"
    padded = f"substr(CAST({number} + {_NUMBERS} AS text), 2)"
    secret = words.nonce.format(text="'nonce ' || CAST(n AS text)")
    tokens = " UNION ALL ".join(
        f"SELECT {words.digest.format(text=f'{kind!r} || CAST(n AS text)')} AS digest, n AS sid,"
        f" {owner} AS mid, 1 AS generation, {int(kind)} AS kind FROM {session} WHERE NOT {fresh}"
        for kind in map(str, map(int, Kind))
    )
    return {
        "member": (
            "INSERT INTO member (id, username, nickname, mobile, tree, source, promoter_code,"
            " visit_count, last_time, last_ip, created_at, updated_at, password_hash,"
            f" username_key, mobile_key) SELECT n, 'm' || {padded}, '用户' || {padded},"
            f" '13' || {padded}, '', 'h5', 'P' || {padded}, 2, {now - _DAY}, '10.20.30.40',"
            f" {now - 90 * _DAY}, {now - _DAY}, '{PASSWORD_HASH}', 'm' || {padded},"
            f" '13' || {padded} FROM {member}"
        ),
        "member_account": (
            "INSERT INTO member_account (id, member_id, user_integral, accumulate_integral)"
            f" SELECT n, n, n % 1000, n % 1000 FROM {member}"
        ),
        "session": (
            "INSERT INTO session (id, member_id, client_group, slot, nonce, access_expires_at,"
            " refresh_expires_at, absolute_expires_at, created_at, rotated_at, device, ip)"
            f" SELECT n, {owner}, {group}, 0, {secret},"
            f" CASE WHEN {fresh} THEN {now + _DAY} ELSE {created} + 7200 END,"
            f" {created} + {30 * _DAY}, {created} + {90 * _DAY}, {created}, {created},"
            f" 'Chrome on Windows', '10.20.30.40' FROM {session}"
        ),
        "session_token": (
            "INSERT INTO session_token (digest, session_id, member_id, generation, kind)"
            f" SELECT digest, sid, mid, generation, kind FROM ({tokens}) AS t{words.last}"
        ),
        "audit_event": (
            "INSERT INTO audit_event (id, event, at, member_id, session_id, client_group, ip)"
            f" SELECT n, 'login', {created}, {owner}, n, {group}, '10.20.30.40' FROM {session}"
        ),
    }
