"""Stand-ins for what the API is given: flows that remember their calls, and options."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from denglu.domain.deletion import Cancellation
from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Account, Level
from denglu.domain.session import Caller, Found, Kind, Session, TokenRecord
from denglu.domain.sms_message import Receipt
from denglu.flows.results import Grant
from tests.domain import people

NOW = people.NOW
ACCESS, REFRESH = "A" * 43, "R" * 43
# The only one there is.
MERCHANT = 7

ZERO = Decimal("0.00")

ACCOUNT = Account(
    id=9,
    merchant_id=0,
    store_id=0,
    member_id=7,
    member_type=1,
    user_money=Decimal("12.50"),
    accumulate_money=Decimal("100000000000000.10"),
    give_money=ZERO,
    consume_money=Decimal("0.30"),
    frozen_money=ZERO,
    user_integral=30,
    accumulate_integral=40,
    give_integral=0,
    consume_integral=Decimal("2.25"),
    frozen_integral=0,
    user_growth=5,
    accumulate_growth=6,
    consume_growth=0,
    frozen_growth=0,
    economize_money=ZERO,
    accumulate_drawn_money=ZERO,
    status=1,
)
LEVEL = Level(
    id=1,
    merchant_id=0,
    level=1,
    name="普通会员",
    icon="",
    cover="",
    detail="",
    money=ZERO,
    integral=0,
    growth=0,
    discount=Decimal("10.0"),
    status=1,
    created_at=NOW,
    updated_at=NOW,
)
MEMBER = replace(
    people.MEMBER,
    username="demo",
    nickname="小登 <b>",
    visit_count=3,
    last_time=NOW,
    last_ip="203.0.113.9",
    role=10,
    promoter_code="ABCD2345",
    password_hash="$argon2id$canary-hash",
    password_version=1,
    account=ACCOUNT,
    member_level=LEVEL,
)
SESSION = replace(
    people.SESSION,
    group="pc",
    nonce=b"canary-nonce-16b",
    device="unknown",
    ip="203.0.113.9",
)
FOUND = Found(TokenRecord(Kind.access, 1, None, None), SESSION, MEMBER)


@dataclass
class FakeFlows:
    """Grants everything, remembers every call; `refusal` (or any fault) is raised instead."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refusal: Exception | None = None
    token_is_good: bool = True
    found: Found = FOUND
    other_sessions: Sequence[Session] = ()
    asked: Cancellation | None = None
    # Whose tokens each of authenticate, logout and verify_token was to know.
    realms: list[int] = field(default_factory=list)

    def _note(self, name: str, **given: Any) -> None:
        self.calls.append((name, given))
        if self.refusal is not None:
            raise self.refusal

    def _grant(self) -> Grant:
        return Grant(ACCESS, REFRESH, 7200, self.found.member)

    async def login(self, **given: Any) -> Grant:
        self._note("login", **given)
        return self._grant()

    async def mobile_login(self, **given: Any) -> Grant:
        self._note("mobile_login", **given)
        return self._grant()

    async def register(self, **given: Any) -> Grant:
        self._note("register", **given)
        return self._grant()

    async def reset_password(self, **given: Any) -> Grant:
        self._note("reset_password", **given)
        return self._grant()

    async def send_code(self, **given: Any) -> None:
        self._note("send_code", **given)

    async def refresh(self, **given: Any) -> Grant:
        self._note("refresh", **given)
        return self._grant()

    async def authenticate(self, token: str, member_type: int) -> Found:
        self.realms.append(member_type)
        self._note("authenticate", token=token)
        return self.found

    async def logout(self, token: str, member_type: int) -> Found:
        self.realms.append(member_type)
        self._note("logout", token=token)
        return self.found

    async def verify_token(self, token: str, member_type: int) -> bool:
        self.realms.append(member_type)
        self._note("verify_token", token=token)
        return self.token_is_good

    async def check_merchant(self, merchant_id: int) -> None:
        self._note("check_merchant", merchant_id=merchant_id)
        if merchant_id != MERCHANT:
            raise Refusal(Reason.merchant_not_found)

    async def sessions(self, found: Found) -> list[Session]:
        self._note("sessions", found=found)
        return [found.session, *self.other_sessions]

    async def end_session(self, found: Found, session_id: int, caller: Caller) -> None:
        self._note("end_session", found=found, session_id=session_id, caller=caller)

    async def end_other_sessions(self, found: Found, caller: Caller) -> None:
        self._note("end_other_sessions", found=found, caller=caller)

    async def change_mobile(self, found: Found, **given: Any) -> Grant:
        self._note("change_mobile", found=found, **given)
        return self._grant()

    async def cancellation(self, found: Found) -> Cancellation | None:
        self._note("cancellation", found=found)
        return self.asked

    async def cancel(self, found: Found, **given: Any) -> Cancellation:
        self._note("cancel", found=found, **given)
        return Cancellation(NOW, NOW + 7 * 86400)

    async def withdraw_cancellation(self, found: Found, caller: Caller) -> None:
        self._note("withdraw_cancellation", found=found, caller=caller)

    async def change_password(self, found: Found, **given: Any) -> Grant:
        self._note("change_password", found=found, **given)
        return self._grant()

    async def take_receipts(self, receipts: Sequence[Receipt]) -> int:
        self._note("take_receipts", receipts=receipts)
        return 0


@dataclass(frozen=True)
class FakeOptions:
    """Defaults as `settings` ships them."""

    wire: str = "document"
    http_status: str = "envelope"
    mounts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    body_limit: int = 16384
    body_timeout: float = 10
    sms_code_length: int = 6
    password_min_length: int = 8
    password_site_words: tuple[str, ...] = ("denglu",)
    docs_enabled: bool = True
    introspection_keys: tuple[Any, ...] | None = None
    access_grace: int = 10
    sms_receipt_key: Any = None
    sms_http_key: Any = None
    metrics_key: Any = None
    plugins: tuple[str, ...] = ()


def options_for(wire: str, **changes: Any) -> FakeOptions:
    """A profile's own defaults, with changes."""
    options = FakeOptions(wire=wire)
    if wire == "rageframe":
        options = replace(options, sms_code_length=4, cors_origins=("*",))
    return replace(options, **changes)


__all__ = [
    "ACCESS",
    "FOUND",
    "MEMBER",
    "MERCHANT",
    "NOW",
    "REFRESH",
    "FakeFlows",
    "FakeOptions",
    "Refusal",
    "options_for",
]
