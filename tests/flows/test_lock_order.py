"""Every transaction of every flow locks rows in one order: see ``flows.limiting``.

Two that lock the same rows in the same order can make each other wait, but never in a circle.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.postgresql.base import PGDialect

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import MemberType, Status
from denglu.domain.session import Caller, EndReason
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import MessageResult, Outcome, Receipt, Trouble
from denglu.domain.spend import Cap, Kind
from denglu.domain.watch import Alert
from denglu.flows.budget import Budget
from denglu.flows.ports import GatewayFailed, Period, T, Work
from denglu.security.digests import HmacSecrets
from denglu.store.compiled import Params, Row
from denglu.store.memory import MemoryStore
from denglu.store.repositories import SqlTransaction
from denglu.store.spending import SPENDING_KEY
from denglu.store.sqlite import SqliteConnection
from denglu.store.statements import compile_all
from tests.flows.captchas import NamedCaptcha
from tests.flows.conftest import GroundOf
from tests.flows.world import (
    DAY,
    H5,
    HOME,
    IOS,
    KEY,
    MOBILE,
    OTHER_MOBILE,
    PASSWORD,
    PC,
    CheapPasswords,
    Numbers,
    World,
    refused,
    wrong,
)
from tests.store.grounds import Ground

# Places in the order. Rows of one place are locked by rising key.
(
    SMS_TALLY, CODE, SPENDING, MESSAGE, CODE_TALLY, MERCHANT, MEMBER, ACCOUNT, ELSEWHERE,
    BINDING_MARK, MEMBER_MARK, DELETION, LOGIN_TALLY, SESSION, TOKEN, EVENT,
) = range(16)  # fmt: skip
# The row of the watch is locked alone.
TALLIES = {"sms": SMS_TALLY, "code": CODE_TALLY, "login": LOGIN_TALLY, "watch": LOGIN_TALLY}
ROWS = {
    "code_supersede": (CODE, "p_code_id"),
    "code_add": (CODE, None),
    "code_try": (CODE, "p_code_id"),
    "code_refund": (CODE, "p_code_id"),
    "code_spend": (CODE, "p_code_id"),
    "code_wipe": (CODE, "p_key"),
    "drop_code": (CODE, "p_key"),
    "message_add": (MESSAGE, None),
    "message_finish": (MESSAGE, "p_id"),
    "message_receive": (MESSAGE, "p_id"),
    "message_wipe": (MESSAGE, "p_key"),
    "drop_message": (MESSAGE, "p_key"),
    "merchant_add": (MERCHANT, None),
    "merchant_hold": (MERCHANT, None),
    "merchant_status": (MERCHANT, "p_merchant_id"),
    "member_add": (MEMBER, None),
    "member_code": (MEMBER, "p_member_id"),
    "member_hold": (MEMBER, "p_member_id"),
    "member_set_mobile": (MEMBER, "p_member_id"),
    "member_set_password": (MEMBER, "p_member_id"),
    "member_rehash": (MEMBER, "p_member_id"),
    "member_visit": (MEMBER, "p_member_id"),
    "member_status": (MEMBER, "p_member_id"),
    "member_wipe": (MEMBER, "p_member_id"),
    "account_add": (ACCOUNT, None),
    "account_status": (ACCOUNT, "p_member_id"),
    "binding_drop": (ELSEWHERE, "p_key"),
    "binding_mark_wipe": (BINDING_MARK, "p_key"),
    "member_mark_wipe": (MEMBER_MARK, "p_key"),
    "cancellation_add": (DELETION, "member_id"),
    "cancellation_drop": (DELETION, "p_member_id"),
    "session_add": (SESSION, None),
    "session_end": (SESSION, "p_session_id"),
    "session_rotate": (SESSION, "p_session_id"),
    "session_wipe": (SESSION, "p_key"),
    "drop_session": (SESSION, "p_key"),
    "token_add": (TOKEN, None),
    "token_rotated": (TOKEN, "p_session_id"),
    "token_child_used": (TOKEN, "p_session_id"),
    "token_forget_access": (TOKEN, "p_session_id"),
    "drop_tokens": (TOKEN, "p_key"),
    "audit_adopt": (EVENT, "p_key"),
    "audit_wipe": (EVENT, "p_key"),
}
# Retention's finders skip what a rival has locked: what they found is theirs without waiting.
FINDERS = {
    "expired_sessions", "old_audit", "old_codes", "old_messages", "old_sessions", "old_spending",
    "old_tallies",
}  # fmt: skip
NO_LOCKS = {
    "audit_about", "audit_add", "audit_add_of_mobile", "audit_numbers", "audit_orphans",
    "bindings_of", "cancellation_of", "cancellations_due", "code_live", "codes_masked",
    "drop_audit", "drop_spending", "drop_tally", "member_by_email", "member_by_mobile",
    "member_by_username",
    "member_get", "member_legacy", "merchant_by_name", "merchant_get", "merchant_level",
    "merchant_page", "message_named", "messages_masked", "session_live", "sessions_all",
    "token_find", "user_by_email", "user_by_mobile", "user_by_username", "user_page",
}  # fmt: skip

AWAY = Caller(ip="198.51.100.77")
USER = Caller(ip="198.51.100.78", member_type=MemberType.merchant_user)


CAPS = dict.fromkeys(Kind, Cap(messages=10**6))
BUDGET = Budget({"memory": 450}, site=CAPS, merchant=CAPS)


class OutOfOrder(Exception):
    """A row was locked after one that comes later in the order."""


class Locks:
    """What one transaction has locked, in the order it did."""

    def __init__(self, scopes: dict[bytes, str]) -> None:
        self._scopes = scopes
        self.held: list[tuple[int, Any]] = []
        self.passes: list[set[bytes]] = []

    def take(self, name: str, params: Params) -> None:
        """Note what a statement locks."""
        if name.startswith("tally_"):
            self._take_tallies(name, [params[f"p_key{n}"] for n in range(int(name[-1]))])
        elif name.startswith("spend_add"):
            for n in range(int(name[-1])):
                period = tuple(params[f"p_{part}{n}"] for part in SPENDING_KEY)
                self._take(name, (SPENDING, period))
        elif name not in NO_LOCKS | FINDERS and not name.startswith("spend_of"):
            place, key = ROWS[name]
            self._take(name, (place, self._newest(place) if key is None else params[key]))

    def _newest(self, place: int) -> Any:
        """A row that is new is nobody else's, but its unique keys may be waited for."""
        return self.held[-1][1] if self.held and self.held[-1][0] == place else -1

    def _take_tallies(self, name: str, keys: list[bytes]) -> None:
        places = [(self._place(self._scopes[key].partition("-")[0], keys), key) for key in keys]
        if name.startswith("tally_save") and not set(places) <= set(self.held):
            raise OutOfOrder(f"{name}: a tally that was not loaded")
        for place in places:
            self._take(name, place)

    def _place(self, scope: str, keys: list[bytes]) -> int:
        """A captcha is spent among the tallies of what it is for. A login, which may wait for
        one that an SMS has locked, locks no SMS tally before or after it."""
        if scope != "captcha":
            return TALLIES[scope]
        others = {self._scopes[key].partition("-")[0] for key in keys} - {"captcha"}
        return TALLIES[others.pop()] if others else self.held[-1][0]

    def _take(self, name: str, row: tuple[int, Any]) -> None:
        if row in self.held:
            return
        if self.held and row < self.held[-1]:
            raise OutOfOrder(f"{name}: {row} after {self.held[-1]}")
        self.held.append(row)


class Watching(SqliteConnection):
    """A connection that notes locks. ``seen``: the statements of all transactions."""

    def __init__(self, inner: SqliteConnection) -> None:
        super().__init__(inner.db)
        self.scopes: dict[bytes, str] = {}
        self.seen: set[str] = set()
        self.locks = Locks(self.scopes)

    def begin(self) -> None:
        self.locks = Locks(self.scopes)

    async def one(self, name: str, params: Params) -> Row | None:
        self._note(name, params)
        return await super().one(name, params)

    async def all(self, name: str, params: Params) -> list[Row]:
        self._note(name, params)
        return await super().all(name, params)

    async def run(self, name: str, params: Params) -> int:
        self._note(name, params)
        return await super().run(name, params)

    def _note(self, name: str, params: Params) -> None:
        self.seen.add(name.rstrip("_1234567"))
        self.locks.take(name, params)


class KnownSecrets(HmacSecrets):
    """Secrets that remember what each key was made for."""

    def __init__(self, scopes: dict[bytes, str]) -> None:
        super().__init__(KEY)
        self._scopes = scopes

    def key(self, scope: str, *parts: str | int) -> bytes:
        digest = super().key(scope, *parts)
        self._scopes[digest] = scope
        return digest


class OldPasswords(CheapPasswords):
    """Every password is to be hashed anew."""

    def needs_rehash(self, stored: str) -> bool:
        return True


@pytest.fixture
def ground(ground_of: GroundOf) -> Ground:
    """Every database is given the same statements."""
    return ground_of("memory")


@pytest.fixture
def watched(world: World, monkeypatch: pytest.MonkeyPatch) -> Watching:
    """The world's locks. ``OutOfOrder`` comes out of the flow that is to blame."""
    store = world.store
    assert isinstance(store, MemoryStore)
    watching = Watching(SqliteConnection(store.db))
    world.secrets = KnownSecrets(watching.scopes)
    world.passwords = OldPasswords()
    world.wire(Numbers(budget=BUDGET))
    write = store.write

    async def watched_write(work: Work[T]) -> T:
        async def begun(tx: Any) -> T:
            watching.begin()
            return await work(tx)

        return await write(begun)

    monkeypatch.setattr(store, "_transaction", SqlTransaction(watching))
    monkeypatch.setattr(store, "write", watched_write)
    return watching


async def codes_and_passwords(world: World) -> None:
    """Everything that is done with codes and passwords, right and wrong."""
    grant = await world.join(await world.code_for(usage=Usage.register))
    with refused(Reason.mobile_taken):
        await world.join(await world.code_for(usage=Usage.register))
    await world.send_code(mobile=MOBILE, usage=Usage.login, caller=HOME)
    world.clock.advance(60)
    code = await world.code_for()
    with refused(Reason.bad_code):
        await world.with_code(MOBILE, wrong(code))
    await world.with_code(MOBILE, code)
    await world.log_in(group=PC)
    await world.reset(await world.code_for(usage=Usage.up_pwd))
    world.clock.advance(DAY)
    world.gateway.fault = GatewayFailed("memory", "down", Trouble.unreachable)
    with refused(Reason.sms_failed):
        await world.code_for()
    world.gateway.fault = None
    receipt = Receipt("memory", "memory-1", delivered=True)
    assert await world.store.write(lambda tx: tx.messages.receive(receipt, 0))
    for _ in range(6):
        with pytest.raises(Refusal):
            await world.log_in(password="wrong")
    with refused(Reason.bad_credentials):
        await world.log_in("nobody@example.com")
    world.passwords.busy = 1
    with refused(Reason.busy):
        await world.log_in(MOBILE, caller=Caller(ip="198.51.100.1"))
    assert grant.member.mobile == MOBILE


async def tokens_and_operators(world: World) -> None:
    """Everything that is done with tokens, and to members."""
    member = await world.add_member(OTHER_MOBILE, username="harbour")
    first = await world.log_in(OTHER_MOBILE)
    second = await world.refreshed(first.refresh_token)
    await world.authenticate(second.access_token)
    await world.refreshed(first.refresh_token)
    third = await world.refreshed(second.refresh_token)
    world.clock.advance(60)
    with refused(Reason.refresh_invalid):
        await world.refreshed(first.refresh_token)
    with refused(Reason.session_ended):
        await world.refreshed(third.refresh_token)
    for group in (IOS, PC):
        grant = await world.log_in(OTHER_MOBILE, group=group)
    await world.logout(grant.access_token)
    await world.administer.revoke(member, None)
    for group in (IOS, PC):
        await world.log_in(OTHER_MOBILE, group=group)
    await world.administer.set_status(member, Status.disabled)
    await world.administer.set_status(member, Status.enabled)
    for group in (IOS, PC):
        await world.log_in(OTHER_MOBILE, group=group)
    for number in (1, 2):
        world.sql(f"insert into member_auth (id, member_id) values ({number}, {member.id})")
    await world.administer.set_status(member, Status.deleted)


async def merchants_and_users(world: World) -> None:
    """Everything that is done to merchants, and by their users."""
    added = await world.merchants.add("moon books")
    assert await world.merchants.find("1") == await world.merchants.find("MOON books") == added
    assert await world.merchants.page(0, 9) == [added]
    users = [
        await world.merchants.add_user(
            added, username=name, mobile=mobile, nickname="", password=PASSWORD
        )
        for name, mobile in (("owner", MOBILE), ("clerk", ""))
    ]
    assert await world.merchants.find_user("nobody@example.com") is None
    for name in ("owner", "clerk"):
        for group in (IOS, PC):
            await world.log_in(name, group=group, caller=USER)
    code = await world.code_for(usage=Usage.up_pwd, caller=USER)
    await world.reset(code, caller=USER)
    assert await world.merchants.set_password(users[1], PASSWORD)
    for group in (IOS, PC):
        await world.log_in("clerk", group=group, caller=USER)
    await world.merchants.set_status(added, Status.disabled)
    await world.merchants.set_status(added, Status.enabled)


async def own_security(world: World) -> None:
    """Everything that members do about their devices and their password."""
    mobile = "13600000000"
    await world.add_member(mobile, username="estuary")
    phone, *_, own = [await world.log_in(mobile, group=group) for group in (H5, IOS, PC)]
    found = await world.authenticate(own.access_token)
    assert len(await world.devices.sessions(found)) == 3
    await world.devices.end(found, (await world.authenticate(phone.access_token)).session.id, HOME)
    with refused(Reason.not_found):
        await world.devices.end(found, 10**9, HOME)
    new = "a-new-estuary-18"
    with refused(Reason.wrong_password):
        await world.change_password(found, old_password="wrong", password=new, caller=HOME)
    # The caller's session is neither the first nor the last of those that end.
    await world.log_in(mobile, group=H5)
    await world.change_password(found, old_password=PASSWORD, password=new, caller=HOME)
    found = await world.authenticate((await world.log_in(mobile, new, group=PC)).access_token)
    await world.log_in(mobile, new, group=IOS)
    await world.devices.end_others(found, HOME)


async def number_and_deletion(world: World) -> None:
    """Everything that members do about their number and their account."""
    old, new, nameless = "13600000001", "13600000002", "wanderer"
    login = await world.join(await world.code_for(old, Usage.register), mobile=old)
    codes = await world.codes_to_move(old, new)
    await world.log_in(old, group=H5)
    with refused(Reason.bad_code):
        await world.move(login, new, codes=codes | {"new_code": wrong(codes["new_code"])})
    login = await world.move(login, new, codes=codes)
    # Codes that were asked for the other way round.
    codes = {
        "new_code": await world.code_for(old, Usage.binding_mobile),
        "code": await world.code_for(new, Usage.reset_mobile),
    }
    login = await world.move(login, old, codes=codes)
    await world.add_member("", username=nameless)
    wanderer = await world.log_in(nameless)
    code = await world.code_for(new, Usage.binding_mobile)
    with refused(Reason.wrong_password):
        await world.move(wanderer, new, password="wrong", codes={"new_code": code})
    with refused(Reason.bad_code):
        await world.move(wanderer, new, password=PASSWORD, codes={"new_code": wrong(code)})
    found = await world.authenticate(wanderer.access_token)
    await world.log_in(nameless, group=PC)
    await world.cancel.ask(found, code="", password=PASSWORD, caller=HOME)
    await world.cancel.withdraw(found, HOME)
    grant = await world.move(wanderer, new, password=PASSWORD, codes={"new_code": code})
    await world.administer.set_status(grant.member, Status.deleted)
    for group in (PC, H5):
        await world.log_in(old, group=group)
    found = await world.authenticate(login.access_token)
    for _ in range(2):
        code = await world.code_for(old, Usage.cancel)
        await world.cancel.ask(found, code=code, password="", caller=HOME)
    world.clock.advance(7 * DAY)
    while await world.retain():
        pass
    world.clock.advance(60)
    await world.retain()


async def suspicion(world: World) -> None:
    """Everything that is done about those who are suspicious."""
    world.wire(Numbers(captcha=NamedCaptcha(), budget=BUDGET))
    for token in ("", "person 1", "person 1"):
        with suppress(Refusal):
            await world.login(
                username=MOBILE, password="no", group=IOS, caller=AWAY, captcha_token=token
            )
    for token in ("", "person 2", "person 2"):
        world.clock.advance(60)
        with suppress(Refusal):
            await world.send_code(
                mobile=MOBILE, usage=Usage.login, caller=AWAY, captcha_token=token
            )
    world.watch.note(Alert.sms_budget_half)
    await world.watch.tell()


async def upkeep(world: World) -> None:
    await world.add_member("13700000000")
    for group in (IOS, PC):
        await world.log_in("13700000000", group=group)
    for days in (40, 40, 200, 400):
        world.clock.advance(days * DAY)
        while await world.retain():
            pass


async def test_every_flow_locks_in_one_order(world: World, watched: Watching) -> None:
    await codes_and_passwords(world)
    await tokens_and_operators(world)
    await merchants_and_users(world)
    await own_security(world)
    await number_and_deletion(world)
    await suspicion(world)
    await upkeep(world)
    several = {"tally_ensure", "tally_load", "tally_save", "spend_add", "spend_of"}
    assert watched.seen == {*ROWS, *NO_LOCKS, *FINDERS, *several}


def test_retention_waits_for_nobody() -> None:
    for dialect in (PGDialect(), MySQLDialect()):  # type: ignore[no-untyped-call]
        compiled = compile_all(dialect)
        assert all(compiled[name].sql.endswith("FOR UPDATE SKIP LOCKED") for name in FINDERS)


PERIODS = [Period(scope, "day", 0, DAY) for scope in (-1, 0)]
FAILED = MessageResult(Outcome.failed, 0)


@pytest.mark.parametrize(
    "work",
    [
        lambda tx, a, b: [tx.tallies.load([b]), tx.tallies.load([a])],
        lambda tx, a, b: [tx.tallies.recall([b, a])],
        lambda tx, a, b: [tx.tallies.load([a]), tx.tallies.save({b: ("", 0)})],
        lambda tx, a, b: [tx.codes.refund_try(2), tx.codes.refund_try(1)],
        lambda tx, a, b: [tx.tallies.load([a]), tx.codes.refund_try(1)],
        lambda tx, a, b: [tx.spending.add(PERIODS[::-1], 1, 0)],
        lambda tx, a, b: [tx.spending.add(PERIODS, 1, 0), tx.codes.refund_try(1)],
        lambda tx, a, b: [tx.messages.finish(1, FAILED), tx.spending.add(PERIODS, -1, 0)],
        lambda tx, a, b: [
            tx.sessions.end([1], EndReason.revoked, 0),
            tx.members.set_status(1, Status.disabled, 0),
        ],
    ],
)
async def test_the_watch_catches_a_wrong_order(
    world: World, watched: Watching, work: Callable[..., Any]
) -> None:
    a, b = sorted(world.secrets.key("login-account", name) for name in "ab")

    async def run(tx: Any) -> None:
        for step in work(tx, a, b):
            await step

    with pytest.raises(OutOfOrder):
        await world.store.write(run)
