"""Messages as operators read them: which, how well, at what cost."""

from dataclasses import replace
from typing import Any

import pytest

from denglu.domain.member import SITE
from denglu.domain.sms_message import MessageResult, Outcome, Receipt
from denglu.domain.spend import Cap, Kind
from denglu.flows import walking
from denglu.flows.code_try import number_key
from denglu.flows.message_book import Number, Question, ReadMessages
from denglu.flows.ports import NewCode, NewMessage, Period
from denglu.security.digests import HmacSecrets
from tests.flows.world import DAY, KEY, MOBILE, NOW, FakeClock, World

SECRETS = HmacSecrets(KEY)
# Masked, they look alike.
OTHER = "13812340000"


def key_of(mobile: str) -> bytes:
    return number_key(SECRETS, SITE, mobile)


async def wrote(
    world: World,
    ago: int = 0,
    *,
    mobile: str = MOBILE,
    template: str = "login",
    outcome: Outcome | None = Outcome.sent,
    coded: bool = False,
    used: bool = False,
    **more: Any,
) -> int:
    """A message as ``Sending`` writes it down, with its code."""
    at = NOW - ago
    masked = f"{mobile[:3]}****{mobile[-4:]}"
    new = NewMessage(0, key_of(mobile), masked, template, at)

    async def work(tx: Any) -> int:
        if coded:
            code = NewCode(
                0, new.number_key, masked, template, b"s" * 16, b"d" * 32, at + 300, "", at
            )
            code_id = await tx.codes.issue(code)
            if used:
                assert await tx.codes.spend(code_id, at)
        message_id: int = await tx.messages.add(new)
        if outcome is not None:
            result = MessageResult(outcome, at, **({"gateway": "aliyun"} | more))
            await tx.messages.finish(message_id, result)
        return message_id

    return await world.store.write(work)


def reading(world: World, caps: dict[Kind, Cap] | None = None) -> ReadMessages:
    return ReadMessages(world.store, FakeClock(), caps or {}, 8)


async def ids(world: World, limit: int = 100, **asked: Any) -> list[int]:
    return [entry.id for entry in await reading(world).find(Question(**asked), limit)]


async def test_everybodys_messages_are_those_of_a_day_unless_more_is_asked_for(
    any_world: World,
) -> None:
    for ago in (3 * DAY, DAY + 1, DAY, 5, 0):
        await wrote(any_world, ago)
    assert await ids(any_world) == [3, 4, 5]
    assert await ids(any_world, since=0) == [1, 2, 3, 4, 5]
    assert await ids(any_world, since=NOW - DAY - 1, until=NOW - 5) == [2, 3]
    assert await ids(any_world, until=NOW - DAY) == [2]
    assert await ids(any_world, limit=2) == [4, 5]


async def test_those_to_a_number_are_found_however_old_and_no_others(any_world: World) -> None:
    await wrote(any_world, 90 * DAY)
    await wrote(any_world, 30, mobile=OTHER)
    await wrote(any_world, 10)
    ming = Number("138****0000", key_of(MOBILE))
    assert await ids(any_world, number=ming) == [1, 3]
    assert await ids(any_world, number=ming, since=NOW - DAY) == [3]
    assert await ids(any_world, number=replace(ming, key=key_of(OTHER))) == [2]
    assert await ids(any_world, number=replace(ming, masked="139****0000")) == []
    assert MOBILE not in repr(ming)
    assert key_of(MOBILE).hex() not in repr(ming)


async def test_gateways_and_outcomes_are_told_apart(world: World) -> None:
    await wrote(world, 5, gateway="tencent")
    await wrote(world, 4, outcome=Outcome.failed, error="isv.X")
    await wrote(world, 61, outcome=None)
    await wrote(world, 60, outcome=None)
    assert await ids(world, gateway="tencent") == [1]
    assert await ids(world, outcome="failed") == [2]
    assert await ids(world, outcome="unknown") == [3]
    assert await ids(world, outcome="sending") == [4]


async def test_pages_are_walked_without_a_gap_or_a_double(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "PAGE", 3)
    for n in range(20):
        await wrote(any_world, 100 - n // 4)
    ming = Number("138****0000", key_of(MOBILE))
    for number in (None, ming):
        assert await ids(any_world, number=number) == list(range(1, 21))
        assert await ids(any_world, limit=4, number=number) == [17, 18, 19, 20]


async def test_the_figures_are_those_of_the_messages(any_world: World) -> None:
    for n in range(1, 101):
        await wrote(any_world, n, latency_ms=10 * n, cost=450, parts=1, provider_id=f"a{n}")
    await wrote(any_world, 5, outcome=Outcome.failed, error="isv.X")
    await wrote(any_world, 5, outcome=Outcome.unknown, cost=500)
    await wrote(any_world, 120, outcome=None)
    await wrote(any_world, 5, template="register", gateway="tencent", latency_ms=7, cost=500)
    await wrote(any_world, 5, outcome=Outcome.test_number, gateway="")
    for name, delivered in (("a1", True), ("a2", True), ("a3", False)):
        receipt = Receipt("aliyun", name, delivered)
        await any_world.store.write(lambda tx, receipt=receipt: tx.messages.receive(receipt, NOW))  # type: ignore[misc]

    found = await reading(any_world).statistics(NOW - DAY, NOW + 1)
    aliyun = found.gateways["aliyun"]
    assert aliyun.outcomes == {
        "sent": 97, "delivered": 2, "undelivered": 1, "failed": 1, "unknown": 1,
    }  # fmt: skip
    assert (aliyun.taken, aliyun.cost) == (100, 45500)
    assert (aliyun.latency(50), aliyun.latency(95)) == (500, 950)
    assert found.gateways["tencent"].taken == found.templates["register"].taken == 1
    assert found.gateways[""].outcomes == {"unknown": 1, "test_number": 1}
    assert (found.gateways[""].latency(50), found.gateways[""].verified) == (None, None)
    assert found.templates["login"].taken == 100


async def test_the_share_of_used_codes_is_that_of_the_messages_a_gateway_took(
    any_world: World,
) -> None:
    """A code and its message know of each other by number, usage and time alone."""
    for n in range(4):
        await wrote(any_world, 100 + n, coded=True, used=n == 0)
    await wrote(any_world, 50, coded=True, used=True, gateway="tencent")
    await wrote(any_world, 40, coded=True, used=True, template="register", gateway="tencent")
    await wrote(any_world, 30, coded=True, outcome=Outcome.failed)
    await wrote(any_world, 20)  # its code is kept no longer
    await wrote(any_world, 2 * DAY, coded=True, used=True)
    found = await reading(any_world).statistics(NOW - DAY, NOW + 1)
    assert found.gateways["aliyun"].verified == 1 / 4
    assert found.gateways["tencent"].verified == 1.0
    assert found.templates["login"].verified == 2 / 5
    assert found.templates["register"].verified == 1.0


async def test_budgets_stand_as_the_database_has_them(any_world: World) -> None:
    caps = {Kind.hour: Cap(messages=10), Kind.month: Cap(cost=20_000)}
    starts_at, ends_at = Kind.month.span(NOW, 8)
    month = Period(-1, "month", starts_at, ends_at)
    await any_world.store.write(lambda tx: tx.spending.add([month], 3, 1500))
    hour, found = await reading(any_world, caps).budgets()
    assert (hour.period.kind, hour.spent.messages, hour.cap.messages) == ("hour", 0, 10)
    assert (found.spent.messages, found.spent.cost, found.cap.cost) == (3, 1500, 20_000)
    assert found.period == month
    assert await reading(any_world).budgets() == []
