"""People who use the server until it is gone, and remember every answer they got.

What they remember can be held against the file afterwards: ``missing`` and ``halves``.
"""

import hashlib
import random
import threading
from dataclasses import dataclass, field

import httpx
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from denglu.domain.member import SITE
from denglu.flows.code_try import number_key
from denglu.security.digests import HmacSecrets
from tests.battery.client import Client, fresh_mobile, new_member, new_password
from tests.battery.harness import PASSWORD, Answer, Server

_GROUPS = ("pc", "iOS")
_HASHER = PasswordHasher()


@dataclass
class Life:
    """One member, as the acknowledged answers tell it. ``pending``: what was not answered, or
    with busy: then it may have been done, and the shopper leaves this life alone.
    """

    mobile: str
    password: str
    # The newest acknowledged tokens of each group; and every refresh token there ever was.
    live: dict[str, tuple[str, str]] = field(default_factory=dict)
    refreshes: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    codes: int = 0
    pending: str = ""
    pending_password: str = ""
    known: bool = False


class Shopper(threading.Thread):
    """Registers, logs in, refreshes, resets and logs out until the server is gone."""

    def __init__(self, server: Server, seed: int, old: list[Life]) -> None:
        super().__init__()
        self._client = Client(server)
        self._server = server
        self._random = random.Random(seed)
        self._old = old
        self.lives: list[Life] = []
        self.acknowledged = 0
        self.refused = 0
        self.odd: list[str] = []
        self._leaving = threading.Event()

    def leave(self) -> None:
        """Stop after this life."""
        self._leaving.set()

    def run(self) -> None:
        """Until told to leave, or the connection breaks."""
        try:
            while not self._leaving.is_set():
                self._live()
        except (httpx.TransportError, OSError):
            pass
        finally:
            self._client.__exit__(None, None, None)

    def _live(self) -> None:
        if self._old and self._random.random() < 0.3:
            self._reset(self._old.pop())
            return
        mobile = fresh_mobile()
        life = Life(mobile, f"{PASSWORD}-{mobile[-4:]}")
        self.lives.append(life)
        self._register(life)
        for _ in range(self._random.randrange(6)):
            if life.pending:
                break
            deed = self._random.choice((self._login, self._refresh, self._refresh, self._logout))
            deed(life, self._random.choice(_GROUPS))

    def _done(self, life: Life, answer: Answer) -> bool:
        """Whether it went well."""
        if answer.reason in ("busy", "sms_failed"):
            self.refused += 1
            return False
        life.pending = ""
        if answer.code == 200:
            self.acknowledged += 1
        else:
            self.odd.append(answer.text)
        return answer.code == 200

    def _code(self, life: Life, usage: str) -> str | None:
        life.pending = "sms-code"
        answer = self._client.site("sms-code", {"mobile": life.mobile, "usage": usage})
        if not self._done(life, answer):
            return None
        life.codes += 1
        return str(self._server.outbox(life.mobile)[-1]["code"])

    def _register(self, life: Life) -> None:
        if code := self._code(life, "register"):
            life.pending = "register"
            body = new_member(life.mobile, code, life.password)
            answer = self._client.site("register", body)
            if self._done(life, answer):
                life.known = True
                self._opened(life, "pc", answer)

    def _login(self, life: Life, group: str) -> None:
        if life.known:
            life.pending = f"login {group}"
            answer = self._client.login(life.mobile, life.password, group)
            if self._done(life, answer):
                self._opened(life, group, answer)

    def _refresh(self, life: Life, group: str) -> None:
        if group in life.live:
            life.pending = f"refresh {group}"
            answer = self._client.refresh(life.live[group][1], group)
            if self._done(life, answer):
                del life.live[group]
                self._opened(life, group, answer)

    def _logout(self, life: Life, group: str) -> None:
        if group in life.live:
            life.pending = f"logout {group}"
            if self._done(life, self._client.logout(life.live[group][0])):
                life.ended.append(life.live.pop(group)[1])

    def _reset(self, life: Life) -> None:
        self.lives.append(life)
        if code := self._code(life, "up-pwd"):
            life.pending = "reset"
            life.pending_password = f"{life.password}-again"
            body = new_password(life.mobile, code, life.pending_password, "pc")
            answer = self._client.site("up-pwd", body)
            if self._done(life, answer):
                life.password, life.pending_password = life.pending_password, ""
                life.ended += [pair[1] for pair in life.live.values()]
                life.live.clear()
                self._opened(life, "pc", answer)

    def _opened(self, life: Life, group: str, answer: Answer) -> None:
        if group in life.live:
            life.ended.append(life.live[group][1])
        pair = (answer.data["access_token"], answer.data["refresh_token"])
        life.live[group] = pair
        life.refreshes.append(pair[1])


def missing(server: Server, lives: list[Life]) -> list[str]:
    """What was acknowledged and is not there."""
    secrets = HmacSecrets(_key(server))
    found = []
    for life in lives:
        found += [f"{life.mobile}: {what}" for what in _missing(server, secrets, life)]
    return found


def _key(server: Server) -> bytes:
    if key := server.settings.get("DENGLU_SECRET_KEY"):
        return key.encode()
    return server.database.with_name(server.database.name + ".key").read_bytes().strip()


def _missing(server: Server, secrets: HmacSecrets, life: Life) -> list[str]:
    found = []
    number = number_key(secrets, SITE, life.mobile)
    codes = server.rows("SELECT count(*) FROM sms_code WHERE number_key = ?", number)[0][0]
    if codes < life.codes:
        found.append(f"{life.codes - codes} codes")
    sql = "SELECT password_hash FROM member WHERE mobile_key = ?"
    hashes = server.rows(sql, life.mobile)
    if life.known and not hashes:
        return [*found, "the member"]
    if life.known and not any(
        _fits(hashes[0][0], password) for password in (life.password, life.pending_password)
    ):
        found.append("the password")
    ends = {token: _ended(server, token) for token in life.refreshes}
    found += ["a session" for ended in ends.values() if ended is None]
    found += ["an end of a session" for token in life.ended if ends[token] is False]
    disturbed = {"reset"} | {f"{deed} {group}" for deed in ("login", "logout") for group in _GROUPS}
    if life.pending not in disturbed:
        found += [f"the life of {g}" for g, pair in life.live.items() if ends[pair[1]]]
    return found


def _fits(stored: str, password: str) -> bool:
    try:
        return bool(password) and _HASHER.verify(stored, password)
    except VerifyMismatchError:
        return False


def _ended(server: Server, token: str) -> bool | None:
    """Whether the session of a token has ended; None when nobody knows the token."""
    found = server.rows(
        "SELECT s.ended_at IS NOT NULL FROM session_token t JOIN session s ON s.id = t.session_id "
        "WHERE t.digest = ?",
        hashlib.sha256(token.encode()).digest(),
    )
    return bool(found[0][0]) if found else None


HALVES = {
    "members without one account": "SELECT count(*) FROM member m WHERE 1 != "
    "(SELECT count(*) FROM member_account a WHERE a.member_id = m.id)",
    "accounts without a member": "SELECT count(*) FROM member_account "
    "WHERE member_id NOT IN (SELECT id FROM member)",
    "live sessions without their pair": "SELECT count(*) FROM session s "
    "WHERE slot IS NOT NULL AND 2 != "
    "(SELECT count(*) FROM session_token t WHERE t.session_id = s.id "
    "AND t.generation = s.generation)",
    "tokens without a session": "SELECT count(*) FROM session_token "
    "WHERE session_id NOT IN (SELECT id FROM session)",
    "sessions without a member": "SELECT count(*) FROM session "
    "WHERE member_id NOT IN (SELECT id FROM member)",
    "codes spent for no member": "SELECT (SELECT count(*) FROM sms_code WHERE "
    "code_usage = 'register' AND used_at IS NOT NULL) - (SELECT count(*) FROM member)",
    "sessions without a word in the trail": "SELECT count(*) FROM session s WHERE NOT EXISTS "
    "(SELECT 1 FROM audit_event e WHERE e.session_id = s.id)",
}


def halves(server: Server) -> dict[str, int]:
    """Deeds that are there in part, by kind; empty when all is whole."""
    counted = {kind: int(server.rows(sql)[0][0]) for kind, sql in HALVES.items()}
    return {kind: count for kind, count in counted.items() if count}
