"""A whole life, from the first code to the erasure, changes no row of anybody who has the same
names at another merchant or in the other realm.
"""

import pytest

from denglu.domain.member import MemberType, Status
from denglu.domain.sms_code import Usage
from denglu.flows.code_try import number_key
from tests.flows.test_namespaces import CALLERS, NAMESPACES, Person, four
from tests.flows.world import H5, MOBILE, OTHER_MOBILE, PC, World
from tests.store.grounds import Ground
from tests.store.houses import STRAY_MOBILE, dump

# Counted for all alike, by keys that tell nobody whose they are.
_COMMON = {"limit_tally"}


async def visit(world: World, person: Person) -> None:
    """Leaves a session, a code that is good, and a line in the trail about the number."""
    await person.log_in(world)
    await world.code_for(caller=person.caller)


async def live_on(world: World, person: Person) -> None:
    """Everything that people do, and that is done to them."""
    caller = person.caller
    grant = await world.with_code(MOBILE, await world.code_for(caller=caller), caller)
    await world.refresh(token=grant.refresh_token, group=None, caller=caller)
    new = "a-new-harbour-18"
    await world.reset(await world.code_for(usage=Usage.up_pwd, caller=caller), caller=caller)
    world.clock.advance(3600)  # there may be five messages an hour
    for group in (PC, H5):
        grant = await world.log_in("bob", new, group=group, caller=caller)
    found = await world.authenticate(grant.access_token, caller.member_type)
    await world.devices.end_others(found, caller)
    if caller.member_type == MemberType.member:
        await world.change_password(found, old_password=new, password="third-19!", caller=caller)
        grant = await world.log_in("bob", "third-19!", caller=caller)
        codes = await world.codes_to_move(caller=caller)
        grant = await world.move(grant, codes=codes, caller=caller)
        codes = await world.codes_to_move(OTHER_MOBILE, MOBILE, caller=caller)
        grant = await world.move(grant, MOBILE, codes=codes, caller=caller)
        found = await world.authenticate(grant.access_token)
        code = await world.code_for(usage=Usage.cancel, caller=caller)
        await world.cancel.ask(found, code=code, password="", caller=caller)
        await world.cancel.withdraw(found, caller)
    await world.logout(grant.access_token, caller.member_type)
    await world.administer.set_status(person.member, Status.disabled)
    await world.administer.set_status(person.member, Status.enabled)
    await world.administer.set_status(person.member, Status.deleted)


@pytest.mark.parametrize("place", range(len(NAMESPACES)))
async def test_L07_a_life_and_its_end_change_nothing_of_namesakes(
    any_ground: Ground, any_world: World, place: int
) -> None:
    for caller in CALLERS:
        await any_world.code_for(STRAY_MOBILE, caller=caller)
    people = await four(any_world)
    for each in people:
        await visit(any_world, each)
        any_ground.put(f"insert into member_auth (member_id) values ({each.member.id})")
    person = people[place]
    namespace, before = person.member.namespace, dump(any_ground)
    keys = {
        number_key(any_world.secrets, namespace, mobile).hex()
        for mobile in (MOBILE, OTHER_MOBILE, STRAY_MOBILE)
    }

    def is_its_own(table: str, row: dict[str, str]) -> bool:
        if table in _COMMON:
            return True
        if table in ("sms_code", "sms_message"):
            return row["number_key"] in keys
        if table == "audit_event" and row["member_id"] == "~":
            marked = namespace.marked("138****0000")
            there = str(namespace.merchant_id)
            return row["merchant_id"] == there and row["note"].endswith(f" {marked}")
        return row.get("member_id", row["id"]) == str(person.member.id)

    await live_on(any_world, person)
    any_world.clock.advance(60)
    while await any_world.retain():
        pass
    after = dump(any_ground)
    changed = [key for key, row in before.items() if after.get(key) != row]
    assert [key for key in changed if not is_its_own(key[0], before[key])] == []
    assert {key[0] for key in changed} >= {
        "member", "member_account", "member_auth", "session", "sms_code", "sms_message",
        "audit_event",
    }  # fmt: skip
    for each in people:
        if each is not person:
            await each.log_in(any_world)
