"""A member changes the mobile: with codes to both numbers, and nobody learns whose a number is."""

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.limits import Limit, Rate
from denglu.domain.member import Status
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Trouble
from denglu.flows.ports import GatewayFailed
from tests.flows.conftest import MakeWorld
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
    Numbers,
    World,
    refused,
    wrong,
)


def live_codes(world: World) -> list[tuple[str, int]]:
    """Usage and tries of every code that may still be used."""
    return world.sql("select code_usage, tries from sms_code where live = 1 order by code_usage")


async def test_the_new_number_logs_in_and_the_old_one_does_not(world: World) -> None:
    member = await world.add_member(username="harbour")
    login = await world.log_in()
    grant = await world.move(login, codes=await world.codes_to_move())
    assert (grant.member.id, grant.member.mobile) == (member.id, OTHER_MOBILE)
    assert (await world.log_in(OTHER_MOBILE, group=PC)).member.id == member.id
    assert (await world.log_in("harbour", group=H5)).member.id == member.id
    with refused(Reason.bad_credentials):
        await world.log_in(MOBILE)
    code = await world.code_for(MOBILE)
    with refused(Reason.member_not_found):
        await world.with_code(MOBILE, code)
    assert live_codes(world) == [("login", 0)]


async def test_the_old_number_is_free_for_a_new_member(world: World) -> None:
    member = await world.add_member()
    await world.move(await world.log_in(), codes=await world.codes_to_move())
    joined = await world.join(await world.code_for(usage=Usage.register))
    assert joined.member.id != member.id
    assert joined.member.mobile == MOBILE


async def test_P17_every_session_ends_and_the_caller_gets_one(world: World) -> None:
    await world.add_member()
    before = [await world.log_in(group=group) for group in (PC, IOS, H5)]
    grant = await world.move(before[0], codes=await world.codes_to_move())
    for old in before:
        with refused(Reason.session_ended) as refusals:
            await world.authenticate(old.access_token)
        assert refusals[0].details["end_reason"] == "revoked"
        with refused(Reason.session_ended):
            await world.refreshed(old.refresh_token)
    assert world.live_sessions() == [("pc", 1)]
    assert (await world.authenticate(grant.access_token)).session.group == "pc"
    assert (await world.refreshed(grant.refresh_token)).expires_in == 7200
    assert grant.member.visit_count == 4


async def test_the_number_that_was_given_up_is_told(world: World) -> None:
    await world.add_member()
    await world.move(await world.log_in(), codes=await world.codes_to_move())
    notice = world.gateway.sent[-1]
    assert (notice.mobile, notice.usage, notice.code) == (MOBILE, "notice", "")
    assert "手机号" in notice.text


async def test_a_notice_that_cannot_be_sent_takes_nothing_back(world: World) -> None:
    await world.add_member()
    login, codes = await world.log_in(), await world.codes_to_move()
    world.gateway.fault = GatewayFailed("memory", "down", Trouble.unreachable)
    grant = await world.move(login, codes=codes)
    await world.authenticate(grant.access_token)


async def test_the_trail_names_both_numbers_masked(world: World) -> None:
    await world.add_member()
    await world.move(await world.log_in(), codes=await world.codes_to_move())
    noted = "select note, ip from audit_event where event = 'mobile_changed'"
    assert world.sql(noted) == [("138****0000 139****1111", HOME.ip)]
    everything = str([world.sql(f"select * from {t}") for t in ("sms_code", "audit_event")])
    assert MOBILE not in everything
    assert OTHER_MOBILE not in everything


@pytest.mark.parametrize("bad", ["code", "new_code"])
@pytest.mark.parametrize("how", ["wrong", "empty", "of the other number"])
async def test_both_codes_must_be_right(world: World, bad: str, how: str) -> None:
    await world.add_member()
    login, codes = await world.log_in(), await world.codes_to_move()
    other = codes["new_code" if bad == "code" else "code"]
    sent = len(world.gateway.sent)
    given = {"wrong": wrong(codes[bad]), "empty": "", "of the other number": other}[how]
    if given == codes[bad]:
        pytest.skip("both codes are the same by chance")
    with refused(Reason.bad_code):
        await world.move(login, codes=codes | {bad: given})
    assert len(world.gateway.sent) == sent
    await world.move(login, codes=codes)


async def test_R12_a_right_code_stays_good_beside_a_wrong_one(world: World) -> None:
    await world.add_member()
    login, codes = await world.log_in(), await world.codes_to_move()
    for _ in range(4):
        with refused(Reason.bad_code):
            await world.move(login, codes=codes | {"new_code": wrong(codes["new_code"])})
    assert live_codes(world) == [("binding-mobile", 4), ("reset-mobile", 0)]
    with refused(Reason.bad_code):
        await world.move(login, codes=codes | {"code": wrong(codes["code"])})
    # What is not compared is not counted.
    assert live_codes(world) == [("binding-mobile", 4), ("reset-mobile", 1)]
    await world.move(login, codes=codes)
    assert live_codes(world) == []


async def test_S02_wrong_tries_void_the_code_of_either_number(world: World) -> None:
    await world.add_member()
    login, codes = await world.log_in(), await world.codes_to_move()
    for _ in range(5):
        with refused(Reason.bad_code):
            await world.move(login, codes=codes | {"new_code": wrong(codes["new_code"])})
    with refused(Reason.bad_code):
        await world.move(login, codes=codes)
    assert world.events().count("sms_code_compared") == 5 + 5 + 1


async def test_P10_a_change_leaves_no_try_behind(make_world: MakeWorld) -> None:
    world = make_world(Numbers(code_address=Limit("code-address", (Rate(3, DAY),))))
    await world.add_member()
    grant, old, new = await world.log_in(), MOBILE, OTHER_MOBILE
    for _ in range(3):
        grant = await world.move(grant, new, codes=await world.codes_to_move(old, new))
        old, new = new, old


@pytest.mark.parametrize("usage", [u for u in Usage if u is not Usage.reset_mobile])
async def test_S08_a_code_for_something_else_gives_no_number_up(world: World, usage: Usage) -> None:
    await world.add_member()
    login = await world.log_in()
    codes = await world.codes_to_move()
    world.sql("delete from sms_code where code_usage = 'reset-mobile'")
    codes["code"] = await world.code_for(usage=usage)
    with refused(Reason.bad_code):
        await world.move(login, codes=codes)


@pytest.mark.parametrize("usage", [u for u in Usage if u is not Usage.binding_mobile])
async def test_S08_a_code_for_something_else_binds_no_number(world: World, usage: Usage) -> None:
    await world.add_member()
    login = await world.log_in()
    codes = {
        "code": await world.code_for(usage=Usage.reset_mobile),
        "new_code": await world.code_for(OTHER_MOBILE, usage),
    }
    with refused(Reason.bad_code):
        await world.move(login, codes=codes)


async def test_E05_a_number_that_is_taken_is_told_only_after_right_codes(world: World) -> None:
    await world.add_member()
    await world.add_member(OTHER_MOBILE)
    login, codes = await world.log_in(), await world.codes_to_move()
    for bad in ("code", "new_code"):
        with refused(Reason.bad_code):
            await world.move(login, codes=codes | {bad: wrong(codes[bad])})
    with refused(Reason.mobile_taken):
        await world.move(login, codes=codes)
    assert live_codes(world) == [("binding-mobile", 1), ("reset-mobile", 1)]
    await world.authenticate(login.access_token)


async def test_the_number_of_a_disabled_member_is_taken(world: World) -> None:
    await world.add_member()
    await world.administer.set_status(await world.add_member(OTHER_MOBILE), Status.disabled)
    with refused(Reason.mobile_taken):
        await world.move(await world.log_in(), codes=await world.codes_to_move())


async def test_ones_own_number_is_taken_by_oneself(world: World) -> None:
    await world.add_member()
    codes = await world.codes_to_move(MOBILE, MOBILE)
    with refused(Reason.mobile_taken):
        await world.move(await world.log_in(), MOBILE, codes=codes)


async def test_S10_codes_of_two_other_numbers_change_nothing(world: World) -> None:
    await world.add_member()
    await world.add_member("13700000000")
    codes = await world.codes_to_move("13700000000")
    with refused(Reason.bad_code):
        await world.move(await world.log_in(), codes=codes)


# Members whom an operator made without a mobile.


async def test_a_member_without_a_mobile_shows_the_password(world: World) -> None:
    member = await world.add_member("", username="harbour")
    login = await world.log_in("harbour")
    sent = len(world.gateway.sent)
    code = await world.code_for(OTHER_MOBILE, Usage.binding_mobile)
    grant = await world.move(login, password=PASSWORD, codes={"new_code": code})
    assert (grant.member.id, grant.member.mobile) == (member.id, OTHER_MOBILE)
    assert len(world.gateway.sent) == sent + 1  # there is nobody to tell
    noted = "select note from audit_event where event = 'mobile_changed'"
    assert world.sql(noted) == [("139****1111",)]
    with refused(Reason.session_ended):
        await world.authenticate(login.access_token)
    assert (await world.log_in(OTHER_MOBILE)).member.id == member.id


async def test_without_a_mobile_a_wrong_password_counts_as_at_a_login(world: World) -> None:
    await world.add_member("", username="harbour")
    login = await world.log_in("harbour")
    code = await world.code_for(OTHER_MOBILE, Usage.binding_mobile)
    for _ in range(5):
        with refused(Reason.wrong_password):
            await world.move(login, password="wrong", codes={"new_code": code})
    with refused(Reason.too_many_attempts):
        await world.move(login, password=PASSWORD, codes={"new_code": code})
    with refused(Reason.too_many_attempts):
        await world.log_in("harbour")
    world.clock.advance(900)
    code = await world.code_for(OTHER_MOBILE, Usage.binding_mobile)
    await world.move(login, password=PASSWORD, codes={"new_code": code})
    await world.log_in(OTHER_MOBILE)


async def test_without_a_mobile_a_wrong_code_costs_no_password_try(world: World) -> None:
    await world.add_member("", username="harbour")
    login = await world.log_in("harbour")
    code = await world.code_for(OTHER_MOBILE, Usage.binding_mobile)
    for _ in range(4):
        with refused(Reason.bad_code):
            await world.move(login, password=PASSWORD, codes={"new_code": wrong(code)})
    assert "login_failed" not in world.events()
    await world.move(login, password=PASSWORD, codes={"new_code": code})


async def test_with_a_mobile_the_password_opens_nothing(world: World) -> None:
    await world.add_member()
    login, codes = await world.log_in(), await world.codes_to_move()
    with refused(Reason.bad_code):
        await world.move(login, password=PASSWORD, codes={"new_code": codes["new_code"]})


# Failures of logins.


async def test_P06_what_others_tried_under_the_numbers_does_not_bind_their_owners(
    world: World,
) -> None:
    await world.add_member(username="harbour")
    login = await world.log_in()
    for name in [OTHER_MOBILE] * 5 + [MOBILE] * 5:
        with refused(Reason.bad_credentials):
            await world.log_in(name, "wrong")
    await world.move(login, codes=await world.codes_to_move())
    await world.join(await world.code_for(usage=Usage.register))
    await world.log_in(MOBILE, group=PC)
    # Who guesses at the member goes on where they were.
    with refused(Reason.too_many_attempts):
        await world.log_in(OTHER_MOBILE, group=PC)
    world.clock.advance(900)
    await world.log_in(OTHER_MOBILE, group=PC)


# Rivals.


def rounds(world: World) -> range:
    """Twenty on a file, five where every round costs a network's time."""
    return range(5 if "Network" in type(world.store).__name__ else 20)


def address(rival: int) -> Caller:
    return Caller(ip=f"198.51.100.{rival}", device="iPhone")


async def test_R02_two_members_want_one_number(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        wanted = f"136{round_:08d}"
        owners = [f"13{place}{round_:08d}" for place in (4, 5, 7, 8)]
        new_code, rivals = "", []
        for owner in owners:
            await world.add_member(owner)
            login = await world.log_in(owner)
            code = await world.code_for(owner, Usage.reset_mobile, address(round_))
            rivals.append((login, code))
        new_code = await world.code_for(wanted, Usage.binding_mobile, address(round_))
        outcome = await race(
            4,
            lambda n: world.move(
                rivals[n][0],  # noqa: B023
                wanted,  # noqa: B023
                codes={"code": rivals[n][1], "new_code": new_code},  # noqa: B023
                caller=address(n),
            ),
        )
        assert len(outcome.winners) == 1, outcome
        assert set(outcome.reasons) <= {"bad_code", "mobile_taken"}
        assert world.sql(f"select count(*) from member where mobile = '{wanted}'") == [(1,)]
        (winner,) = outcome.winners
        for rival, (login, _) in enumerate(rivals):
            if rival != winner:
                await world.authenticate(login.access_token)
        # The codes of those who lost are as good as before.
        left = world.sql("select tries from sms_code where live = 1 and code_usage='reset-mobile'")
        assert left == [(0,)] * 3, left
        world.sql("delete from sms_code where live = 1")
        world.clock.advance(DAY)


async def test_R02_registering_and_binding_one_number(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        owner, wanted = f"134{round_:08d}", f"136{round_:08d}"
        await world.add_member(owner)
        login = await world.log_in(owner)
        codes = await world.codes_to_move(owner, wanted, address(round_))
        register = await world.code_for(wanted, Usage.register, address(round_))

        async def act(number: int) -> object:
            if number:
                return await world.move(login, wanted, codes=codes)  # noqa: B023
            return await world.join(register, mobile=wanted)  # noqa: B023

        outcome = await race(2, act)
        assert len(outcome.winners) == 1
        assert outcome.reasons == {"mobile_taken": 1}
        assert world.sql(f"select count(*) from member where mobile = '{wanted}'") == [(1,)]
        world.clock.advance(DAY)


async def test_R11_one_member_moves_once(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        owner, wanted = f"134{round_:08d}", f"136{round_:08d}"
        member = await world.add_member(owner)
        login = await world.log_in(owner)
        codes = await world.codes_to_move(owner, wanted, address(round_))
        outcome = await race(20, lambda _: world.move(login, wanted, codes=codes))  # noqa: B023
        assert len(outcome.winners) == 1
        assert set(outcome.reasons) <= {"bad_code", "session_ended"}
        (grant,) = outcome.winners.values()
        await world.authenticate(grant.access_token)
        assert len(await world.administer.sessions(member)) == 1
        world.clock.advance(DAY)


async def test_R07_refreshing_and_moving_at_once(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        owner, wanted = f"134{round_:08d}", f"136{round_:08d}"
        member = await world.add_member(owner)
        logins = [await world.log_in(owner, group=group) for group in (IOS, PC, H5)]
        codes = await world.codes_to_move(owner, wanted, address(round_))

        async def act(number: int) -> str | None:
            if number == 4:
                await world.move(logins[0], wanted, codes=codes)  # noqa: B023
                return None
            token = logins[number % 3].refresh_token  # noqa: B023
            return (await world.refreshed(token)).refresh_token

        outcome = await race(12, act)
        assert set(outcome.reasons) <= {"session_ended", "token_expired"}
        tokens = {login.refresh_token for login in logins}
        if 4 in outcome.winners:
            for token in tokens | set(filter(None, outcome.winners.values())):
                with pytest.raises(Refusal):
                    await world.refreshed(token)
            assert [s.group for s in await world.administer.sessions(member)] == ["iOS"]
        world.clock.advance(DAY)


async def test_R08_resetting_the_password_and_moving_at_once(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        owner, wanted = f"134{round_:08d}", f"136{round_:08d}"
        member = await world.add_member(owner)
        login = await world.log_in(owner)
        other = await world.log_in(owner, group=PC)
        codes = await world.codes_to_move(owner, wanted, address(round_))
        reset = await world.code_for(owner, Usage.up_pwd, address(round_))

        async def act(number: int) -> object:
            if number:
                return await world.move(login, wanted, codes=codes)  # noqa: B023
            return await world.reset(reset, mobile=owner)  # noqa: B023

        outcome = await race(2, act)
        # Whoever comes second: to a session that is over, or to a number that is given up.
        assert len(outcome.winners) == 1, outcome
        assert set(outcome.reasons) <= {"session_ended", "member_not_found"}
        assert len(await world.administer.sessions(member)) == 1
        with refused(Reason.session_ended):
            await world.authenticate(other.access_token)
        world.clock.advance(DAY)


async def test_R08_logging_in_by_the_old_number_and_moving_at_once(disk_world: World) -> None:
    world = disk_world
    for round_ in rounds(world):
        owner, wanted = f"134{round_:08d}", f"136{round_:08d}"
        member = await world.add_member(owner)
        login = await world.log_in(owner)
        codes = await world.codes_to_move(owner, wanted, address(round_))
        by_code = await world.code_for(owner, Usage.login, address(round_))

        async def act(number: int) -> object:
            if number == 0:
                return await world.move(login, wanted, codes=codes)  # noqa: B023
            if number == 1:
                return await world.mobile_login(
                    mobile=owner,  # noqa: B023
                    code=by_code,  # noqa: B023
                    group=PC,
                    caller=address(1),
                )
            return await world.log_in(owner, group=H5, caller=address(2))  # noqa: B023

        outcome = await race(3, act)
        assert 0 in outcome.winners, outcome
        # Nobody who came in by the old number is still there.
        assert [s.group for s in await world.administer.sessions(member)] == ["iOS"]
        assert set(outcome.reasons) <= {"member_not_found", "bad_credentials"}
        world.clock.advance(DAY)
