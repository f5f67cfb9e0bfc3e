"""A member asks for the deletion of the account, thinks again, or is forgotten."""

import pytest

from denglu.domain.deletion import Cancellation
from denglu.domain.errors import Reason, Refusal
from denglu.domain.member import Status
from denglu.domain.session import Caller, Found
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Trouble
from denglu.flows.ports import GatewayFailed, Work
from denglu.flows.results import Grant
from tests.flows.conftest import MakeWorld
from tests.flows.rivals import race
from tests.flows.test_change_mobile import address, rounds
from tests.flows.world import (
    DAY,
    H5,
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
    wrong,
)

WEEK = 7 * DAY
# Tables that belong to members; what stays in them of one who is gone is tested below.
TABLES = ("member", "member_account", "session", "session_token", "sms_code", "audit_event",
          "member_cancellation", "limit_tally")  # fmt: skip


async def found_by(world: World, grant: Grant) -> Found:
    return await world.authenticate(grant.access_token)


async def asked(world: World, grant: Grant) -> Cancellation | None:
    return await world.cancel.asked(await found_by(world, grant))


async def ask(
    world: World, grant: Grant, code: str = "", password: str = "", caller: Caller = HOME
) -> Cancellation:
    found = await found_by(world, grant)
    return await world.cancel.ask(found, code=code, password=password, caller=caller)


async def withdraw(world: World, grant: Grant) -> None:
    await world.cancel.withdraw(await found_by(world, grant), HOME)


async def forget_what_is_due(world: World) -> None:
    while await world.retain():
        pass


async def test_a_request_is_due_after_a_week_and_says_so(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    assert await asked(world, login) is None
    code = await world.code_for(usage=Usage.cancel)
    now = world.clock.now()
    assert await ask(world, login, code) == Cancellation(now, now + WEEK)
    assert await asked(world, login) == Cancellation(now, now + WEEK)
    assert "cancel_requested" in world.events()


async def test_a_request_ends_every_other_session_and_the_member_may_log_in(world: World) -> None:
    await world.add_member()
    others = [await world.log_in(group=group) for group in (PC, H5)]
    login = await world.log_in(group=IOS)
    await ask(world, login, await world.code_for(usage=Usage.cancel))
    for other in others:
        with refused(Reason.session_ended) as refusals:
            await world.authenticate(other.access_token)
        assert refusals[0].details["end_reason"] == "revoked"
    again = await world.log_in(group=PC)
    assert await asked(world, again) == await asked(world, login)


async def test_the_member_is_told_by_sms(world: World) -> None:
    await world.add_member()
    await ask(world, await world.log_in(), await world.code_for(usage=Usage.cancel))
    notice = world.gateway.sent[-1]
    assert (notice.mobile, notice.usage, notice.code) == (MOBILE, "notice", "")
    assert "注销" in notice.text
    assert "7天" in notice.text


async def test_a_notice_that_cannot_be_sent_takes_nothing_back(world: World) -> None:
    await world.add_member()
    login, code = await world.log_in(), await world.code_for(usage=Usage.cancel)
    world.gateway.fault = GatewayFailed("memory", "down", Trouble.unreachable)
    await ask(world, login, code)
    assert await asked(world, login)


async def test_asking_again_changes_nothing(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    first = await ask(world, login, await world.code_for(usage=Usage.cancel))
    sent = len(world.gateway.sent)
    assert await ask(world, login, await world.code_for(usage=Usage.cancel)) == first
    assert len(world.gateway.sent) == sent + 1  # the code alone
    assert world.events().count("cancel_requested") == 1


async def test_S05_a_wrong_code_asks_for_nothing(world: World) -> None:
    await world.add_member()
    login, code = await world.log_in(), await world.code_for(usage=Usage.cancel)
    for bad in (wrong(code), ""):
        with refused(Reason.bad_code):
            await ask(world, login, bad)
    with refused(Reason.bad_code):
        await ask(world, login, password=PASSWORD)
    assert await asked(world, login) is None
    await ask(world, login, code)


@pytest.mark.parametrize("usage", [usage for usage in Usage if usage is not Usage.cancel])
async def test_S08_a_code_for_something_else_asks_for_nothing(world: World, usage: Usage) -> None:
    await world.add_member()
    login, code = await world.log_in(), await world.code_for(usage=usage)
    with refused(Reason.bad_code):
        await ask(world, login, code)


async def test_a_member_without_a_mobile_shows_the_password(world: World) -> None:
    await world.add_member("", username="harbour")
    login = await world.log_in("harbour")
    with refused(Reason.wrong_password):
        await ask(world, login, password="wrong")
    assert await asked(world, login) is None
    await ask(world, login, password=PASSWORD)
    assert await asked(world, login)
    assert world.gateway.sent == []


async def test_R12_a_code_stays_good_when_the_session_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.add_member()
    login, code = await world.log_in(), await world.code_for(usage=Usage.cancel)
    found = await found_by(world, login)
    await world.logout(login.access_token)
    with refused(Reason.session_ended):
        await world.cancel.ask(found, code=code, password="", caller=HOME)
    await ask(world, await world.log_in(), code)


async def test_whoever_withdraws_keeps_the_account(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    await withdraw(world, login)  # there is nothing to withdraw
    assert "cancel_withdrawn" not in world.events()
    await ask(world, login, await world.code_for(usage=Usage.cancel))
    await withdraw(world, login)
    assert await asked(world, login) is None
    assert world.events().count("cancel_withdrawn") == 1
    world.clock.advance(WEEK)
    await forget_what_is_due(world)
    await world.log_in()


async def test_the_account_is_there_until_it_is_due(world: World) -> None:
    await world.add_member()
    login = await world.log_in()
    request = await ask(world, login, await world.code_for(usage=Usage.cancel))
    world.clock.time = request.due_at - 1
    await forget_what_is_due(world)
    login = await world.log_in()
    world.clock.advance(1)
    with refused(Reason.session_ended):
        await withdraw(world, login)
    await forget_what_is_due(world)
    with refused(Reason.bad_credentials):
        await world.log_in()
    with refused(Reason.session_ended):
        await world.authenticate(login.access_token)
    with refused(Reason.refresh_invalid):
        await world.refreshed(login.refresh_token)


async def test_a_disabled_member_who_asked_before_is_forgotten_as_well(world: World) -> None:
    member = await world.add_member()
    await ask(world, await world.log_in(), await world.code_for(usage=Usage.cancel))
    await world.administer.set_status(member, Status.disabled)
    world.clock.advance(WEEK)
    await forget_what_is_due(world)
    assert world.sql("select status, mobile from member") == [(-1, "")]


async def test_without_a_cooling_off_time_it_is_done_at_once(make_world: MakeWorld) -> None:
    world = make_world(Numbers(cooling_off=0))
    await world.add_member()
    login = await world.log_in()
    request = await ask(world, login, await world.code_for(usage=Usage.cancel))
    assert request.due_at == request.requested_at == world.clock.now()
    with refused(Reason.session_ended):
        await world.authenticate(login.access_token)
    assert world.sql("select status, mobile from member") == [(-1, "")]


# What is left.

CANARIES = {
    "mobile": MOBILE,
    "masked mobile": "138****0000",
    "earlier mobile": OTHER_MOBILE,
    "masked earlier mobile": "139****1111",
    "nickname": "Kanarienvogel",
    "ip": "203.0.113.77",
    "earlier ip": "203.0.113.78",
    "device": "Canary Phone 9",
}
BIRD = Caller(ip=CANARIES["ip"], device=CANARIES["device"])
EARLIER = Caller(ip=CANARIES["earlier ip"], device=CANARIES["device"])


async def live_a_life(world: World) -> Grant:
    """A member joins, does everything, and moves to another number."""
    code = await world.code_for(OTHER_MOBILE, Usage.register, EARLIER)
    with refused(Reason.bad_code):
        await world.join(wrong(code), mobile=OTHER_MOBILE, caller=EARLIER)
    await world.join(code, mobile=OTHER_MOBILE, nickname=CANARIES["nickname"], caller=EARLIER)
    world.clock.advance(DAY)
    for group in (IOS, PC, PC):
        grant = await world.log_in(OTHER_MOBILE, group=group, caller=BIRD)
    with refused(Reason.bad_credentials):
        await world.log_in(OTHER_MOBILE, "wrong", caller=BIRD)
    codes = await world.codes_to_move(OTHER_MOBILE, MOBILE, BIRD)
    with refused(Reason.bad_code):
        await world.move(
            grant, MOBILE, codes=codes | {"new_code": wrong(codes["new_code"])}, caller=BIRD
        )
    grant = await world.move(grant, MOBILE, codes=codes, caller=BIRD)
    code = await world.code_for(MOBILE, Usage.login, BIRD)
    await world.with_code(MOBILE, code, BIRD)
    member = world.sql("select id, promoter_code from member")[0]
    world.sql("update member set username='CanaryBird', username_key='canarybird', "
              "email='canary@example.com', email_key='canary@example.com', realname='Vogel', "
              "qq='77777', birthday='1990-01-01', address='Nest 1', tel_no='0211', "
              "head_portrait='/bird.png', bg_image='/nest.png', description='sings' "
              f"where id = {member[0]}")  # fmt: skip
    return grant


def left_of(world: World) -> dict[str, str]:
    """Every table, as text."""
    return {table: str(world.sql(f"select * from {table}")) for table in TABLES}


def sightings(world: World, promoter_code: str) -> list[str]:
    personal = ("canarybird", "canary@example.com", "vogel", "77777", "1990-01-01", "nest 1",
                "0211", "bird.png", "nest.png", "sings", promoter_code)  # fmt: skip
    wanted = [*CANARIES.values(), *personal]
    return [f"{what} in {table}" for table, text in left_of(world).items()
            for what in wanted if what.lower() in text.lower()]  # fmt: skip


async def test_L07_nothing_personal_is_left_in_any_table(any_world: World) -> None:
    world = any_world
    grant = await live_a_life(world)
    await world.add_member("13700000000", nickname="neighbour")
    neighbour = await world.log_in("13700000000", caller=Caller("198.51.100.9", "Other Phone"))
    (before,) = world.sql("select id, promoter_code, visit_count from member where mobile_key = "
                          f"'{MOBILE}'")  # fmt: skip
    assert len(sightings(world, before[1])) > 15
    code = await world.code_for(MOBILE, Usage.cancel, BIRD)
    await ask(world, grant, code, caller=BIRD)
    world.clock.advance(WEEK)
    await forget_what_is_due(world)
    assert sightings(world, before[1]) == []

    # The id, the books and what happened when stay.
    kept = world.sql(f"select status, visit_count from member where id = {before[0]}")
    assert kept == [(-1, before[2])]
    books = f"select status from member_account where member_id = {before[0]}"
    assert world.sql(books) == [(-1,)]
    of_member = f"select distinct event from audit_event where member_id = {before[0]}"
    assert {event for (event,) in world.sql(of_member)} == {
        "sms_code_sent", "sms_code_compared", "member_registered", "login", "session_replaced",
        "login_failed", "mobile_changed", "mobile_login", "cancel_requested", "member_deleted",
    }  # fmt: skip
    assert "Other Phone" in left_of(world)["session"]
    assert "198.51.100.9" in left_of(world)["audit_event"]
    await world.refreshed(neighbour.refresh_token)

    # The number is there for a new member, of whom nothing is wiped.
    joined = await world.join(await world.code_for(usage=Usage.register), caller=BIRD)
    assert joined.member.id > before[0]
    world.clock.advance(60)
    await forget_what_is_due(world)
    assert world.count("member_cancellation") == 0
    assert (await world.authenticate(joined.access_token)).member.last_ip == BIRD.ip


async def test_L07_an_operator_erases_as_much(any_world: World) -> None:
    world = any_world
    await live_a_life(world)
    ((member_id, promoter),) = world.sql("select id, promoter_code from member")
    member = await world.administer.find(str(member_id))
    assert member is not None
    assert await world.administer.set_status(member, Status.deleted)
    assert sightings(world, promoter) == []
    last = "select event, note from audit_event order by id desc"
    assert world.sql(last)[0] == ("member_deleted", "operator")
    assert not await world.administer.set_status(member, Status.deleted)


async def test_L07_what_was_under_way_is_wiped_by_a_later_look(world: World) -> None:
    member = await world.add_member()
    await world.administer.set_status(member, Status.deleted)
    world.sql(
        "insert into audit_event (event, at, member_id, ip) "
        f"values ('login_failed', {NOW}, {member.id}, '203.0.113.77')"
    )
    await forget_what_is_due(world)
    world.clock.advance(60)
    await forget_what_is_due(world)
    assert world.sql("select ip from audit_event where event = 'login_failed'") == [("",)]
    assert world.count("member_cancellation") == 0


async def test_L07_what_was_asked_before_there_was_a_member_is_wiped_as_well(
    world: World,
) -> None:
    grant = await world.join(await world.code_for(usage=Usage.register, caller=BIRD), caller=BIRD)
    await world.administer.set_status(grant.member, Status.deleted)
    assert sightings(world, grant.member.promoter_code) == []


async def test_who_withdraws_while_the_due_ones_are_looked_for_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await world.add_member()
    await ask(world, await world.log_in(), await world.code_for(usage=Usage.cancel))
    world.clock.advance(WEEK)
    read = world.store.read

    async def withdrawn_meanwhile(work: Work[object]) -> object:
        answer = await read(work)
        if answer == [member.id]:
            await world.store.write(lambda tx: tx.deletions.put(member.id, None))
        return answer

    monkeypatch.setattr(world.store, "read", withdrawn_meanwhile)
    await forget_what_is_due(world)
    await world.log_in()


class Killed(BaseException):
    """Stands for kill -9."""


async def test_F13_an_erasure_that_is_killed_anywhere_is_gone_on_with(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = any_world
    grant = await live_a_life(world)
    ((_, promoter),) = world.sql("select id, promoter_code from member")
    await ask(world, grant, await world.code_for(MOBILE, Usage.cancel, BIRD), caller=BIRD)
    world.clock.advance(WEEK)
    write, left = world.store.write, 0

    async def killed_later(work: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return await write(work)  # type: ignore[arg-type]

    monkeypatch.setattr(world.store, "write", killed_later)
    for survived in range(100):
        left = survived
        try:
            while await world.retain():
                pass
            break
        except Killed:
            continue
    assert survived > 7
    left = 10**6
    world.clock.advance(60)
    await forget_what_is_due(world)
    assert sightings(world, promoter) == []


# Rivals.


async def test_R11_several_processes_erase_one_member_once(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        mobile = f"134{round_:08d}"
        member = await world.add_member(mobile)
        login = await world.log_in(mobile)
        await ask(world, login, await world.code_for(mobile, Usage.cancel, address(round_)))
        world.clock.advance(WEEK)
        await race(6, lambda _: world.retain())
        deleted = f"member_id = {member.id} and event = 'member_deleted'"
        assert world.sql(f"select count(*) from audit_event where {deleted}") == [(1,)]
        await forget_what_is_due(world)


async def test_R11_several_operators_erase_one_member_once(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        member = await world.add_member(f"134{round_:08d}")
        erasing = await race(5, lambda _: world.administer.set_status(member, Status.deleted))  # noqa: B023
        assert sorted(erasing.winners.values()) == [False] * 4 + [True]
        deleted = f"member_id = {member.id} and event = 'member_deleted'"
        assert world.sql(f"select count(*) from audit_event where {deleted}") == [(1,)]


async def test_R08_withdrawing_and_asking_and_refreshing_at_once(disk_world: World) -> None:
    world = disk_world
    await world.add_member()
    for _ in rounds(world):
        login = await world.log_in()
        code = await world.code_for(usage=Usage.cancel)
        found = await world.authenticate(login.access_token)

        async def act(number: int) -> object:
            if number == 0:
                return await world.cancel.ask(found, code=code, password="", caller=HOME)  # noqa: B023
            if number == 1:
                await world.cancel.withdraw(found, HOME)  # noqa: B023
                return None
            return await world.refreshed(login.refresh_token)  # noqa: B023

        outcome = await race(5, act)
        assert not outcome.reasons
        login = outcome.winners[4]
        asked_for = await asked(world, login)
        assert asked_for is None or asked_for == outcome.winners[0]
        await withdraw(world, login)
        world.clock.advance(DAY)


async def test_R08_withdrawing_in_the_last_second_or_not_at_all(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        mobile = f"134{round_:08d}"
        member = await world.add_member(mobile)
        login = await world.log_in(mobile)
        code = await world.code_for(mobile, Usage.cancel, address(round_))
        request = await ask(world, login, code)
        world.clock.time = request.due_at - 1
        login = await world.log_in(mobile, caller=address(round_))
        found = await world.authenticate(login.access_token)

        async def act(number: int) -> object:
            if number == 2:
                world.clock.time = request.due_at  # noqa: B023
            if number % 2:
                return await world.retain()
            await world.cancel.withdraw(found, HOME)  # noqa: B023
            return None

        outcome = await race(6, act)
        assert set(outcome.reasons) <= {"session_ended"}
        await forget_what_is_due(world)
        (status,) = world.sql(f"select status from member where id = {member.id}")[0]
        kept = any(number % 2 == 0 for number in outcome.winners)
        assert status == (Status.enabled if kept else Status.deleted)


async def test_R08_logging_in_while_the_account_is_erased(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        mobile = f"134{round_:08d}"
        member = await world.add_member(mobile)
        login = await world.log_in(mobile)
        await ask(world, login, await world.code_for(mobile, Usage.cancel, address(round_)))
        world.clock.advance(WEEK)

        async def act(number: int) -> object:
            if number == 3:
                return await world.retain()
            return await world.log_in(mobile, group=[IOS, PC, H5][number % 3])  # noqa: B023

        # Five who log in: a sixth failure from one address would be told something else.
        outcome = await race(6, act)
        await forget_what_is_due(world)
        assert set(outcome.reasons) <= {"bad_credentials"}
        assert await world.administer.sessions(member) == []
        addresses = world.sql(f"select ip from session where member_id = {member.id} and ip <> ''")
        assert addresses == []
        world.clock.advance(60)
        await forget_what_is_due(world)
        about = f"member_id = {member.id} and ip <> ''"
        assert world.sql(f"select event from audit_event where {about}") == []


async def test_a_number_that_is_freed_is_there_for_whoever_moves(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        leaving, moving = f"134{round_:08d}", f"135{round_:08d}"
        await world.add_member(leaving)
        await world.add_member(moving)
        login = await world.log_in(leaving)
        await ask(world, login, await world.code_for(leaving, Usage.cancel, address(round_)))
        world.clock.advance(WEEK)
        mover = await world.log_in(moving)
        codes = await world.codes_to_move(moving, leaving, address(round_))

        async def act(number: int) -> object:
            if number:
                return await world.retain()
            return await world.move(mover, leaving, codes=codes)  # noqa: B023

        outcome = await race(2, act)
        assert set(outcome.reasons) <= {"mobile_taken"}
        if outcome.reasons:
            await world.move(mover, leaving, codes=codes)
        assert world.sql(f"select count(*) from member where mobile = '{leaving}'") == [(1,)]
        with pytest.raises(Refusal):
            await world.authenticate(login.access_token)
        world.clock.advance(DAY)
