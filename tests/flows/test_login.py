"""Login with a password: one answer for every kind of no, and failures counted before."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import MemberType, NewMember, Status
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from tests.flows.conftest import MakeWorld
from tests.flows.world import (
    HOME,
    IOS,
    MOBILE,
    NOW,
    OTHER_MOBILE,
    PASSWORD,
    PC,
    Numbers,
    World,
    refused,
)


def elsewhere(n: int) -> Caller:
    """A caller at another address."""
    return Caller(ip=f"198.51.{n // 250}.{n % 250 + 1}")


async def fail(world: World, username: str = MOBILE, caller: Caller = HOME) -> None:
    with refused(Reason.bad_credentials):
        await world.log_in(username, "not-the-password", caller=caller)


async def wait_when_closed(world: World, username: str = MOBILE, caller: Caller = HOME) -> int:
    """How long somebody with the right password is told to wait; nothing is compared."""
    compared = len(world.passwords.compared)
    with refused(Reason.too_many_attempts) as refusals:
        await world.log_in(username, caller=caller)
    assert len(world.passwords.compared) == compared
    assert refusals[0].retry_after is not None
    return refusals[0].retry_after


# Success.


async def test_a_member_logs_in_with_mobile_and_password(world: World) -> None:
    await world.add_member()
    grant = await world.log_in()
    assert grant.expires_in == 7200
    assert (grant.member.visit_count, grant.member.last_time) == (1, NOW)
    assert grant.member.last_ip == HOME.ip
    found = await world.authenticate(grant.access_token)
    assert (found.member, found.session.group) == (grant.member, "iOS")
    assert world.events() == ["member_added", "login"]


@pytest.mark.parametrize(
    "name",
    ["Bob", " bob", "ＢＯＢ", MOBILE, "+86 138-0000-0000", "Bob@Example.com", "bob@example.COM"],
)
async def test_every_name_of_a_member_in_every_spelling_logs_in(world: World, name: str) -> None:
    new = NewMember("Bob", MOBILE, "bob@example.com", password_hash=f"$cheap${PASSWORD}")
    await world.store.write(lambda tx: tx.members.add(new, NOW))
    assert (await world.log_in(name)).member.username == "Bob"


async def test_T02_every_login_has_tokens_of_its_own(world: World) -> None:
    await world.add_member()
    grants = [await world.log_in() for _ in range(5)]
    assert len({g.access_token for g in grants} | {g.refresh_token for g in grants}) == 10


async def test_two_phones_of_one_group_follow_each_other_and_pc_is_untouched(world: World) -> None:
    await world.add_member()
    pc = await world.log_in(group=PC)
    first = await world.log_in(caller=HOME)
    world.clock.advance(60)
    await world.log_in(caller=Caller(ip="198.51.100.1", device="iPad"))

    with refused(Reason.session_replaced) as refusals:
        await world.authenticate(first.access_token)
    assert refusals[0].details == {
        "end_reason": "replaced",
        "ended_at": NOW + 60,
        "device": "iPad",
    }
    assert (await world.authenticate(pc.access_token)).session.group == "pc"
    assert world.events()[-2:] == ["session_replaced", "login"]


# One answer.


async def nobody(world: World) -> None:
    pass


async def disabled(world: World) -> None:
    await world.administer.set_status(await world.add_member(), Status.disabled)


async def deleted(world: World) -> None:
    await world.administer.set_status(await world.add_member(), Status.deleted)


async def without_a_password(world: World) -> None:
    await world.store.write(lambda tx: tx.members.add(NewMember(mobile=MOBILE), NOW))


async def merchant_user(world: World) -> None:
    new = NewMember(
        mobile=MOBILE, password_hash=f"$cheap${PASSWORD}", type=MemberType.merchant_user
    )
    await world.store.write(lambda tx: tx.members.add(new, NOW))


async def another_password(world: World) -> None:
    await world.add_member(password="another-harbour-19")


async def at_another_merchant(world: World) -> None:
    new = NewMember(mobile=MOBILE, password_hash=f"$cheap${PASSWORD}", merchant_id=5)
    await world.store.write(lambda tx: tx.members.add(new, NOW))


@pytest.mark.parametrize(
    "who",
    [
        nobody,
        disabled,
        deleted,
        without_a_password,
        merchant_user,
        another_password,
        at_another_merchant,
    ],
)
async def test_E01_E02_every_no_is_the_same_no_after_the_same_work(
    world: World, who: Callable[[World], Awaitable[None]]
) -> None:
    await who(world)
    with refused(Reason.bad_credentials) as refusals:
        await world.log_in()
    assert (refusals[0].details, refusals[0].fields, refusals[0].retry_after) == ({}, {}, None)
    assert len(world.passwords.compared) == 1
    assert world.live_sessions() == []
    assert world.events()[-1] == "login_failed"


@pytest.mark.parametrize("password", ["", "x" * 513, "码" * 171, PASSWORD + " ", PASSWORD.upper()])
async def test_P13_what_is_not_exactly_the_password_is_wrong(world: World, password: str) -> None:
    await world.add_member()
    with refused(Reason.bad_credentials):
        await world.log_in(password=password)


async def test_P13_the_longest_password_there_can_be_is_compared(world: World) -> None:
    password = "𝐱" * 128  # 512 bytes
    await world.add_member(password=password)
    await world.log_in(password=password)


async def test_P12_a_password_that_can_be_nobodys_is_counted_and_not_hashed(world: World) -> None:
    await world.add_member()
    for _ in range(5):
        with refused(Reason.bad_credentials):
            await world.log_in(password="x" * 1_000_000)
    assert world.passwords.compared == []
    assert await wait_when_closed(world) == 900


# Limits.


async def test_P01_five_failures_from_an_address_close_the_account_there(world: World) -> None:
    await world.add_member()
    for _ in range(5):
        await fail(world)
    assert await wait_when_closed(world) == 900
    assert (await world.log_in(caller=elsewhere(1))).expires_in == 7200
    world.clock.advance(899)
    assert await wait_when_closed(world) == 1
    world.clock.advance(1)
    await world.log_in()


async def test_P02_ten_failures_from_anywhere_close_the_account_longer_each_time(
    world: World,
) -> None:
    await world.add_member()
    closed, address = [], 0
    for _ in range(4):
        for _ in range(10):
            address += 1
            await fail(world, caller=elsewhere(address))
        closed.append(await wait_when_closed(world, caller=elsewhere(0)))
        world.clock.advance(closed[-1])
    assert closed == [900, 1800, 3600, 3600]
    await world.log_in()


async def test_P04_thirty_failures_from_an_address_close_the_address(world: World) -> None:
    await world.add_member()
    for n in range(30):
        await fail(world, f"nobody{n}")
    assert await wait_when_closed(world) == 300
    await world.log_in(caller=elsewhere(1))
    world.clock.advance(300)
    await world.log_in()


async def test_P06_a_closed_account_opens_by_sms(world: World) -> None:
    await world.add_member()
    for _ in range(5):
        await fail(world)
    await world.with_code(MOBILE, await world.code_for())
    assert await wait_when_closed(world)  # a code says nothing about passwords

    await world.reset(await world.code_for(usage=Usage.up_pwd), password="a-new-harbour-18")
    await world.log_in(password="a-new-harbour-18")


async def test_P06_a_closed_account_keeps_its_sessions(world: World) -> None:
    await world.add_member()
    grant = await world.log_in()
    for _ in range(5):
        await fail(world)
    await world.authenticate(grant.access_token)
    await world.refreshed(grant.refresh_token)


async def test_P07_other_names_of_an_account_have_no_tries_of_their_own(world: World) -> None:
    new = NewMember("Bob", MOBILE, "bob@example.com", password_hash=f"$cheap${PASSWORD}")
    await world.store.write(lambda tx: tx.members.add(new, NOW))
    spellings = ["Bob", MOBILE, "bob@example.com", " BOB ", "+86" + MOBILE]
    for name in spellings:
        await fail(world, name)
    for name in spellings:
        assert await wait_when_closed(world, name) == 900
    assert len(world.passwords.compared) == 5


async def test_P08_success_on_another_account_launders_nothing(world: World) -> None:
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    for n in range(5):
        await fail(world)
        if n < 4:
            await world.log_in(OTHER_MOBILE)
    assert await wait_when_closed(world) == 900


async def test_P08_success_on_another_account_does_not_clear_the_address(world: World) -> None:
    await world.add_member()
    for n in range(30):
        await fail(world, f"nobody{n}")
        if n < 29:
            await world.log_in()
    assert await wait_when_closed(world) == 300


async def test_success_forgets_the_accounts_own_failures(world: World) -> None:
    await world.add_member()
    for _ in range(5):
        for _ in range(4):
            await fail(world)
        await world.log_in()


async def test_success_is_no_failure_of_the_address(world: World) -> None:
    await world.add_member()
    for _ in range(50):
        await world.log_in()


async def test_E07_a_name_of_nobody_is_closed_like_a_members(world: World) -> None:
    await world.add_member()
    for name in (MOBILE, OTHER_MOBILE):
        for _ in range(5):
            await fail(world, name)
    assert await wait_when_closed(world, MOBILE) == await wait_when_closed(world, OTHER_MOBILE)


async def test_a_closed_account_is_noted_once_a_minute(world: World) -> None:
    await world.add_member()
    for _ in range(5):
        await fail(world)
    for _ in range(3):
        await wait_when_closed(world)
    world.clock.advance(60)
    await wait_when_closed(world)
    assert world.events() == ["member_added", *["login_failed"] * 5, *["too_many_attempts"] * 2]


async def test_P10_a_try_that_nobody_had_time_to_judge_is_no_failure(world: World) -> None:
    await world.add_member()
    for _ in range(4):
        await fail(world)
    world.passwords.busy = 20
    for _ in range(20):
        with refused(Reason.busy):
            await world.log_in()
    await fail(world)
    assert await wait_when_closed(world) == 900


# Passwords that change meanwhile.


async def test_P16_an_old_hash_is_renewed_at_login(world: World) -> None:
    new = NewMember(mobile=MOBILE, password_hash=f"$2y$13${PASSWORD}")
    await world.store.write(lambda tx: tx.members.add(new, NOW))
    grant = await world.log_in()
    assert grant.member.password_hash == f"$cheap${PASSWORD}"
    assert not await world.store.has_legacy_hashes()
    await world.log_in()
    assert world.events() == ["password_rehashed", "login", "session_replaced", "login"]


async def test_P16_a_full_queue_puts_the_renewal_off_and_not_the_member(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(password: str) -> str:
        raise Refusal(Reason.busy, retry_after=1)

    new = NewMember(mobile=MOBILE, password_hash=f"$2y$13${PASSWORD}")
    await world.store.write(lambda tx: tx.members.add(new, NOW))
    monkeypatch.setattr(world.passwords, "hash", busy)
    grant = await world.log_in()
    assert grant.member.password_hash == f"$2y$13${PASSWORD}"


async def test_P16_twenty_logins_at_once_leave_one_good_hash(world: World) -> None:
    new = NewMember(mobile=MOBILE, password_hash=f"$2y$13${PASSWORD}")
    await world.store.write(lambda tx: tx.members.add(new, NOW))
    await asyncio.gather(*(world.log_in() for _ in range(20)))
    assert world.events().count("password_rehashed") == 1
    await world.log_in()


async def test_P16_a_new_password_wins_against_a_login_with_the_old_one(world: World) -> None:
    await world.add_member()
    code = await world.code_for(usage=Usage.up_pwd)
    world.passwords.gate.clear()
    login = asyncio.ensure_future(world.log_in())
    await world.passwords.comparing()
    grant = await world.reset(code)
    world.passwords.gate.set()
    with refused(Reason.bad_credentials):
        await login
    assert len(world.live_sessions()) == 1
    await world.authenticate(grant.access_token)


async def test_P16_a_new_password_wins_against_the_renewal_of_the_old_one(world: World) -> None:
    new = NewMember(mobile=MOBILE, password_hash=f"$2y$13${PASSWORD}")
    await world.store.write(lambda tx: tx.members.add(new, NOW))
    code = await world.code_for(usage=Usage.up_pwd)
    world.passwords.gate.clear()
    login = asyncio.ensure_future(world.log_in())
    await world.passwords.comparing()
    await world.reset(code, password="a-new-harbour-18")
    world.passwords.gate.set()
    with refused(Reason.bad_credentials):
        await login
    assert (await world.log_in(password="a-new-harbour-18")).expires_in == 7200


async def test_R08_a_member_disabled_while_being_judged_is_not_logged_in(world: World) -> None:
    member = await world.add_member()
    world.passwords.gate.clear()
    login = asyncio.ensure_future(world.log_in())
    await world.passwords.comparing()
    await world.administer.set_status(member, Status.disabled)
    world.passwords.gate.set()
    with refused(Reason.bad_credentials):
        await login
    assert world.live_sessions() == []


# Time.


async def test_E04_failures_are_padded_while_imported_hashes_exist(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(Numbers(failure_floor=0.6))
    slept: list[float] = []
    sleep = asyncio.sleep

    async def quick(seconds: float) -> None:
        slept.extend([seconds] if 0 < seconds < 1000 else [])
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", quick)
    member = await world.add_member()
    await fail(world)
    assert slept == []
    new = NewMember(mobile=OTHER_MOBILE, password_hash="$2y$13$imported")
    await world.store.write(lambda tx: tx.members.add(new, NOW))
    for name in (MOBILE, OTHER_MOBILE, "nobody"):
        await fail(world, name)
    await world.log_in()
    assert len(slept) == 3
    assert all(0 < seconds <= 0.6 for seconds in slept)
    assert member.mobile == MOBILE


async def test_a_group_that_allows_three_keeps_three(world: World) -> None:
    await world.add_member()
    three = type(IOS)("iOS", "苹果", sessions=3)
    grants = [await world.log_in(group=three) for _ in range(4)]
    with refused(Reason.session_replaced):
        await world.authenticate(grants[0].access_token)
    for grant in grants[1:]:
        await world.authenticate(grant.access_token)
