"""Shoppers who write down what must be in the database once an answer was on its way."""

import contextlib
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from denglu.domain.member import SITE
from denglu.flows.code_try import number_key
from denglu.security.digests import HmacSecrets
from tests.battery.harness import Answer, Server
from tests.battery.shoppers import HALVES, Life, Shopper

# What is true from an answer on, for ever: ("token", digest), ("ended", digest),
# ("member", mobile), ("code", key of a number, how many), ("reset", mobile, how many).
Fact = tuple[object, ...]


@dataclass
class Diary:
    """Which facts each answer acknowledged, by request id."""

    key: bytes
    entries: dict[str, set[Fact]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._secrets = HmacSecrets(self.key)

    def facts(self, life: Life, resets: int) -> set[Fact]:
        """All that a life's answers have acknowledged."""
        number = number_key(self._secrets, SITE, life.mobile)
        return {
            *((("member", life.mobile),) if life.known else ()),
            *(("code", number, count) for count in range(1, life.codes + 1)),
            *(("token", _digest(token)) for token in life.refreshes),
            *(("ended", _digest(token)) for token in life.ended),
            *(("reset", life.mobile, count) for count in range(1, resets + 1)),
        }


class Witness(Shopper):
    """A shopper with a diary."""

    def __init__(self, server: Server, seed: int, old: list[Life], diary: Diary) -> None:
        super().__init__(server, seed, old)
        self._diary = diary
        self._told: set[Fact] = set()
        self._answered = ""
        self._resets = 0

    def _done(self, life: Life, answer: Answer) -> bool:
        self._answered = answer.headers["x-request-id"]
        return super()._done(life, answer)

    def _code(self, life: Life, usage: str) -> str | None:
        code = super()._code(life, usage)
        self._note(life)
        return code

    def _register(self, life: Life) -> None:
        super()._register(life)
        self._note(life)

    def _login(self, life: Life, group: str) -> None:
        super()._login(life, group)
        self._note(life)

    def _refresh(self, life: Life, group: str) -> None:
        super()._refresh(life, group)
        self._note(life)

    def _logout(self, life: Life, group: str) -> None:
        super()._logout(life, group)
        self._note(life)

    def _reset(self, life: Life) -> None:
        self._told |= self._diary.facts(life, 0)  # an earlier shopper's
        super()._reset(life)
        self._resets = int(not life.pending)
        self._note(life)
        self._resets = 0

    def _note(self, life: Life) -> None:
        """Whatever is new belongs to the last answer."""
        new = self._diary.facts(life, self._resets) - self._told
        if new:
            self._diary.entries.setdefault(self._answered, set()).update(new)
            self._told |= new


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def judge(database: Path, demanded: set[Fact]) -> list[str]:
    """What is wrong with a file after a power loss; empty when all is well."""
    try:
        with contextlib.closing(apsw.Connection(str(database))) as db:
            bad = {text for (text,) in db.execute("PRAGMA integrity_check")} - {"ok"}
            if bad:  # what such a file says may be anything
                return sorted(bad)
            lost = demanded - _facts_in(db)
            halves = {kind for kind, sql in HALVES.items() if db.execute(sql).get}
    except apsw.Error as error:
        return [f"unusable: {error}"]
    return sorted({f"lost: {kind}" for kind, *_ in lost} | halves)


def _facts_in(db: apsw.Connection) -> set[Fact]:
    """All facts that a file knows."""
    facts: set[Fact] = set()
    for mobile, resets in db.execute("SELECT mobile_key, password_version FROM member"):
        facts.add(("member", mobile))
        facts |= {("reset", mobile, count) for count in range(1, resets + 1)}
    tokens = (
        "SELECT t.digest, s.ended_at IS NOT NULL FROM session_token t "
        "JOIN session s ON s.id = t.session_id WHERE t.kind = 2"
    )
    for digest, ended in db.execute(tokens):
        facts.add(("token", digest))
        if ended:
            facts.add(("ended", digest))
    for number, codes in db.execute("SELECT number_key, count(*) FROM sms_code GROUP BY 1"):
        facts |= {("code", number, count) for count in range(1, codes + 1)}
    return facts
