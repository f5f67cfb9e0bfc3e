"""Receipts: each is written down once it can be, whenever it comes, and none is lost."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from denglu.domain.sms_message import MessageResult, Outcome, Receipt
from denglu.flows import receipts as receipts_flow
from denglu.flows.ports import NewMessage, Store
from denglu.flows.receipts import TakeReceipts
from tests.flows.world import NOW, FakeClock, World

NAMED = "123456^0"


class Counted:
    """Fulfils ``Meter``."""

    def __init__(self) -> None:
        self.receipts: Counter[tuple[str, str]] = Counter()

    def sent(self, gateway: str, parts: int) -> None: ...

    def circuits(self, left_alone: Mapping[str, bool]) -> None: ...

    def receipt(self, gateway: str, outcome: str) -> None:
        self.receipts[gateway, outcome] += 1


async def booked(store: Store) -> int:
    new = NewMessage(0, b"k" * 32, "138****0000", "login", NOW)
    return await store.write(lambda tx: tx.messages.add(new))


async def sent(store: Store, message_id: int, name: str = NAMED, gateway: str = "aliyun") -> None:
    result = MessageResult(Outcome.sent, NOW, gateway=gateway, provider_id=name, parts=1)
    await store.write(lambda tx: tx.messages.finish(message_id, result))


def outcomes(world: World) -> list[tuple[str, str, int]]:
    rows = world.sql("SELECT outcome, error, received_at FROM sms_message ORDER BY id")
    return [tuple(row) for row in rows]


def taking(world: World, meter: Counted, *pauses: float) -> TakeReceipts:
    return TakeReceipts(world.store, FakeClock(NOW + 9), meter, pauses)


async def test_receipts_find_their_messages(any_world: World) -> None:
    store, meter = any_world.store, Counted()
    for name in ("a", "b", "c"):
        await sent(store, await booked(store), name)
    await sent(store, await booked(store), "a", "tencent")
    await booked(store)
    told = [
        Receipt("aliyun", "a", delivered=True),
        Receipt("aliyun", "c", delivered=False, error="MK:0001"),
        Receipt("aliyun", "nobody", delivered=True),
        Receipt("http", "b", delivered=True),
    ]
    assert await taking(any_world, meter)(told) == 2
    assert outcomes(any_world) == [
        ("delivered", "", NOW + 9),
        ("sent", "", 0),
        ("undelivered", "MK:0001", NOW + 9),
        ("sent", "", 0),
        ("sending", "", 0),
    ]
    assert meter.receipts == {
        ("aliyun", "delivered"): 1,
        ("aliyun", "undelivered"): 1,
        ("aliyun", "stray"): 1,
        ("http", "stray"): 1,
    }


async def test_a_receipt_that_comes_again_changes_nothing(any_world: World) -> None:
    await sent(any_world.store, await booked(any_world.store))
    take, receipt = taking(any_world, Counted()), Receipt("aliyun", NAMED, delivered=True)
    for _ in range(2):
        assert await take([receipt, receipt]) == 0
    assert outcomes(any_world) == [("delivered", "", NOW + 9)]


async def test_a_receipt_may_come_before_the_message_is_closed(any_world: World) -> None:
    """It waits for the sender's commit, and both are written down."""
    store, meter = any_world.store, Counted()
    message_id = await booked(store)
    take = taking(any_world, meter, *[0.01] * 1000)
    early = asyncio.create_task(take([Receipt("aliyun", NAMED, delivered=True)]))
    async with asyncio.timeout(20):
        while not take._waiting:  # noqa: ASYNC110 - a step at a time
            await asyncio.sleep(0)
        assert outcomes(any_world) == [("sending", "", 0)]
        await sent(store, message_id)
        assert await early == 0
    assert outcomes(any_world) == [("delivered", "", NOW + 9)]
    assert meter.receipts == {("aliyun", "delivered"): 1}
    assert take._waiting == 0


async def test_only_so_many_wait_for_messages_that_nobody_knows(world: World) -> None:
    meter = Counted()
    take = taking(world, meter, 60.0)
    stray = [Receipt("aliyun", "x", delivered=True)]
    waiting = [asyncio.create_task(take(stray)) for _ in range(receipts_flow._MOST_WAITING)]
    async with asyncio.timeout(20):
        while take._waiting < len(waiting):  # noqa: ASYNC110 - a step at a time
            await asyncio.sleep(0)
        assert await take(stray) == 1
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert take._waiting == 0
    assert meter.receipts == {("aliyun", "stray"): 1}


async def test_whoever_looks_again_is_one_of_those_who_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a slow database would let in more of them."""
    take, seen = taking(world, Counted(), 0.0, 0.0), list[int]()

    async def watched(receipts: Sequence[Receipt]) -> list[Receipt]:
        seen.append(take._waiting)
        return list(receipts)

    monkeypatch.setattr(take, "_write", watched)
    assert await take([Receipt("aliyun", "x", delivered=True)]) == 1
    assert seen == [0, 1, 1]
    assert take._waiting == 0


async def test_receipts_of_many_at_once_find_their_own_rows(any_world: World) -> None:
    """Rivals tell of the same messages in opposite orders: nobody locks two rows."""
    store = any_world.store
    names = [f"m-{n}" for n in range(20)]
    for name in names:
        await sent(store, await booked(store), name)
    told = [Receipt("aliyun", name, delivered=True) for name in names]
    take = taking(any_world, Counted())
    stray = await asyncio.gather(take(told), take(told[::-1]), take(told), take(told[::-1]))
    assert sum(stray) == 0
    assert {outcome for outcome, *_ in outcomes(any_world)} == {"delivered"}
