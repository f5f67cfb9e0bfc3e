"""SMS codes: one is live, its tries are counted, it is spent once."""

import asyncio

import pytest

from denglu.domain.sms_code import LiveCode, Usage
from denglu.flows.ports import Store
from tests.store.files import Sql
from tests.store.making import NOW, NUMBER, new_code


async def issue(store: Store, **given: object) -> int:
    new = new_code(**given)  # type: ignore[arg-type]
    return await store.write(lambda tx: tx.codes.issue(new))


async def claim(
    store: Store,
    *,
    number: bytes = NUMBER,
    usage: str = Usage.login,
    tries: int = 5,
    now: int = NOW,
) -> LiveCode | None:
    return await store.write(lambda tx: tx.codes.claim_try(number, usage, tries, now))


async def spend(store: Store, code_id: int, now: int = NOW) -> bool:
    return await store.write(lambda tx: tx.codes.spend(code_id, now))


async def test_a_try_gets_the_code_to_compare_with(store: Store) -> None:
    code_id = await issue(store)
    assert await claim(store) == LiveCode(code_id, b"s" * 16, b"d" * 32, NOW, "203.0.113.7")


async def test_what_is_stored_is_masked_and_keyed(store: Store, sql: Sql) -> None:
    await issue(store)
    assert sql("select mobile_masked, code_usage, tries, ip from sms_code") == [
        ("138****0000", "login", 0, "203.0.113.7")
    ]


async def test_without_a_code_there_is_nothing_to_try(store: Store) -> None:
    assert await claim(store) is None


@pytest.mark.parametrize(
    "other",
    [{"usage": Usage.up_pwd}, {"usage": "Login"}, {"number": b"m" * 32}, {"number": b"n" * 31}],
)
async def test_S08_a_code_is_for_one_number_and_usage(
    store: Store, other: dict[str, object]
) -> None:
    await issue(store)
    assert await claim(store, **other) is None  # type: ignore[arg-type]


async def test_S09_the_newest_code_takes_the_place_of_the_one_before(store: Store) -> None:
    old = await issue(store)
    new = await issue(store)
    assert not await spend(store, old)
    live = await claim(store)
    assert live is not None
    assert live.id == new
    assert await spend(store, new)


async def test_codes_for_other_usages_and_numbers_stay_live(store: Store) -> None:
    kept = [await issue(store, usage=Usage.up_pwd), await issue(store, number=b"m" * 32)]
    await issue(store)
    await issue(store)
    assert [await spend(store, code_id) for code_id in kept] == [True, True]


async def test_S01_tries_are_counted_up_to_the_cap(store: Store) -> None:
    await issue(store)
    assert [bool(await claim(store, tries=3)) for _ in range(5)] == [True] * 3 + [False] * 2


async def test_S02_two_hundred_tries_at_once_stay_at_the_cap(store: Store) -> None:
    await issue(store)
    claims = await asyncio.gather(*(claim(store) for _ in range(200)))
    assert sum(live is not None for live in claims) == 5


async def test_a_new_code_has_all_its_tries(store: Store) -> None:
    await issue(store)
    for _ in range(5):
        await claim(store)
    await issue(store)
    assert await claim(store) is not None


async def test_a_try_that_was_no_guess_is_given_back(store: Store) -> None:
    code_id = await issue(store)
    for _ in range(3):
        await claim(store, tries=3)
    await store.write(lambda tx: tx.codes.refund_try(code_id))
    assert [bool(await claim(store, tries=3)) for _ in range(2)] == [True, False]


async def test_the_only_try_can_be_given_back(store: Store) -> None:
    code_id = await issue(store)
    for _ in range(3):
        assert await claim(store, tries=1)
        await store.write(lambda tx: tx.codes.refund_try(code_id))


async def test_no_more_tries_are_given_back_than_were_made(store: Store) -> None:
    code_id = await issue(store)
    for _ in range(2):
        await store.write(lambda tx: tx.codes.refund_try(code_id))
    assert [bool(await claim(store, tries=1)) for _ in range(2)] == [True, False]


async def test_S07_a_code_ends_to_the_second(store: Store) -> None:
    code_id = await issue(store)
    assert await claim(store, now=NOW + 299)
    assert await claim(store, now=NOW + 300) is None
    assert not await spend(store, code_id, NOW + 300)
    assert await spend(store, code_id, NOW + 299)


async def test_R01_a_code_is_spent_once(store: Store) -> None:
    code_id = await issue(store)
    assert [await spend(store, code_id) for _ in range(2)] == [True, False]
    assert await claim(store) is None


async def test_R01_one_of_a_hundred_rivals_spends(store: Store) -> None:
    code_id = await issue(store)
    done = await asyncio.gather(*(spend(store, code_id) for _ in range(100)))
    assert sum(done) == 1


async def test_an_unknown_code_cannot_be_spent(store: Store) -> None:
    assert not await spend(store, 404)
