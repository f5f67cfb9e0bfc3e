"""Tallies: a text per key, compared byte by byte."""

import asyncio

import pytest

from denglu.domain.limits import Tally
from denglu.flows.ports import Store, Transaction
from denglu.settings.model import about
from tests.store.files import Sql
from tests.store.making import NOW

# In their order, as they are loaded.
OTHER, KEY = b"k" * 31 + b"K", b"k" * 32


async def save(store: Store, key: bytes, text: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.tallies.load([key])
        await tx.tallies.save({key: (text, NOW)})

    await store.write(work)


async def load(store: Store, *keys: bytes) -> dict[bytes, str]:
    return await store.write(lambda tx: tx.tallies.load(keys))


async def test_a_tally_that_was_never_saved_is_absent(store: Store) -> None:
    assert await load(store, OTHER, KEY) == {}
    assert await load(store, OTHER, KEY) == {}
    assert await load(store) == {}


async def test_recalling_finds_what_was_saved_and_makes_nothing(store: Store, sql: Sql) -> None:
    await save(store, KEY, "[0,[]]")
    assert await store.write(lambda tx: tx.tallies.recall([OTHER, KEY])) == {KEY: "[0,[]]"}
    assert sql("select count(*) from limit_tally") == [(1,)]


@pytest.mark.parametrize("how_many", [1, 2, 4, 5, 6, 10, 13])
async def test_as_many_tallies_as_there_are_are_kept_apart(store: Store, how_many: int) -> None:
    keys = [bytes([n]) * 32 for n in range(how_many)]
    tallies = {key: (f"of {n}", NOW + n) for n, key in enumerate(keys)}

    async def work(tx: Transaction) -> None:
        assert await tx.tallies.load(keys) == {}
        await tx.tallies.save(tallies)

    await store.write(work)
    assert await load(store, *keys, OTHER) == {key: text for key, (text, _) in tallies.items()}
    assert await store.write(lambda tx: tx.tallies.recall([*keys, OTHER])) == await load(
        store, *keys
    )


async def test_S14_the_largest_tally_that_settings_allow_is_kept(store: Store) -> None:
    measured = about("sms_address_numbers").high
    assert measured is not None
    text = Tally(tuple((NOW, 1, f"{n:016x}") for n in range(int(measured)))).dump()
    await save(store, KEY, text)
    assert await load(store, KEY) == {KEY: text}


async def test_saving_some_leaves_the_others_as_they_were(store: Store) -> None:
    keys = [bytes([n]) * 32 for n in range(3)]
    for key in keys:
        await save(store, key, "before")

    async def work(tx: Transaction) -> None:
        await tx.tallies.load(keys)
        await tx.tallies.save({keys[1]: ("after", NOW)})
        await tx.tallies.save({})

    await store.write(work)
    assert await load(store, *keys) == dict(zip(keys, ["before", "after", "before"], strict=True))


async def test_a_saved_tally_is_loaded_by_its_key_alone(store: Store) -> None:
    await save(store, KEY, "[0,[]]")
    assert await load(store, b"\0" * 32, OTHER, KEY) == {KEY: "[0,[]]"}


async def test_the_last_one_saved_counts(store: Store) -> None:
    for text in ("first", "second"):
        await save(store, KEY, text)
    assert await load(store, KEY) == {KEY: "second"}


async def test_a_cleared_tally_is_forgotten_and_can_start_anew(store: Store) -> None:
    await save(store, KEY, "old")
    await save(store, OTHER, "kept")
    await store.write(lambda tx: tx.tallies.save({KEY: ("", NOW)}))
    assert await load(store, OTHER, KEY) == {OTHER: "kept"}
    await save(store, KEY, "new")
    assert await load(store, KEY) == {KEY: "new"}


@pytest.mark.parametrize("verb", ["load", "recall"])
async def test_S02_rivals_count_one_after_the_other(store: Store, verb: str) -> None:
    async def count(tx: Transaction) -> None:
        stored = (await getattr(tx.tallies, verb)([KEY]))[KEY]
        await tx.tallies.save({KEY: (str(int(stored) + 1), NOW)})

    await save(store, KEY, "0")
    await asyncio.gather(*(store.write(count) for _ in range(100)))
    assert await load(store, KEY) == {KEY: "100"}


async def test_S02_rivals_meet_at_a_tally_that_is_new(store: Store) -> None:
    async def count(tx: Transaction) -> None:
        stored = (await tx.tallies.load([OTHER, KEY])).get(KEY, "0")
        await tx.tallies.save({KEY: (str(int(stored) + 1), NOW)})

    await asyncio.gather(*(store.write(count) for _ in range(100)))
    assert await load(store, KEY) == {KEY: "100"}
