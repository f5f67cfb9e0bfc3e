"""Numbers whose code never changes, for the people who review an app: no message, same limits."""

import logging

import pytest
import pytest_asyncio

from denglu.domain.errors import Reason
from denglu.domain.sms_code import FixedCodes, Usage
from tests.flows.conftest import MakeWorld
from tests.flows.world import HOME, MOBILE, NOW, OTHER_MOBILE, Numbers, World, refused, wrong

CODE = "135790"
END = NOW + 86400


@pytest_asyncio.fixture
async def reviewed(make_world: MakeWorld) -> World:
    """A world with a member who has no phone."""
    world = make_world(Numbers(fixed=FixedCodes({MOBILE: CODE}, END)))
    await world.add_member()
    return world


async def ask(world: World, usage: Usage = Usage.login, mobile: str = MOBILE) -> None:
    await world.send_code(mobile=mobile, usage=usage, caller=HOME)


async def test_S18_a_test_number_logs_in_with_its_code_and_gets_no_message(
    reviewed: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await ask(reviewed)
    assert reviewed.gateway.sent == []
    await reviewed.with_code(MOBILE, CODE)
    assert reviewed.sql("select gateway, outcome, mobile_masked from sms_message") == [
        ("", "test_number", "138****0000")
    ]
    tables = ("sms_code", "sms_message", "audit_event", "limit_tally", "session")
    stored = str([reviewed.sql(f"select * from {table}") for table in tables])
    for secret in (CODE, MOBILE):
        assert secret not in caplog.text + stored


async def test_S18_nor_is_it_told_what_was_done_to_its_account(reviewed: World) -> None:
    await ask(reviewed, Usage.up_pwd)
    await reviewed.reset(CODE)
    assert reviewed.gateway.sent == []
    told = reviewed.sql("select template, outcome from sms_message order by id")
    assert told == [("up-pwd", "test_number"), ("password-changed", "test_number")]


async def test_S18_its_code_is_good_only_after_it_was_asked_for_and_once(reviewed: World) -> None:
    with refused(Reason.bad_code):
        await reviewed.with_code(MOBILE, CODE)
    await ask(reviewed)
    await reviewed.with_code(MOBILE, CODE)
    with refused(Reason.bad_code):
        await reviewed.with_code(MOBILE, CODE)


async def test_S18_the_code_of_another_number_is_nobodys(reviewed: World) -> None:
    await reviewed.add_member(OTHER_MOBILE)
    await ask(reviewed, mobile=OTHER_MOBILE)
    assert [m.mobile for m in reviewed.gateway.sent] == [OTHER_MOBILE]
    if reviewed.gateway.last_code(OTHER_MOBILE) == CODE:
        pytest.fail("one chance in a million: run again")
    with refused(Reason.bad_code):
        await reviewed.with_code(OTHER_MOBILE, CODE)


async def test_S18_every_limit_holds_for_test_numbers(reviewed: World) -> None:
    await ask(reviewed)
    with refused(Reason.sms_too_frequent):
        await ask(reviewed)
    for _ in range(5):
        with refused(Reason.bad_code):
            await reviewed.with_code(MOBILE, wrong(CODE))
    with refused(Reason.bad_code):
        await reviewed.with_code(MOBILE, CODE)
    for _ in range(4):
        reviewed.clock.advance(60)
        await ask(reviewed)
    reviewed.clock.advance(60)
    with refused(Reason.sms_too_frequent):
        await ask(reviewed)


@pytest.mark.parametrize(("left", "special"), [(1, True), (0, False)])
async def test_S18_after_its_last_day_it_is_a_number_like_any_other(
    reviewed: World, left: int, special: bool
) -> None:
    reviewed.clock.time = END - left
    await ask(reviewed)
    assert len(reviewed.gateway.sent) == (not special)
    if special:
        await reviewed.with_code(MOBILE, CODE)
    else:
        assert reviewed.gateway.last_code(MOBILE) != CODE


def test_S18_fixed_codes_are_not_shown() -> None:
    assert CODE not in repr(FixedCodes({MOBILE: CODE}, END))
