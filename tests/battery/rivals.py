"""Requests for races, and the judge of what came out of one."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.battery.client import fresh_address
from tests.battery.harness import Answer, Raw, Server

ROUNDS = 20
# SQLite takes no longer UNION.
_MOST_AT_ONCE = 400


def rounds(server: Server, on_sqlite: int = ROUNDS) -> int:
    """How often rivals meet: on network databases, which take their turn as well, less often."""
    return on_sqlite if server.database_kind == "sqlite" else max(5, on_sqlite // 10)


def rounds_told(server: Server, on_sqlite: int = ROUNDS) -> str:
    """The same, for the table."""
    return f"{rounds(server, on_sqlite)} rounds on {server.database_kind}"


def site(
    name: str, body: Mapping[str, object] | None = None, *, ip: str = "", token: str | None = None
) -> Raw:
    """POST /v1/site/NAME, from a new address unless told."""
    headers = {"X-Forwarded-For": ip or fresh_address()}
    return Raw(f"/v1/site/{name}", body or {}, token=token, headers=headers)


def refresh(token: str, group: str = "pc") -> Raw:
    """A refresh."""
    return site("refresh", {"refresh_token": token, "group": group})


def login(username: str, password: str, group: str = "pc", *, ip: str = "") -> Raw:
    """A login with a password."""
    return site("login", {"username": username, "password": password, "group": group}, ip=ip)


def outcomes(answers: Sequence[Answer]) -> Counter[str]:
    """How many answers of each kind: OK, or the reason. No answer may be unplanned."""
    for answer in answers:
        assert answer.status == 200, answer.text
        assert answer.code is not None, answer.text
        assert answer.code == 200 or answer.reason, answer.text
    return Counter("OK" if answer.code == 200 else str(answer.reason) for answer in answers)


def only_winner(answers: Sequence[Answer], *reasons: str) -> Answer:
    """The one success; every other answer was refused, with one of these reasons."""
    counted = outcomes(answers)
    assert counted.pop("OK", 0) == 1, f"not one winner among {len(answers)}: {counted}"
    assert set(counted) <= set(reasons), counted
    return next(answer for answer in answers if answer.code == 200)


def events(server: Server, event: str) -> int:
    """How many audit events of this name there are."""
    return int(server.rows("SELECT count(*) FROM audit_event WHERE event = ?", event)[0][0])


def clone_members(server: Server, model: str, mobiles: Sequence[str]) -> None:
    """Members with these numbers and the password of the one with the number ``model``."""
    for start in range(0, len(mobiles), _MOST_AT_ONCE):
        _clone(server, model, mobiles[start : start + _MOST_AT_ONCE])


def _clone(server: Server, model: str, mobiles: Sequence[str]) -> None:
    kept = ("merchant_id", "type", "nickname", "tree", "source", "created_at", "updated_at")
    columns = ", ".join((*kept, "password_hash"))
    copied = ", ".join(f"m.{name}" for name in (*kept, "password_hash"))
    numbers = " UNION ALL ".join(["SELECT ? AS value", *["SELECT ?"] * (len(mobiles) - 1)])
    server.rows(
        f"INSERT INTO member ({columns}, mobile, mobile_key) "
        f"SELECT {copied}, e.value, e.value FROM member m, ({numbers}) e WHERE m.mobile_key = ?",
        *mobiles,
        model,
    )
    server.rows(
        "INSERT INTO member_account (merchant_id, member_id, member_type) "
        f"SELECT m.merchant_id, m.id, m.type FROM member m, ({numbers}) e "
        "WHERE m.mobile_key = e.value",
        *mobiles,
    )


def hash_of(server: Server, mobile: str) -> str:
    """The stored password hash of the member with this number."""
    return str(server.rows("SELECT password_hash FROM member WHERE mobile_key = ?", mobile)[0][0])


def member_id(server: Server, mobile: str) -> int:
    """The id of the member with this number."""
    return int(server.rows("SELECT id FROM member WHERE mobile_key = ?", mobile)[0][0])
