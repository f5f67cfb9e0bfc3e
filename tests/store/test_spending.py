"""What was spent: exact whoever comes at the same time, also where a period has just begun."""

import asyncio

import pytest

from denglu.flows.ports import Period, Spent, Store
from tests.store.files import Sql

START = 1_750_000_000 // 3600 * 3600
SITE = [
    Period(-1, "day", START - 7200, START + 79200),
    Period(-1, "hour", START, START + 3600),
    Period(-1, "month", START - 86400, START + 86400 * 29),
]
MERCHANT = [Period(0, period.kind, period.starts_at, period.ends_at) for period in SITE]
ALL = SITE + MERCHANT


async def add(store: Store, periods: list[Period], messages: int, cost: int) -> list[Spent]:
    return await store.write(lambda tx: tx.spending.add(periods, messages, cost))


async def spent(store: Store, *periods: Period) -> list[Spent]:
    return await store.read(lambda tx: tx.spending.of(periods))


@pytest.mark.parametrize("how_many", range(7))
async def test_what_is_added_is_told_and_kept(store: Store, how_many: int) -> None:
    some = ALL[:how_many]
    assert await add(store, some, 1, 450) == [Spent(1, 450)] * how_many
    assert await add(store, some, 2, 1) == [Spent(3, 451)] * how_many
    assert await spent(store, *some) == [Spent(3, 451)] * how_many


async def test_what_was_never_spent_is_nothing(store: Store, sql: Sql) -> None:
    assert await spent(store, *ALL) == [Spent(0, 0)] * 6
    assert sql("select count(*) from sms_spend") == [(0,)]


async def test_periods_are_kept_apart(store: Store) -> None:
    later = Period(-1, "hour", START + 3600, START + 7200)
    for n, period in enumerate([*ALL, later]):
        await add(store, [period], n + 1, 10 * n)
    assert await spent(store, *ALL) == [Spent(n + 1, 10 * n) for n in range(6)]
    assert await spent(store, later) == [Spent(7, 60)]


async def test_what_is_given_back_is_gone(store: Store, sql: Sql) -> None:
    await add(store, SITE, 3, 1350)
    assert await add(store, SITE, -1, -450) == [Spent(2, 900)] * 3
    assert await add(store, SITE, 0, -50) == [Spent(2, 850)] * 3
    ends = sql("select ends_at from sms_spend order by kind")
    assert ends == [(period.ends_at,) for period in SITE]


async def test_sums_are_larger_than_32_bits(store: Store) -> None:
    many = 2**40
    await add(store, SITE, 1, many)
    assert await add(store, SITE, 1, many) == [Spent(2, 2 * many)] * 3


async def test_what_is_undone_was_not_spent(store: Store) -> None:
    async def work(tx: object) -> None:
        await tx.spending.add(SITE, 1, 450)  # type: ignore[attr-defined]
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(work)
    assert await spent(store, *SITE) == [Spent(0, 0)] * 3


async def test_S15_rivals_add_one_after_the_other(store: Store) -> None:
    told = await asyncio.gather(*(add(store, SITE, 1, 450) for _ in range(50)))
    assert sorted(hour.messages for _, hour, _ in told) == list(range(1, 51))
    assert await spent(store, *SITE) == [Spent(50, 50 * 450)] * 3


async def test_S15_the_first_two_of_a_new_period_are_two(store: Store) -> None:
    for n in range(20):
        new = [Period(-1, "hour", START + n * 3600, START + (n + 1) * 3600)]
        barrier = asyncio.Barrier(2)

        async def rival(barrier: asyncio.Barrier = barrier, new: list[Period] = new) -> list[Spent]:
            async with barrier:
                return await add(store, new, 1, 450)

        told = await asyncio.gather(rival(), rival())
        assert sorted(told, key=str) == [[Spent(1, 450)], [Spent(2, 900)]]


async def test_S15_rivals_who_are_undone_leave_nothing_and_keep_nobody_out(store: Store) -> None:
    """Some of those who begin a period take back what they did."""

    async def refused(tx: object) -> None:
        await tx.spending.add(SITE, 1, 450)  # type: ignore[attr-defined]
        raise LookupError

    for n in range(5):
        barrier = asyncio.Barrier(10)

        async def rival(number: int, barrier: asyncio.Barrier = barrier) -> None:
            async with barrier:
                if number % 2:
                    await add(store, SITE, 1, 450)
                else:
                    with pytest.raises(LookupError):
                        await store.write(refused)

        await asyncio.gather(*(rival(number) for number in range(10)))
        assert await spent(store, *SITE) == [Spent(5 * (n + 1), 5 * (n + 1) * 450)] * 3
