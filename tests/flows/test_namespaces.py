"""Members of the site, members of merchants, users of merchants: the same names, other people."""

from dataclasses import dataclass, replace
from itertools import permutations

from denglu.domain.errors import Reason
from denglu.domain.limits import Limit, Rate
from denglu.domain.member import (
    SITE,
    Identifier,
    Member,
    MemberType,
    Namespace,
    NewMember,
    read_identifier,
)
from denglu.domain.session import Caller
from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Trouble
from denglu.flows.account_keys import AccountKeys
from denglu.flows.code_try import number_key
from denglu.flows.ports import GatewayFailed, Transaction
from denglu.flows.results import Grant
from denglu.security.digests import HmacSecrets
from tests.domain.people import MEMBER
from tests.flows.conftest import MakeWorld
from tests.flows.rivals import race
from tests.flows.world import IOS, KEY, MOBILE, OTHER_MOBILE, PC, Numbers, World, refused, wrong

IP = "203.0.113.7"
NAMESPACES = (
    SITE,
    Namespace(7),
    Namespace(8),
    Namespace(0, MemberType.merchant_user),
)
SITE_ID, SEVEN, EIGHT, USERS = range(4)
USER = MemberType.merchant_user


def at(namespace: Namespace, ip: str = IP) -> Caller:
    """Somebody who logs in there."""
    return Caller(ip, "iPhone", namespace.merchant_id, namespace.member_type)


CALLERS = tuple(map(at, NAMESPACES))


@dataclass
class Person:
    """Somebody with the names that everybody has here, and a password of their own."""

    member: Member
    password: str
    caller: Caller

    async def log_in(self, world: World, **other: str) -> Grant:
        return await world.log_in("bob", other.get("password", self.password), caller=self.caller)


async def add(world: World, caller: Caller, password: str, *, merchant: int = 0) -> Person:
    """Add a person to the namespace; ``merchant``: of a user, whose."""
    new = NewMember(
        username="bob",
        mobile=MOBILE,
        password_hash=await world.passwords.hash(password),
        merchant_id=merchant if caller.member_type == USER else caller.merchant_id,
        type=caller.member_type,
    )

    async def work(tx: Transaction) -> Member:
        member = await tx.members.get(await tx.members.add(new, world.clock.now()))
        assert member is not None
        return member

    return Person(await world.store.write(work), password, caller)


async def four(world: World) -> list[Person]:
    """One in each namespace; the user belongs to merchant 7."""

    async def merchants(tx: Transaction) -> None:
        for number in range(1, 9):
            await tx.merchants.add(f"merchant {number}", world.clock.now())

    await world.store.write(merchants)
    return [
        await add(world, caller, f"moonlit-harbour-{n}", merchant=7)
        for n, caller in enumerate(CALLERS)
    ]


# The keys.

MEMBER_KEYS = {
    "name:bob": ("15503613", "d038779f"),
    "nobody:bob": ("14a72513", "257379b5"),
    "member:7:0": ("23e56a45", "1b8512b1"),
}
"""The beginnings of what limits were counted under before there were namespaces, for ``KEY``."""


def test_limits_of_the_site_are_found_again_after_an_upgrade() -> None:
    secrets = HmacSecrets(KEY)
    assert number_key(secrets, SITE, MOBILE).hex().startswith("354b0177")
    keys, bob = AccountKeys(secrets), read_identifier("bob")
    names = {*keys.of(bob, None, SITE), *keys.of(bob, MEMBER, SITE)}
    assert names == set(MEMBER_KEYS)
    assert keys.every(MEMBER) == ("member:7:0", "name:13800000000", "name:bob")
    for name, (anywhere, here) in MEMBER_KEYS.items():
        assert keys.account(name).hex().startswith(anywhere)
        assert keys.account_address(name, IP).hex().startswith(here)


def test_each_namespace_has_keys_of_its_own_whatever_is_typed() -> None:
    secrets = HmacSecrets(KEY)
    assert len({number_key(secrets, there, MOBILE) for there in NAMESPACES}) == len(NAMESPACES)
    hostile = ("bob", "@7.1:bob", ":bob", "@0.3:bob", "1:bob", "name:bob", "nobody:bob", "")
    whole = (*NAMESPACES, Namespace(71), Namespace(7, MemberType.merchant_user))
    keys = AccountKeys(secrets)
    names = [
        name
        for there in whole
        for typed in hostile
        for name in keys.of(Identifier(typed), None, there)
    ]
    assert len(set(names)) == len(whole) * len(hostile) * 2


def test_every_name_of_a_member_is_what_a_login_there_counts_under() -> None:
    keys = AccountKeys(HmacSecrets(KEY))
    of_seven = replace(MEMBER, merchant_id=7)
    assert keys.of(read_identifier("bob"), of_seven, Namespace(7))[0] in keys.every(of_seven)
    user = replace(MEMBER, merchant_id=7, type=MemberType.merchant_user)
    assert user.namespace == NAMESPACES[USERS]
    assert keys.of(read_identifier("bob"), user, user.namespace)[0] in keys.every(user)


# Passwords.


async def test_T04_the_same_name_and_password_open_only_the_door_of_each(any_world: World) -> None:
    people = await four(any_world)
    for person in people:
        grant = await person.log_in(any_world)
        assert grant.member.id == person.member.id
    for mine, theirs in permutations(people, 2):
        with refused(Reason.bad_credentials):
            await mine.log_in(any_world, password=theirs.password)
        any_world.clock.advance(900)


async def test_T04_a_name_of_one_namespace_is_unknown_in_the_others(any_world: World) -> None:
    for n, caller in enumerate(CALLERS):
        alone = await add(any_world, caller, "moonlit-harbour-17")
        for there in CALLERS[n + 1 :]:
            with refused(Reason.bad_credentials):
                await any_world.log_in("bob", alone.password, caller=there)
            code = await any_world.code_for(caller=there)
            with refused(Reason.member_not_found):
                await any_world.with_code(MOBILE, code, there)
            again = await any_world.code_for(usage=Usage.up_pwd, caller=there)
            with refused(Reason.member_not_found):
                await any_world.reset(again, caller=there)
            any_world.clock.advance(3600)
        await alone.log_in(any_world)


async def test_a_name_of_another_namespace_costs_the_work_of_one_that_nobody_has(
    world: World,
) -> None:
    for n, caller in enumerate(CALLERS):
        await add(world, caller, "moonlit-harbour-17")
        for there in CALLERS[n + 1 :]:
            world.passwords.compared.clear()
            with refused(Reason.bad_credentials):
                await world.log_in("bob", "moonlit-harbour-17", caller=there)
            assert world.passwords.compared == [("moonlit-harbour-17", None)]
            world.clock.advance(3600)


async def test_who_is_tried_out_in_one_namespace_is_not_in_another(world: World) -> None:
    people = await four(world)
    victim = people[SEVEN]
    for _ in range(5):
        with refused(Reason.bad_credentials):
            await victim.log_in(world, password="wrong")
    with refused(Reason.too_many_attempts):
        await victim.log_in(world)
    for person in people:
        if person is not victim:
            await person.log_in(world)
    # Nor did their right passwords open it.
    with refused(Reason.too_many_attempts):
        await victim.log_in(world)


async def test_names_that_nobody_has_are_counted_apart_too(world: World) -> None:
    await four(world)
    for _ in range(5):
        with refused(Reason.bad_credentials):
            await world.log_in("nobody", "wrong", caller=CALLERS[USERS])
    with refused(Reason.too_many_attempts):
        await world.log_in("nobody", "wrong", caller=CALLERS[USERS])
    for caller in CALLERS[:USERS]:
        with refused(Reason.bad_credentials):
            await world.log_in("nobody", "wrong", caller=caller)


async def test_an_address_is_one_to_all_namespaces(world: World) -> None:
    await four(world)
    for n in range(30):
        with refused(Reason.bad_credentials):
            await world.log_in(f"nobody{n}", "wrong", caller=CALLERS[n % 4])
    for caller in CALLERS:
        with refused(Reason.too_many_attempts):
            await world.log_in("bob", "wrong", caller=caller)


async def test_a_reset_opens_the_account_of_its_namespace_and_no_other(world: World) -> None:
    people = await four(world)
    for person in (people[SEVEN], people[USERS]):
        for _ in range(5):
            with refused(Reason.bad_credentials):
                await person.log_in(world, password="wrong")
    before = [await world.log_in("bob", p.password, caller=p.caller) for p in people[:1]]
    code = await world.code_for(usage=Usage.up_pwd, caller=people[SEVEN].caller)
    await world.reset(code, caller=people[SEVEN].caller)
    await people[SEVEN].log_in(world, password="a-new-harbour-18")
    with refused(Reason.too_many_attempts):
        await people[USERS].log_in(world)
    for grant in before:
        await world.authenticate(grant.access_token)
    await people[SITE_ID].log_in(world)
    await people[EIGHT].log_in(world)


# Codes.


async def test_a_code_is_good_where_it_was_asked_for(any_world: World) -> None:
    people = await four(any_world)
    for mine, theirs in permutations(people, 2):
        code = await any_world.code_for(caller=mine.caller)
        with refused(Reason.bad_code):
            await any_world.with_code(MOBILE, code, theirs.caller)
        grant = await any_world.with_code(MOBILE, code, mine.caller)
        assert grant.member.id == mine.member.id
        any_world.clock.advance(3600)


async def test_a_cooldown_is_that_of_a_number_in_its_namespace(world: World) -> None:
    for caller in CALLERS:
        await world.send_code(mobile=MOBILE, usage=Usage.login, caller=caller)
    for caller in CALLERS:
        with refused(Reason.sms_too_frequent):
            await world.send_code(mobile=MOBILE, usage=Usage.login, caller=caller)


async def test_messages_of_an_address_are_counted_together(world: World) -> None:
    for n in range(10):
        caller = CALLERS[n % 4]
        mobile = f"1390000000{n}"
        await world.send_code(mobile=mobile, usage=Usage.login, caller=caller)
    for caller in CALLERS:
        with refused(Reason.sms_too_frequent):
            await world.send_code(mobile=OTHER_MOBILE, usage=Usage.login, caller=caller)


async def test_a_phone_is_one_to_all_namespaces(make_world: MakeWorld) -> None:
    numbers = Numbers()
    phone = Limit("sms-phone", (Rate(3, 3600),))
    world = make_world(replace(numbers, sms=replace(numbers.sms, phone=phone)))
    for caller in CALLERS[:3]:
        await world.send_code(mobile=MOBILE, usage=Usage.login, caller=caller)
    with refused(Reason.sms_too_frequent) as refusals:
        await world.send_code(mobile=MOBILE, usage=Usage.login, caller=CALLERS[3])
    assert refusals[0].retry_after == 3600
    await world.send_code(mobile=OTHER_MOBILE, usage=Usage.login, caller=CALLERS[3])


async def test_rivals_of_all_namespaces_send_a_phone_what_it_may_get(make_world: MakeWorld) -> None:
    numbers = Numbers()
    phone = Limit("sms-phone", (Rate(3, 3600),))
    world = make_world(replace(numbers, sms=replace(numbers.sms, phone=phone)))
    outcome = await race(
        12,
        lambda n: world.send_code(
            mobile=MOBILE, usage=Usage.login, caller=at(Namespace(n), f"198.51.100.{n}")
        ),
    )
    assert len(outcome.winners) == 3
    assert outcome.reasons == {"sms_too_frequent": 9}


async def test_a_message_that_was_not_sent_is_given_back_to_the_phone(
    make_world: MakeWorld,
) -> None:
    numbers = Numbers()
    phone = Limit("sms-phone", (Rate(1, 3600),))
    world = make_world(replace(numbers, sms=replace(numbers.sms, phone=phone)))
    world.gateway.fault = GatewayFailed("memory", "isv.AMOUNT_NOT_ENOUGH", Trouble.refused)
    with refused(Reason.sms_failed):
        await world.send_code(mobile=MOBILE, usage=Usage.login, caller=CALLERS[SEVEN])
    world.gateway.fault = None
    await world.send_code(mobile=MOBILE, usage=Usage.login, caller=CALLERS[EIGHT])
    with refused(Reason.sms_too_frequent):
        await world.send_code(mobile=MOBILE, usage=Usage.login, caller=CALLERS[SITE_ID])


async def test_a_phone_is_bounded_by_its_block_over_all_namespaces(make_world: MakeWorld) -> None:
    world = make_world(Numbers(block=Limit("sms-block", (Rate(3, 3600),), provable=True)))
    for caller in CALLERS[:3]:
        await world.send_code(mobile=MOBILE, usage=Usage.login, caller=caller)
    with refused(Reason.sms_too_frequent):
        await world.send_code(mobile=MOBILE, usage=Usage.login, caller=CALLERS[3])


async def test_wrong_codes_count_against_the_number_where_they_were_tried(world: World) -> None:
    people = await four(world)
    for _ in range(2):
        code = await world.code_for(caller=people[USERS].caller)
        for n in range(5):
            with refused(Reason.bad_code):
                there = at(people[USERS].caller.namespace, f"198.51.100.{n}")
                await world.with_code(MOBILE, wrong(code), there)
    code = await world.code_for(caller=people[USERS].caller)
    with refused(Reason.bad_code):
        await world.with_code(MOBILE, code, people[USERS].caller)
    for person in people[:USERS]:
        code = await world.code_for(caller=person.caller)
        await world.with_code(MOBILE, code, person.caller)


# Joining and moving.


async def test_a_mobile_joins_each_merchant_once(any_world: World) -> None:
    ids = set()
    for caller in CALLERS[:USERS]:
        code = await any_world.code_for(usage=Usage.register, caller=caller)
        grant = await any_world.join(code, caller=caller)
        assert (grant.member.merchant_id, grant.member.type) == (caller.merchant_id, 1)
        ids.add(grant.member.id)
    assert len(ids) == 3
    for caller in CALLERS[:USERS]:
        code = await any_world.code_for(usage=Usage.register, caller=caller)
        with refused(Reason.mobile_taken):
            await any_world.join(code, caller=caller)


async def test_rivals_join_two_merchants_with_one_mobile_and_each_once(any_world: World) -> None:
    callers = [CALLERS[n % 2] for n in range(8)]
    codes = [
        await any_world.code_for(usage=Usage.register, caller=caller) for caller in callers[:2]
    ]
    outcome = await race(8, lambda n: any_world.join(codes[n % 2], caller=callers[n]))
    assert len(outcome.winners) == 2
    assert {grant.member.merchant_id for grant in outcome.winners.values()} == {0, 7}


async def test_a_member_moves_to_a_number_that_is_free_in_its_namespace(any_world: World) -> None:
    people = await four(any_world)
    for person in people[:USERS]:
        grant = await person.log_in(any_world)
        codes = await any_world.codes_to_move(caller=person.caller)
        moved = await any_world.move(grant, codes=codes, caller=person.caller)
        assert (moved.member.id, moved.member.mobile) == (person.member.id, OTHER_MOBILE)
    user = await any_world.log_in("bob", people[USERS].password, caller=people[USERS].caller)
    assert user.member.mobile == MOBILE


# Tokens.


@dataclass
class Doors:
    """A member and a user, each with a pair; ``other`` is as whom the other one logs in."""

    caller: Caller
    other: Caller
    grant: Grant


async def doors(world: World) -> list[Doors]:
    """Both directions."""
    people = await four(world)
    member, user = people[SITE_ID], people[USERS]
    pairs = ((member, user), (people[SEVEN], user), (user, member))
    return [Doors(a.caller, b.caller, await a.log_in(world)) for a, b in pairs]


async def test_T04_a_token_is_unknown_at_the_other_door(any_world: World) -> None:
    for each in await doors(any_world):
        here, there = each.caller.member_type, each.other.member_type
        token = each.grant.access_token
        with refused(Reason.token_invalid):
            await any_world.authenticate(token, there)
        with refused(Reason.token_invalid):
            await any_world.authenticate.known(token, there)
        with refused(Reason.token_invalid):
            await any_world.logout(token, there)
        assert not await any_world.authenticate.verify(token, there)
        found = await any_world.authenticate(token, here)
        assert found.member.id == each.grant.member.id
        assert await any_world.authenticate.verify(token, here)


async def test_T04_an_expired_token_is_just_as_unknown_there(world: World) -> None:
    every = await doors(world)
    world.clock.advance(7200)
    for each in every:
        here, there = each.caller.member_type, each.other.member_type
        token = each.grant.access_token
        with refused(Reason.token_invalid):
            await world.authenticate(token, there)
        assert not await world.authenticate.verify(token, there)
        with refused(Reason.token_invalid):
            await world.logout(token, there)
        assert await world.authenticate.verify(token, here)
        await world.logout(token, here)
        with refused(Reason.token_invalid):
            await world.authenticate(token, there)


async def test_T04_a_refresh_at_the_other_door_burns_nothing(any_world: World) -> None:
    for each in await doors(any_world):
        for group in (None, IOS, PC):
            with refused(Reason.refresh_invalid):
                await any_world.refresh(
                    token=each.grant.refresh_token, group=group, caller=each.other
                )
        child = await any_world.refresh(
            token=each.grant.refresh_token, group=IOS, caller=each.caller
        )
        # A late parent is reuse at its own door; at the other one nobody learns of it.
        await any_world.authenticate(child.access_token, each.caller.member_type)
        any_world.clock.advance(60)
        with refused(Reason.refresh_invalid):
            await any_world.refresh(token=each.grant.refresh_token, group=IOS, caller=each.other)
        await any_world.authenticate(child.access_token, each.caller.member_type)
    assert "refresh_reuse" not in any_world.events()


async def test_T04_rivals_at_both_doors_refresh_once_and_only_at_the_right_one(
    any_world: World,
) -> None:
    for each in await doors(any_world):
        callers = [each.caller, each.other]
        outcome = await race(
            8,
            lambda n, each=each, callers=callers: any_world.refresh(  # type: ignore[misc]
                token=each.grant.refresh_token, group=IOS, caller=callers[n % 2]
            ),
        )
        assert set(outcome.winners) == {0, 2, 4, 6}
        assert len({grant.access_token for grant in outcome.winners.values()}) == 1
        assert outcome.reasons == {"refresh_invalid": 4}


async def test_T04_a_first_use_at_the_other_door_is_no_use(world: World) -> None:
    for each in await doors(world):
        child = await world.refresh(token=each.grant.refresh_token, group=IOS, caller=each.caller)
        with refused(Reason.token_invalid):
            await world.authenticate(child.access_token, each.other.member_type)
        world.clock.advance(60)
        # The window is open: to the server, the client has not had its answer.
        again = await world.refresh(token=each.grant.refresh_token, group=IOS, caller=each.caller)
        assert again.access_token == child.access_token
