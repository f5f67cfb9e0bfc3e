"""A new password with the old one: every session ends, and the caller gets a new one."""

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Status
from denglu.domain.session import Caller, Found
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Trouble
from denglu.flows.ports import GatewayFailed
from denglu.flows.results import Grant
from denglu.store.network.store import NetworkStore
from tests.flows.rivals import race
from tests.flows.world import (
    DAY,
    H5,
    HOME,
    IOS,
    MOBILE,
    OTHER_MOBILE,
    PASSWORD,
    PC,
    World,
    refused,
)

NEW = "a-new-harbour-18"
ELSEWHERE = Caller(ip="198.51.100.9", device="Mac")


async def change(
    world: World,
    own: Grant | Found,
    *,
    old: str = PASSWORD,
    new: str = NEW,
    caller: Caller = HOME,
) -> Grant:
    found = own if isinstance(own, Found) else await world.authenticate(own.access_token)
    return await world.change_password(found, old_password=old, password=new, caller=caller)


async def test_a_change_ends_every_session_and_the_caller_gets_a_new_one(world: World) -> None:
    await world.add_member()
    before = [await world.log_in(group=group) for group in (PC, H5, IOS)]
    grant = await change(world, before[-1])
    for old in before:
        with refused(Reason.session_ended) as refusals:
            await world.authenticate(old.access_token)
        assert refusals[0].details["end_reason"] == "password_changed"
        # Whoever holds a copy of the caller's own token gets nothing for it, either.
        with refused(Reason.session_ended):
            await world.refreshed(old.refresh_token)
    assert [group for group, _ in world.live_sessions()] == ["iOS"]
    assert (await world.authenticate(grant.access_token)).session.group == "iOS"
    assert grant.expires_in == 7200
    await world.refreshed(grant.refresh_token)
    assert world.sql(
        "select client_group, ip, note from audit_event where event = 'password_changed'"
    ) == [("iOS", HOME.ip, "")]


async def test_the_new_password_is_good_and_the_old_one_is_not(world: World) -> None:
    await world.add_member()
    grant = await change(world, await world.log_in())
    with refused(Reason.bad_credentials):
        await world.log_in(password=PASSWORD)
    with refused(Reason.wrong_password):
        await change(world, grant, old=PASSWORD, new="another-harbour-19")
    await world.log_in(password=NEW)


async def test_other_members_stay(world: World) -> None:
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    other = await world.log_in(OTHER_MOBILE)
    await change(world, await world.log_in())
    await world.authenticate(other.access_token)
    await world.log_in(OTHER_MOBILE)


async def test_P03_wrong_old_passwords_count_as_failed_logins(world: World) -> None:
    await world.add_member(username="bob")
    own, phone = await world.log_in(), await world.log_in(group=PC)
    for _ in range(5):
        with refused(Reason.wrong_password):
            await change(world, own, old="wrong")
    compared = len(world.passwords.compared)
    for old in ("wrong", PASSWORD):
        with refused(Reason.too_many_attempts) as refusals:
            await change(world, own, old=old)
        assert refusals[0].retry_after == 900
    for name in (MOBILE, "bob"):
        with refused(Reason.too_many_attempts):
            await world.log_in(name)
    assert len(world.passwords.compared) == compared
    assert (
        world.sql("select note, client_group from audit_event where event = 'login_failed'")
        == [("password", "iOS")] * 5
    )
    for grant in (own, phone):  # a lockout ends no session
        await world.authenticate(grant.access_token)
    world.clock.advance(900)
    await change(world, own)


async def test_P03_failed_logins_keep_a_change_out(world: World) -> None:
    await world.add_member(username="bob")
    own = await world.log_in()
    for _ in range(5):
        with refused(Reason.bad_credentials):
            await world.log_in("BOB", "wrong")
    with refused(Reason.too_many_attempts):
        await change(world, own)
    await change(world, own, caller=ELSEWHERE)  # that was another address's lockout


async def test_P03_rivals_have_five_tries_together(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    own = await world.authenticate((await world.log_in()).access_token)
    world.passwords.compared.clear()
    outcome = await race(40, lambda n: change(world, own, old=f"wrong {n}"))
    assert outcome.reasons == {"wrong_password": 5, "too_many_attempts": 35}
    assert len(world.passwords.compared) == 5


async def test_P06_a_change_forgets_the_failures_under_every_name(world: World) -> None:
    await world.add_member(username="bob")
    own = await world.log_in()
    for name in (MOBILE, "bob", "BOB", "+86" + MOBILE):
        with refused(Reason.bad_credentials):
            await world.log_in(name, "wrong")
    await change(world, own)
    for _ in range(4):
        with refused(Reason.bad_credentials):
            await world.log_in("bob", "wrong")
    await world.log_in("bob", NEW)


async def test_the_address_keeps_its_other_failures(world: World) -> None:
    await world.add_member()
    own = await world.log_in()
    for number in range(29):
        with refused(Reason.bad_credentials):
            await world.log_in(f"nobody{number}", "wrong")
    await change(world, own)
    with refused(Reason.bad_credentials):
        await world.log_in("nobody30", "wrong")
    with refused(Reason.too_many_attempts):
        await world.log_in("nobody31", "wrong")


async def test_a_member_without_a_password_sets_one_by_sms(world: World) -> None:
    """Else whoever found an open session could make it a password of their own."""
    await world.add_member()
    own = await world.log_in()
    world.sql("update member set password_hash = null")
    for old in (PASSWORD, "", "None"):
        with refused(Reason.wrong_password):
            await change(world, own, old=old)
    assert world.passwords.compared[-1][1] is None  # the same work as for any other
    await world.reset(await world.code_for(usage=Usage.up_pwd), password=NEW)


async def test_an_imported_hash_is_good_for_a_change_and_gone_after_it(world: World) -> None:
    await world.add_member()
    own = await world.log_in()
    world.sql(f"update member set password_hash = '$2y$13${PASSWORD}', legacy_hash = 1")
    await change(world, own)
    stored = world.sql("select password_hash, legacy_hash from member")
    assert stored == [(f"$cheap${NEW}", None)]


async def test_a_password_longer_than_any_that_can_be_is_wrong_without_a_hash(
    world: World,
) -> None:
    await world.add_member()
    own = await world.log_in()
    compared = len(world.passwords.compared)
    with refused(Reason.wrong_password):
        await change(world, own, old="x" * 513)
    assert len(world.passwords.compared) == compared


@pytest.mark.parametrize("calls_before", [0, 1])
async def test_R12_a_full_hash_queue_changes_nothing(world: World, calls_before: int) -> None:
    await world.add_member()
    own, other = await world.log_in(), await world.log_in(group=PC)
    hashing = world.passwords.hash

    async def full(password: str) -> str:
        world.passwords.busy = 1
        return await hashing(password)

    for _ in range(10):
        if calls_before:
            world.passwords.hash = full  # type: ignore[method-assign]
        else:
            world.passwords.busy = 1
        with refused(Reason.busy):
            await change(world, own)
    world.passwords.hash = hashing  # type: ignore[method-assign]
    await world.authenticate(other.access_token)
    assert "password_changed" not in world.events()
    await change(world, own)


async def test_the_member_is_told_by_sms(world: World) -> None:
    await world.add_member()
    await change(world, await world.log_in())
    (notice,) = world.gateway.sent
    assert (notice.mobile, notice.usage, notice.code) == (MOBILE, "notice", "")
    assert "密码" in notice.text


async def test_nobody_is_told_of_a_change_that_was_refused(world: World) -> None:
    await world.add_member()
    with refused(Reason.wrong_password):
        await change(world, await world.log_in(), old="wrong")
    assert world.gateway.sent == []


async def test_a_member_without_a_mobile_changes_the_password_all_the_same(world: World) -> None:
    await world.add_member("", username="harbour")
    grant = await change(world, await world.log_in("harbour"))
    assert world.gateway.sent == []
    await world.authenticate(grant.access_token)


async def test_a_notice_that_cannot_be_sent_takes_nothing_back(world: World) -> None:
    await world.add_member()
    own = await world.log_in()
    world.gateway.fault = GatewayFailed("memory", "down", Trouble.unreachable)
    await world.authenticate((await change(world, own)).access_token)
    await world.log_in(password=NEW)


async def test_who_changes_it_back_and_forth_sends_ten_messages_a_day(world: World) -> None:
    await world.add_member()
    grant, passwords = await world.log_in(), [PASSWORD, NEW]
    for hour in range(5):
        for _ in range(6):
            grant = await change(world, grant, old=passwords[0], new=passwords[1])
            passwords.reverse()
        assert len(world.gateway.sent) == min(10, 5 * (hour + 1))
        world.clock.advance(3600)
    world.clock.advance(DAY)
    fresh = await world.refreshed(grant.refresh_token)
    await change(world, fresh, old=passwords[0], new=passwords[1])
    assert len(world.gateway.sent) == 11


# What may happen between the token check and the commit.


async def test_a_session_that_was_ended_meanwhile_changes_nothing(world: World) -> None:
    await world.add_member()
    thief = await world.authenticate((await world.log_in(group=PC)).access_token)
    owner = await world.log_in()
    await world.devices.end_others(await world.authenticate(owner.access_token), HOME)
    for _ in range(6):
        with refused(Reason.session_ended):
            await change(world, thief, caller=ELSEWHERE)
    await world.authenticate(owner.access_token)
    await world.log_in(group=PC, caller=ELSEWHERE)  # the password was right: no failures
    assert "password_changed" not in world.events()


async def test_the_password_is_compared_with_the_one_that_is_stored_now(world: World) -> None:
    await world.add_member()
    stale = await world.authenticate((await world.log_in()).access_token)
    await change(world, stale)
    with refused(Reason.wrong_password):
        await change(world, stale, old=PASSWORD, new="another-harbour-19")
    with refused(Reason.session_ended):
        await change(world, stale, old=NEW, new="another-harbour-19")


@pytest.mark.parametrize("deed", ["reset", "disable", "change"])
async def test_R08_what_was_right_when_it_was_compared_may_be_wrong_by_now(
    world: World, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    member = await world.add_member()
    code = await world.code_for(usage=Usage.up_pwd)
    own = await world.log_in()
    rival = await world.log_in(group=PC)
    hashing = world.passwords.hash

    async def meanwhile(password: str) -> str:
        monkeypatch.setattr(world.passwords, "hash", hashing)
        if deed == "reset":
            await world.reset(code, password="the-owners-harbour")
        elif deed == "change":
            await change(world, rival, new="the-owners-harbour")
        else:
            await world.administer.set_status(member, Status.disabled)
        return await hashing(password)

    monkeypatch.setattr(world.passwords, "hash", meanwhile)
    with refused(Reason.wrong_password):
        await change(world, own)
    stored = world.sql("select password_hash from member")
    assert stored == [("$cheap$" + (PASSWORD if deed == "disable" else "the-owners-harbour"),)]
    with refused(Reason.session_ended):
        await world.authenticate(own.access_token)


# Rivals.


async def assert_only(world: World, password: str, *others: str) -> None:
    """Of these passwords the first one is good, and no other."""
    for other in others:
        if other != password:
            with refused(Reason.bad_credentials):
                await world.log_in(password=other, group=H5, caller=ELSEWHERE)
    await world.log_in(password=password, group=H5, caller=ELSEWHERE)


async def lives(world: World, token: str) -> bool:
    """Whether an access token is good."""
    try:
        await world.authenticate(token)
    except Refusal:
        return False
    return True


def rounds(world: World) -> range:
    """Twenty on a file; five on a network database, which takes its time."""
    return range(5 if isinstance(world.store, NetworkStore) else 20)


async def test_R08_logins_with_the_old_password(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    password = PASSWORD
    for round_ in rounds(world):
        own = await world.authenticate((await world.log_in(password=password)).access_token)
        new = f"harbour-of-{round_}"

        async def act(number: int) -> Grant:
            if number == round_ % 8:  # noqa: B023
                return await change(world, own, old=password, new=new)  # noqa: B023
            return await world.log_in(password=password, group=PC)  # noqa: B023

        outcome = await race(8, act)
        assert set(outcome.reasons) <= {"bad_credentials", "too_many_attempts"}
        for number, grant in outcome.winners.items():
            assert await lives(world, grant.access_token) == (number == round_ % 8)
            if number != round_ % 8:
                with pytest.raises(Refusal, match=r"session_(ended|replaced)"):
                    await world.refreshed(grant.refresh_token)
        assert world.live_sessions() == [("iOS", 1)]
        await assert_only(world, new, password)
        password = new
        world.clock.advance(DAY)


async def test_R08_refreshes_of_all_sessions(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    password = PASSWORD
    for round_ in rounds(world):
        own = await world.log_in(password=password)
        others = [await world.log_in(password=password, group=group) for group in (PC, H5)]
        found = await world.authenticate(own.access_token)
        new = f"harbour-of-{round_}"

        async def act(number: int) -> Grant:
            if number == round_ % 9:  # noqa: B023
                return await change(world, found, old=password, new=new)  # noqa: B023
            return await world.refreshed([own, *others][number % 3].refresh_token)  # noqa: B023

        outcome = await race(9, act)
        assert set(outcome.reasons) <= {"session_ended"}
        changed = outcome.winners[round_ % 9]
        theirs = [pair for n, pair in outcome.winners.items() if n != round_ % 9]
        for pair in (own, *others, *theirs):
            assert not await lives(world, pair.access_token)
            with refused(Reason.session_ended):
                await world.refreshed(pair.refresh_token)
        assert [group for group, _ in world.live_sessions()] == ["iOS"]
        await world.authenticate((await world.refreshed(changed.refresh_token)).access_token)
        password = new


async def test_R08_resets_by_sms(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    password = PASSWORD
    for round_ in rounds(world):
        own = await world.log_in(password=password)
        found = await world.authenticate(own.access_token)
        code = await world.code_for(usage=Usage.up_pwd)
        new, by_sms = f"harbour-of-{round_}", f"estuary-of-{round_}"

        async def act(number: int) -> Grant:
            if number % 2 == round_ % 2:  # noqa: B023
                return await change(world, found, old=password, new=new)  # noqa: B023
            return await world.reset(code, password=by_sms, group=PC)  # noqa: B023

        outcome = await race(2, act)
        reset = outcome.winners[(round_ + 1) % 2]  # it asks for no old password: it always wins
        assert set(outcome.reasons) <= {"wrong_password", "session_ended"}
        assert not await lives(world, own.access_token)
        for grant in outcome.winners.values():
            assert await lives(world, grant.access_token) == (grant is reset)
        assert [group for group, _ in world.live_sessions()] == ["pc"]
        await assert_only(world, by_sms, new, password)
        password = by_sms
        world.clock.advance(DAY)


async def test_R11_rivals_set_one_password(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    password = PASSWORD
    for round_ in range(5):
        own = await world.authenticate((await world.log_in(password=password)).access_token)
        outcome = await race(
            4,
            lambda n: change(world, own, old=password, new=f"harbour-{round_}-{n}"),  # noqa: B023
        )
        assert outcome.reasons == {"wrong_password": 3}
        (winner,) = outcome.winners
        await assert_only(world, f"harbour-{round_}-{winner}", password)
        password = f"harbour-{round_}-{winner}"
        world.clock.advance(DAY)
    assert world.events().count("password_changed") == 5
