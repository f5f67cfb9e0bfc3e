"""Messages: a row each, from the first word to the provider's receipt."""

import asyncio
from dataclasses import replace

import pytest

from denglu.domain.sms_message import MessageResult, Outcome, Receipt
from denglu.flows.ports import NewMessage, Store
from tests.store.files import Sql
from tests.store.making import NOW, NUMBER, new_message

SENT = MessageResult(
    Outcome.sent, NOW + 2, gateway="aliyun", provider_id="17^0", cost=450, parts=1, latency_ms=1200
)


async def add(store: Store, new: NewMessage | None = None) -> int:
    message = new or new_message()
    return await store.write(lambda tx: tx.messages.add(message))


async def finish(store: Store, message_id: int, result: MessageResult = SENT) -> None:
    await store.write(lambda tx: tx.messages.finish(message_id, result))


async def receive(store: Store, receipt: Receipt, now: int = NOW + 9) -> bool:
    return await store.write(lambda tx: tx.messages.receive(receipt, now))


async def test_a_message_is_written_down_before_it_is_sent(store: Store, sql: Sql) -> None:
    assert await add(store) == 1
    assert sql(
        "select merchant_id, mobile_masked, template, gateway, provider_id, outcome, cost, parts, "
        "created_at, finished_at, received_at from sms_message"
    ) == [(0, "138****0000", "login", "", None, "sending", 0, 0, NOW, 0, 0)]
    assert [bytes(key) for (key,) in sql("select number_key from sms_message")] == [NUMBER]


async def test_how_it_ended_is_added_to_its_own_row(store: Store, sql: Sql) -> None:
    first, second = await add(store), await add(store)
    await finish(store, second)
    assert (first, second) == (1, 2)
    assert sql(
        "select outcome, gateway, provider_id, cost, parts, error, latency_ms, created_at, "
        "finished_at from sms_message order by id"
    ) == [
        ("sending", "", None, 0, 0, "", 0, NOW, 0),
        ("sent", "aliyun", "17^0", 450, 1, "", 1200, NOW, NOW + 2),
    ]


@pytest.mark.parametrize("delivered", [True, False])
async def test_a_receipt_finds_its_message(store: Store, sql: Sql, delivered: bool) -> None:
    for name in ("17^0", "18^0"):
        await finish(store, await add(store), replace(SENT, provider_id=name))
    assert await receive(store, Receipt("aliyun", "18^0", delivered, "" if delivered else "MK"))
    assert sql("select id, outcome, error, received_at from sms_message order by id") == [
        (1, "sent", "", 0),
        (2, "delivered", "", NOW + 9) if delivered else (2, "undelivered", "MK", NOW + 9),
    ]


async def test_a_receipt_that_comes_again_changes_nothing(store: Store, sql: Sql) -> None:
    await finish(store, await add(store))
    both = [await receive(store, Receipt("aliyun", "17^0", delivered=True)) for _ in range(2)]
    assert both == [True, True]
    assert sql("select outcome, received_at from sms_message") == [("delivered", NOW + 9)]


async def test_what_arrived_has_arrived_whatever_is_told_later(store: Store, sql: Sql) -> None:
    await finish(store, await add(store))
    lost = Receipt("aliyun", "17^0", delivered=False, error="MK:0010")
    told = [lost, replace(lost, delivered=True, error=""), lost]
    assert [await receive(store, each, NOW + 9 + n) for n, each in enumerate(told)] == [True] * 3
    assert sql("select outcome, error, received_at from sms_message") == [
        ("delivered", "", NOW + 10)
    ]


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt("aliyun", "17^1", delivered=True),
        Receipt("tencent", "17^0", delivered=True),
        Receipt("aliyun", " 17^0", delivered=True),
        Receipt("aliyun", "17^0a", delivered=True),
        Receipt("aliyun", "", delivered=True),
    ],
)
async def test_a_receipt_for_nobodys_message_says_so(
    store: Store, sql: Sql, receipt: Receipt
) -> None:
    await finish(store, await add(store))
    await finish(store, await add(store), MessageResult(Outcome.failed, NOW, gateway="aliyun"))
    assert not await receive(store, receipt)
    assert sql("select outcome from sms_message order by id") == [("sent",), ("failed",)]


async def test_names_of_providers_are_compared_by_the_letter(store: Store, sql: Sql) -> None:
    await finish(store, await add(store), replace(SENT, provider_id="abc"))
    assert not await receive(store, Receipt("aliyun", "ABC", delivered=True))


async def test_a_name_that_a_gateway_gave_twice_means_the_newest(store: Store, sql: Sql) -> None:
    for _ in range(2):
        await finish(store, await add(store))
    assert await receive(store, Receipt("aliyun", "17^0", delivered=True))
    assert sql("select outcome from sms_message order by id") == [("sent",), ("delivered",)]


async def test_words_of_any_length_are_cut_and_still_found(store: Store, sql: Sql) -> None:
    long = "x" * 500
    result = replace(SENT, gateway=long, provider_id=long, error=long)
    await finish(store, await add(store, new_message(template=long)), result)
    assert sql(
        "select length(template), length(gateway), length(provider_id), length(error) "
        "from sms_message"
    ) == [(32, 20, 64, 64)]
    assert await receive(store, Receipt("x" * 20, long, delivered=False, error=long))


@pytest.mark.parametrize("odd", ["17\0", "17\ud800", "17🙂", "'"])
async def test_a_provider_may_say_what_no_database_keeps(store: Store, odd: str) -> None:
    await finish(store, await add(store), replace(SENT, provider_id=odd, error=odd))
    assert await receive(store, Receipt("aliyun", odd, delivered=True, error=odd))


async def test_messages_at_the_same_time_have_a_row_each(store: Store, sql: Sql) -> None:
    ids = await asyncio.gather(*(add(store) for _ in range(50)))
    assert sorted(ids) == list(range(1, 51))
    results = [replace(SENT, provider_id=f"{each}^0") for each in ids]
    await asyncio.gather(*(finish(store, *pair) for pair in zip(ids, results, strict=True)))
    assert sql("select count(distinct provider_id) from sms_message") == [(50,)]
