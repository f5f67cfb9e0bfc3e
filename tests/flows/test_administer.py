"""Operators: what they do takes effect at once, and is written down."""

import pytest

from denglu.domain.errors import Reason
from denglu.domain.member import Status
from denglu.flows.ports import Taken
from tests.flows.world import H5, IOS, MOBILE, OTHER_MOBILE, PC, World, refused


async def test_a_member_who_was_added_logs_in_by_every_name(world: World) -> None:
    added = await world.add_member(username="Bob", nickname="鲍勃")
    assert (added.username, added.mobile, added.nickname) == ("Bob", MOBILE, "鲍勃")
    assert added.source == "operator"
    for name in ("bob", MOBILE):
        await world.log_in(name)
    assert world.events()[0] == "member_added"


@pytest.mark.parametrize(
    ("mobile", "username", "field"), [(MOBILE, "", "mobile"), ("", "BOB", "username")]
)
async def test_a_name_that_is_taken_adds_nobody(
    world: World, mobile: str, username: str, field: str
) -> None:
    await world.add_member(username="bob")
    with pytest.raises(Taken) as taken:
        await world.add_member(mobile, username=username)
    assert taken.value.field == field
    assert world.count("member") == 1
    assert world.events() == ["member_added"]


async def test_a_member_is_found_by_any_name_and_by_id(world: World) -> None:
    member = await world.add_member(username="bob")
    for who in ("bob", "BOB", MOBILE, "+86" + MOBILE, str(member.id)):
        assert await world.administer.find(who) == member
    for who in ("", "nobody", "999", "-1", "１", "9" * 19, "1" * 30, "1.0"):
        assert await world.administer.find(who) is None


async def test_a_name_of_digits_comes_before_an_id(world: World) -> None:
    first = await world.add_member(username="first")
    named = await world.add_member("", username=str(first.id))
    assert await world.administer.find(str(first.id)) == named


async def test_a_deleted_member_is_found_by_id_alone(world: World) -> None:
    member = await world.add_member(username="bob")
    assert await world.administer.set_status(member, Status.deleted)
    assert await world.administer.find("bob") is None
    gone = await world.administer.find(str(member.id))
    assert gone is not None
    assert (gone.status, gone.mobile, gone.password_hash) == (Status.deleted, "", None)
    assert not await world.administer.set_status(member, Status.enabled)


@pytest.mark.parametrize("status", [Status.disabled, Status.deleted])
async def test_R08_who_is_disabled_or_deleted_is_out_everywhere_at_once(
    world: World, status: Status
) -> None:
    member = await world.add_member()
    other = await world.add_member(OTHER_MOBILE)
    grants = [await world.log_in(group=group) for group in (IOS, PC, H5)]
    stranger = await world.log_in(OTHER_MOBILE)
    await world.administer.set_status(member, status)
    for grant in grants:
        with refused(Reason.session_ended) as refusals:
            await world.authenticate(grant.access_token)
        assert refusals[0].details["end_reason"] == "disabled"
    assert await world.administer.sessions(member) == []
    assert (await world.authenticate(stranger.access_token)).member.id == other.id
    assert world.events()[-1] == f"member_{status.name}"


async def test_who_is_enabled_again_logs_in_anew(world: World) -> None:
    member = await world.add_member()
    before = await world.log_in()
    await world.administer.set_status(member, Status.disabled)
    await world.administer.set_status(member, Status.enabled)
    with refused(Reason.session_ended):
        await world.authenticate(before.access_token)
    await world.log_in()
    assert "member_enabled" in world.events()


async def test_sessions_are_listed_and_revoked_by_group_or_altogether(world: World) -> None:
    member = await world.add_member()
    grants = {group.name: await world.log_in(group=group) for group in (IOS, PC, H5)}
    listed = [session.group for session in await world.administer.sessions(member)]
    assert listed == ["iOS", "pc", "h5"]

    assert await world.administer.revoke(member, "pc") == 1
    with refused(Reason.session_ended) as refusals:
        await world.authenticate(grants["pc"].access_token)
    assert refusals[0].details["end_reason"] == "revoked"
    await world.authenticate(grants["iOS"].access_token)

    assert await world.administer.revoke(member, None) == 2
    assert await world.administer.revoke(member, None) == 0
    assert world.events().count("session_revoked") == 3


async def test_members_are_listed_page_by_page(world: World) -> None:
    members = [await world.add_member("", username=f"m{n}") for n in range(3)]
    assert await world.administer.page(0, 2) == members[:2]
    assert await world.administer.page(members[1].id, 2) == members[2:]
