"""Tallies: a text per key, compared byte by byte."""

import asyncio

from denglu.flows.ports import Store, Transaction
from tests.store.making import NOW

KEY, OTHER = b"k" * 32, b"k" * 31 + b"K"


async def save(store: Store, key: bytes, text: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.tallies.load([key])
        await tx.tallies.save(key, text, NOW)

    await store.write(work)


async def load(store: Store, *keys: bytes) -> dict[bytes, str]:
    return await store.write(lambda tx: tx.tallies.load(keys))


async def test_a_tally_that_was_never_saved_is_absent(store: Store) -> None:
    assert await load(store, KEY, OTHER) == {}
    assert await load(store, KEY, OTHER) == {}
    assert await load(store) == {}


async def test_a_saved_tally_is_loaded_by_its_key_alone(store: Store) -> None:
    await save(store, KEY, "[0,[]]")
    assert await load(store, KEY, OTHER, b"\0" * 32) == {KEY: "[0,[]]"}


async def test_the_last_one_saved_counts(store: Store) -> None:
    for text in ("first", "second"):
        await save(store, KEY, text)
    assert await load(store, KEY) == {KEY: "second"}


async def test_a_cleared_tally_is_forgotten_and_can_start_anew(store: Store) -> None:
    await save(store, KEY, "old")
    await save(store, OTHER, "kept")
    await store.write(lambda tx: tx.tallies.clear(KEY))
    assert await load(store, KEY, OTHER) == {OTHER: "kept"}
    await save(store, KEY, "new")
    assert await load(store, KEY) == {KEY: "new"}


async def test_S02_rivals_count_one_after_the_other(store: Store) -> None:
    async def count(tx: Transaction) -> None:
        stored = (await tx.tallies.load([KEY])).get(KEY, "0")
        await tx.tallies.save(KEY, str(int(stored) + 1), NOW)

    await asyncio.gather(*(store.write(count) for _ in range(100)))
    assert await load(store, KEY) == {KEY: "100"}
