"""Budgets of messages: nobody spends more, to the last ten-thousandth, whoever asks at once."""

from collections.abc import Sequence
from typing import Any

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.spend import Cap, Kind
from denglu.domain.watch import Alert
from denglu.flows.budget import Budget, Charge, Crossing
from denglu.flows.ports import Store
from tests.flows.rivals import race
from tests.flows.world import DAY, World

PRICES = {"aliyun": 450, "tencent": 505}
DEAREST = 505
# 1 June 2028, midnight in China.
JUNE = 1_843_401_600
MAY_31 = JUNE - DAY
ROUNDS = range(10)
HALF, SPENT = Alert.sms_budget_half, Alert.sms_budget_spent


def of_site(kind: Kind = Kind.day, *, messages: int | None = None, cost: int | None = None) -> Any:
    """A budget of the site alone."""
    return Budget(PRICES, site={kind: Cap(messages, cost)})


async def charge(
    store: Store, budget: Budget, now: int = JUNE, *, merchant: int = 0, parts: int = 1
) -> tuple[Charge, Sequence[Crossing]]:
    return await store.write(lambda tx: budget.charge(tx, merchant, now, parts))


async def settle(store: Store, budget: Budget, charged: Charge, cost: int | None) -> None:
    await store.write(lambda tx: budget.settle(tx, charged, cost))


async def refusal(store: Store, budget: Budget, now: int = JUNE, merchant: int = 0) -> int | None:
    """How long a message has to wait that has no room."""
    with pytest.raises(Refusal) as info:
        await charge(store, budget, now, merchant=merchant)
    assert info.value.reason is Reason.sms_budget
    return info.value.retry_after


def spent(world: World) -> list[tuple[Any, ...]]:
    return world.sql(
        "select scope, kind, starts_at, messages, cost from sms_spend order by 1, 2, 3"
    )


async def test_without_a_budget_nothing_is_counted(world: World) -> None:
    charged, crossings = await charge(world.store, Budget(PRICES))
    assert (charged, list(crossings)) == (Charge((), DEAREST, 1), [])
    await settle(world.store, Budget(PRICES), charged, None)
    assert spent(world) == []


@pytest.mark.parametrize(
    "caps", [Cap(messages=10), Cap(cost=10 * DEAREST), Cap(cost=11 * DEAREST - 1)]
)
async def test_S15_fifty_at_once_against_a_budget_of_ten(any_world: World, caps: Cap) -> None:
    budget = Budget(PRICES, site=dict.fromkeys(Kind, caps))
    for round_ in ROUNDS:
        now = JUNE + round_ * 31 * DAY
        outcome = await race(50, lambda _, now=now: charge(any_world.store, budget, now))  # type: ignore[misc]
        assert len(outcome.winners) == 10
        assert outcome.reasons == {"sms_budget": 40}
        sums = any_world.sql(f"select messages, cost from sms_spend where ends_at > {now}")
        assert sums == [(10, 10 * DEAREST)] * 3


async def test_S15_rivals_of_two_merchants_share_the_site_s_budget(any_world: World) -> None:
    budget = Budget(
        PRICES, site={Kind.day: Cap(messages=10)}, merchant={Kind.hour: Cap(messages=6)}
    )
    for round_ in ROUNDS:
        now = JUNE + round_ * DAY
        outcome = await race(
            40,
            lambda n, now=now: charge(any_world.store, budget, now, merchant=n % 2 + 1),  # type: ignore[misc]
        )
        assert len(outcome.winners) == 10
        sums = any_world.sql(
            f"select scope, messages from sms_spend where ends_at > {now} order by scope"
        )
        assert sum(n for scope, n in sums if scope > 0) == 10
        assert max(n for scope, n in sums if scope > 0) <= 6
        assert sums[0] == (-1, 10)


async def test_S15_money_that_comes_back_can_be_spent_and_no_more(any_world: World) -> None:
    """Rivals charge, and settle to what a cheaper gateway took, or to nothing."""
    budget, store = of_site(cost=10 * DEAREST), any_world.store
    for round_ in ROUNDS:
        now = JUNE + round_ * DAY
        kept: list[int] = []

        async def send(n: int, now: int = now, kept: list[int] = kept) -> None:
            charged, _ = await charge(store, budget, now)
            cost = None if n % 3 == 0 else 450 if n % 3 == 1 else DEAREST
            await settle(store, budget, charged, cost)
            kept.append(cost or 0)

        await race(60, send)
        total = sum(kept)
        ((messages, cost),) = any_world.sql(
            f"select messages, cost from sms_spend where ends_at > {now}"
        )
        assert (messages, cost) == (len([each for each in kept if each]), total)
        assert cost <= 10 * DEAREST


async def test_a_budget_waits_for_the_period_that_ends_last(world: World) -> None:
    caps = {Kind.hour: Cap(messages=1), Kind.day: Cap(messages=1), Kind.month: Cap(messages=9)}
    budget, now = Budget(PRICES, site=caps), MAY_31 + 3 * 3600 + 100
    await charge(world.store, budget, now)
    assert await refusal(world.store, budget, now) == 21 * 3600 - 100
    await charge(world.store, budget, JUNE)


async def test_a_refused_message_leaves_no_trace(world: World) -> None:
    budget = Budget(PRICES, site={Kind.day: Cap(messages=5)}, merchant={Kind.day: Cap(messages=1)})
    await charge(world.store, budget)
    before = spent(world)
    assert await refusal(world.store, budget, JUNE + 1) == DAY - 1
    assert spent(world) == before
    await charge(world.store, budget, merchant=1)


async def test_a_message_of_two_parts_is_charged_twice_the_price(world: World) -> None:
    budget = of_site(cost=3 * DEAREST)
    await charge(world.store, budget, parts=2)
    with pytest.raises(Refusal):
        await charge(world.store, budget, parts=2)
    await charge(world.store, budget)
    assert spent(world) == [(-1, "day", JUNE, 2, 3 * DEAREST)]


async def test_more_parts_than_the_text_has_are_counted_and_stop_the_next(world: World) -> None:
    budget = of_site(cost=2 * DEAREST)
    charged, _ = await charge(world.store, budget)
    await settle(world.store, budget, charged, budget.cost("tencent", 3))
    assert spent(world) == [(-1, "day", JUNE, 1, 3 * DEAREST)]
    await refusal(world.store, budget)


async def test_what_is_given_back_late_goes_where_it_was_taken(world: World) -> None:
    budget = of_site(Kind.month, messages=1)
    charged, _ = await charge(world.store, budget, JUNE - 1)
    await charge(world.store, budget, JUNE)
    await settle(world.store, budget, charged, None)
    assert [row[2:] for row in spent(world)] == [(JUNE - 31 * DAY, 0, 0), (JUNE, 1, DEAREST)]
    await refusal(world.store, budget, JUNE)
    await charge(world.store, budget, JUNE - 1)


async def test_F12_a_clock_set_back_finds_what_was_spent_before(world: World) -> None:
    budget = of_site(messages=1)
    await charge(world.store, budget, JUNE - 1)
    await charge(world.store, budget, JUNE)
    assert await refusal(world.store, budget, JUNE - 3600) == 3600
    assert await refusal(world.store, budget, JUNE + 1) == DAY - 1


async def test_a_leap_day_is_a_day_of_its_own_and_of_its_month(world: World) -> None:
    leap = 1_835_366_400  # 29 February 2028, midnight in China
    budget = Budget(PRICES, site={Kind.day: Cap(messages=1), Kind.month: Cap(messages=2)})
    await charge(world.store, budget, leap - 1)
    await charge(world.store, budget, leap)
    assert await refusal(world.store, budget, leap + 1) == DAY - 1
    await charge(world.store, budget, leap + DAY)
    assert [row[1:4] for row in spent(world)] == [
        ("day", leap - DAY, 1),
        ("day", leap, 1),
        ("day", leap + DAY, 1),
        ("month", leap - 28 * DAY, 2),
        ("month", leap + DAY, 1),
    ]


async def told(store: Store, budget: Budget, how_many: int) -> list[list[tuple[Alert, str]]]:
    """What each of so many messages crossed."""
    each = [(await charge(store, budget))[1] for _ in range(how_many)]
    return [[(crossing.alert, crossing.about) for crossing in one] for one in each]


async def test_half_and_the_end_are_told_once(world: World) -> None:
    assert await told(world.store, of_site(messages=4), 4) == [
        [],
        [(HALF, "day")],
        [],
        [(SPENT, "day")],
    ]


async def test_the_end_is_where_another_message_has_no_room(world: World) -> None:
    budget = of_site(Kind.month, cost=4 * DEAREST - 1)
    assert await told(world.store, budget, 3) == [[], [(HALF, "month")], [(SPENT, "month")]]
    await refusal(world.store, budget)


async def test_a_merchant_s_budget_says_whose_it_is(world: World) -> None:
    caps = {Kind.hour: Cap(messages=2)}
    crossed = await told(world.store, Budget(PRICES, site=caps, merchant=caps), 2)
    assert crossed == [
        [(HALF, "hour"), (HALF, "hour/merchant-0")],
        [(SPENT, "hour"), (SPENT, "hour/merchant-0")],
    ]


async def test_a_free_gateway_counts_messages_and_no_money(world: World) -> None:
    budget = Budget({"console": 0}, site={Kind.day: Cap(messages=2, cost=1)})
    charged, _ = await charge(world.store, budget)
    await settle(world.store, budget, charged, budget.cost("console", 1))
    assert spent(world) == [(-1, "day", JUNE, 1, 0)]
    await settle(world.store, budget, charged, None)
    assert spent(world) == [(-1, "day", JUNE, 0, 0)]
