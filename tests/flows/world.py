"""A small world for the flows: a store, a clock that the test moves, a phone that receives.

Everything is real but time, password hashing (cheap here, and watched) and the SMS network.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.groups import DOCUMENT_GROUPS, Group
from denglu.domain.limits import Limit, Rate
from denglu.domain.member import Member
from denglu.domain.session import Caller, SessionPolicy
from denglu.domain.sms_code import CodePolicy, FixedCodes, Usage
from denglu.domain.watch import Alarms
from denglu.domain.wording import Wording
from denglu.flows.administer import Administer
from denglu.flows.authenticate import Authenticate
from denglu.flows.budget import Budget
from denglu.flows.cancel import Cancel
from denglu.flows.change_mobile import ChangeMobile
from denglu.flows.change_password import ChangePassword
from denglu.flows.code_try import CodeTry
from denglu.flows.devices import Devices
from denglu.flows.erasing import Erase
from denglu.flows.login import Login
from denglu.flows.logout import Logout
from denglu.flows.merchants import AdministerMerchants
from denglu.flows.mobile_login import MobileLogin
from denglu.flows.notice import Notices
from denglu.flows.opening import Opening
from denglu.flows.password_try import LoginLimits, PasswordTry
from denglu.flows.ports import Captcha, SmsGateway, Store
from denglu.flows.proof import Prove
from denglu.flows.pumping import Pumping
from denglu.flows.refresh import Refresh
from denglu.flows.register import Register
from denglu.flows.reset_password import ResetPassword
from denglu.flows.results import Grant
from denglu.flows.retain import Retain, Retention
from denglu.flows.sending import Sending
from denglu.flows.sms_code import SendCode, SmsLimits
from denglu.flows.suspicion import Suspicion
from denglu.flows.turnstile import Turnstile
from denglu.flows.watch import Watch
from denglu.security.digests import HmacSecrets
from denglu.security.tokens import HmacTokens
from denglu.sms.failover import Failover
from denglu.sms.memory import MemoryGateway
from tests.store.files import Sql

NOW = 1_750_000_000
DAY = 86400
KEY = b"a server key that only tests know"
MOBILE = "13800000000"
OTHER_MOBILE = "13911111111"
PASSWORD = "moonlit-harbour-17"
HOME = Caller(ip="203.0.113.7", device="iPhone")

GROUPS = {group.name: group for group in DOCUMENT_GROUPS}
IOS, PC, H5 = GROUPS["iOS"], GROUPS["pc"], GROUPS["h5"]


_RETENTION = Retention(codes=DAY, sessions=30 * DAY, audit=180 * DAY, messages=180 * DAY)


class FakeClock:
    """Stands still until the test moves it."""

    def __init__(self, now: int = NOW) -> None:
        self.time = now

    def now(self) -> int:
        return self.time

    def advance(self, seconds: int) -> None:
        self.time += seconds


class CheapPasswords:
    """Fulfils ``Passwords``: a hash is the password with a form in front.

    ``compared`` lists what was compared. While ``gate`` is closed, comparisons wait for it.
    ``busy`` is how many of the next calls find the queue full.
    """

    def __init__(self) -> None:
        self.compared: list[tuple[str, str | None]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0
        self.busy = 0

    async def hash(self, password: str) -> str:
        self._check_queue()
        await asyncio.sleep(0)
        return f"$cheap${password}"

    async def verify(self, password: str, stored: str | None) -> bool:
        self._check_queue()
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        self.compared.append((password, stored))
        return stored is not None and stored.endswith(f"${password}")

    def needs_rehash(self, stored: str) -> bool:
        return not stored.startswith("$cheap$")

    async def comparing(self, how_many: int = 1) -> None:
        """Until so many comparisons wait at the gate."""
        async with asyncio.timeout(10):
            while self.waiting < how_many:  # noqa: ASYNC110 - a step at a time, no clock
                await asyncio.sleep(0)

    def _check_queue(self) -> None:
        if self.busy:
            self.busy -= 1
            raise Refusal(Reason.busy, retry_after=1)


@dataclass(frozen=True)
class Numbers:
    """The numbers of ``defaults.md``, so that a test can change one."""

    sessions: SessionPolicy = field(default_factory=SessionPolicy)
    codes: CodePolicy = field(default_factory=CodePolicy)
    account_address: Limit = Limit("account-address", (Rate(5, 900),), lockouts=(900,))
    account: Limit = Limit("account", (Rate(10, 900),), lockouts=(900, 1800, 3600), streak=100)
    address: Limit = Limit("address", (Rate(30, 300), Rate(200, 3600)))
    code_number: Limit = Limit("code-number", (Rate(10, 3600), Rate(20, DAY)))
    code_address: Limit = Limit("code-address", (Rate(30, 300), Rate(200, 3600)))
    sms: SmsLimits = SmsLimits(
        cooldown=Limit("sms-cooldown", (Rate(1, 60),)),
        number=Limit("sms-number", (Rate(5, 3600), Rate(10, DAY))),
        address=Limit("sms-address", (Rate(10, 600), Rate(30, 3600), Rate(100, DAY))),
        address_numbers=Limit("sms-address-numbers", (Rate(10, 3600),), distinct=True),
        site=Limit("sms-site", (Rate(1000, 3600), Rate(5000, DAY))),
    )
    block: Limit = Limit("sms-block", (Rate(30, 3600),), provable=True)
    span: Limit = Limit("sms-range", (Rate(100, 3600),), provable=True)
    suspicion: Limit = Limit("login-suspicion", (Rate(10, 300),))
    alarms: Alarms = Alarms((Rate(1000, 300),), (Rate(100, 300),))
    captcha: Captcha | None = None
    fixed: FixedCodes = FixedCodes()
    budget: Budget = field(default_factory=Budget)
    dry_run: bool = False
    cooling_off: int = 7 * DAY
    capacity: int = 66
    share: int = 66
    patience: float = 2.0
    failure_floor: float = 0.0


class World:
    """The wired flows, and what a test needs to tell a story with them."""

    def __init__(self, store: Store, sql: Sql, numbers: Numbers) -> None:
        self.store = store
        self.sql = sql
        self.clock = FakeClock()
        self.passwords = CheapPasswords()
        self.secrets = HmacSecrets(KEY)
        self.tokens = HmacTokens(KEY)
        self.gateway = MemoryGateway()
        # All that are tried, in their order.
        self.gateways: list[SmsGateway] = [self.gateway]
        self.wire(numbers)

    def wire(self, n: Numbers) -> None:
        """Build the flows of these numbers on what the world has."""
        store, clock, passwords, secrets = self.store, self.clock, self.passwords, self.secrets
        opening = Opening(self.tokens, n.sessions)
        # Tells the others only when a test says so.
        self.watch = watch = Watch(store, clock, secrets, n.alarms, pause=1e6)
        suspicion = Suspicion(n.captcha, secrets, watch, logins=n.suspicion)
        pumping = Pumping(secrets, watch, n.fixed, block=n.block, span=n.span, dry=n.dry_run)
        self.tries = CodeTry(
            store,
            clock,
            secrets,
            n.codes,
            watch,
            pumping,
            number=n.code_number,
            address=n.code_address,
        )
        self.turnstile = Turnstile(
            store, clock, capacity=n.capacity, share=n.share, patience=n.patience
        )
        limits = LoginLimits(n.account_address, n.account, n.address)
        wording = Wording()
        sender = Failover(self.gateways, now=clock.now)
        self.sending = Sending(store, clock, sender, n.budget, watch, dry_run=n.dry_run)
        self.password_tries = PasswordTry(
            store,
            clock,
            passwords,
            secrets,
            self.turnstile,
            limits,
            watch,
            failure_floor=n.failure_floor,
        )
        self.login = Login(store, clock, passwords, opening, self.password_tries, suspicion)
        self.mobile_login = MobileLogin(store, clock, self.tries, opening)
        self.register = Register(store, clock, passwords, self.tries, opening)
        self.notices = notices = Notices(store, clock, secrets, self.sending, wording, n.fixed)
        self.reset_password = ResetPassword(
            store, clock, passwords, secrets, self.tries, opening, notices
        )
        self.send_code = SendCode(
            store,
            clock,
            secrets,
            self.sending,
            n.codes,
            n.sms,
            wording,
            suspicion,
            pumping,
            n.fixed,
        )
        self.refresh = Refresh(store, clock, self.tokens, n.sessions)
        self.change_password = ChangePassword(
            store, clock, passwords, self.password_tries, opening, notices
        )
        self.authenticate = Authenticate(store, clock, self.tokens, n.sessions)
        self.logout = Logout(store, clock, self.authenticate)
        self.devices = Devices(store, clock)
        prove = Prove(store, self.tries, self.password_tries)
        self.erase = Erase(store, clock)
        self.change_mobile = ChangeMobile(store, clock, secrets, prove, opening, notices)
        self.cancel = Cancel(store, clock, prove, self.erase, notices, n.cooling_off)
        self.administer = Administer(store, clock, passwords)
        self.merchants = AdministerMerchants(store, clock, passwords)
        self.retain = Retain(store, clock, _RETENTION)

    # What a test tells.

    async def add_member(
        self,
        mobile: str = MOBILE,
        *,
        username: str = "",
        nickname: str = "",
        password: str = PASSWORD,
    ) -> Member:
        return await self.administer.add(
            username=username, mobile=mobile, nickname=nickname, password=password
        )

    async def code_for(
        self, mobile: str = MOBILE, usage: Usage = Usage.login, caller: Caller = HOME
    ) -> str:
        """Ask for a code and read it from the phone. The cooldown is over afterwards."""
        await self.send_code(mobile=mobile, usage=usage, caller=caller)
        self.clock.advance(60)
        return self.gateway.last_code(mobile)

    async def with_code(self, mobile: str, code: str, caller: Caller = HOME) -> Grant:
        """Log in with a code."""
        return await self.mobile_login(mobile=mobile, code=code, group=IOS, caller=caller)

    async def join(
        self,
        code: str,
        *,
        mobile: str = MOBILE,
        password: str = PASSWORD,
        nickname: str = "",
        caller: Caller = HOME,
    ) -> Grant:
        """Register."""
        return await self.register(
            mobile=mobile,
            code=code,
            group=IOS,
            password=password,
            nickname=nickname,
            caller=caller,
        )

    async def reset(
        self,
        code: str,
        *,
        mobile: str = MOBILE,
        password: str = "a-new-harbour-18",
        group: Group = IOS,
        caller: Caller = HOME,
    ) -> Grant:
        """Set a new password with a code."""
        return await self.reset_password(
            mobile=mobile, code=code, group=group, password=password, caller=caller
        )

    async def log_in(
        self,
        username: str = MOBILE,
        password: str = PASSWORD,
        group: Group = IOS,
        caller: Caller = HOME,
    ) -> Grant:
        return await self.login(username=username, password=password, group=group, caller=caller)

    async def move(
        self,
        grant: Grant,
        mobile: str = OTHER_MOBILE,
        *,
        codes: Mapping[str, str],
        password: str = "",
        caller: Caller = HOME,
    ) -> Grant:
        """Change the mobile of the member of this token; ``codes`` as ``codes_to_move``."""
        found = await self.authenticate(grant.access_token)
        return await self.change_mobile(
            found,
            mobile=mobile,
            code=codes.get("code", ""),
            password=password,
            new_code=codes["new_code"],
            caller=caller,
        )

    async def codes_to_move(
        self, old: str = MOBILE, new: str = OTHER_MOBILE, caller: Caller = HOME
    ) -> dict[str, str]:
        """Codes to both numbers."""
        return {
            "code": await self.code_for(old, Usage.reset_mobile, caller),
            "new_code": await self.code_for(new, Usage.binding_mobile, caller),
        }

    async def refreshed(self, token: str, group: Group | None = None) -> Grant:
        return await self.refresh(token=token, group=group, caller=HOME)

    def events(self) -> list[str]:
        """The audit trail, oldest first."""
        return [row[0] for row in self.sql("select event from audit_event order by id")]

    def live_sessions(self) -> list[tuple[str, int]]:
        """Group and generation of every live session, oldest first."""
        return self.sql(
            "select client_group, generation from session where slot is not null order by id"
        )

    def count(self, table: str) -> int:
        return int(self.sql(f"select count(*) from {table}")[0][0])


def wrong(code: str) -> str:
    """Another code of the same length."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


@contextmanager
def refused(reason: Reason) -> Iterator[list[Refusal]]:
    """The body is refused for this reason; the list holds the refusal afterwards."""
    caught: list[Refusal] = []
    with pytest.raises(Refusal) as info:
        yield caught
    assert info.value.reason is reason
    caught.append(info.value)
