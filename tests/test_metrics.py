"""The metrics of one process. Several of them: tests/cli/test_metrics.py."""

from collections.abc import Iterable

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.flows.ports import Accepted, GatewayFailed, SmsNotSent
from denglu.metrics import Metrics, Used
from denglu.sms import Failover, Metered

MESSAGE = SmsMessage("13800000000", "login", "123456", 5, "", 0)


class Gateway:
    """Sends as two parts, or fails."""

    def __init__(self, name: str, trouble: Trouble | None = None) -> None:
        self.name = name
        self.trouble = trouble

    async def send(self, message: SmsMessage) -> Accepted:
        if self.trouble is not None:
            raise GatewayFailed(self.name, "cause", self.trouble)
        return Accepted("1", 2)


def metrics_with(*used: Used) -> Metrics:
    async def budgets() -> Iterable[Used]:
        return used

    return Metrics(lambda gateway, parts: {"aliyun": 450}.get(gateway, 0) * parts, budgets)


async def said(metrics: Metrics) -> dict[str, float]:
    """The samples, but the buckets of histograms."""
    media, text = await metrics.render()
    assert media.startswith("text/plain; version=")
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    pairs = [line.rpartition(" ") for line in lines if "_bucket" not in line]
    return {name: float(value) for name, _, value in pairs}


async def test_requests_are_counted_by_route_and_outcome() -> None:
    metrics = metrics_with()
    for _ in range(3):
        metrics.request("login", 200, "", 0.004)
    metrics.request("login", 422, "bad_credentials", 0.6)
    found = await said(metrics)
    assert found['denglu_requests_total{code="200",operation="login",reason=""}'] == 3
    refused = 'denglu_requests_total{code="422",operation="login",reason="bad_credentials"}'
    assert found[refused] == 1
    assert found['denglu_request_seconds_count{operation="login"}'] == 4
    assert not [name for name in found if "_created" in name]


async def test_messages_and_their_cost_are_counted_by_gateway() -> None:
    metrics = metrics_with()
    tencent, aliyun = Gateway("tencent", Trouble.refused), Gateway("aliyun")
    sender = Metered(Failover([tencent, aliyun], told=metrics.asked), metrics)
    for _ in range(2):
        sent = await sender.send(MESSAGE)
        assert sent.gateway == "aliyun"
    aliyun.trouble = Trouble.unanswered
    with pytest.raises(SmsNotSent):
        await sender.send(MESSAGE)
    metrics.receipt("aliyun", "delivered")
    found = await said(metrics)
    messages = {k: v for k, v in found.items() if k.startswith("denglu_sms_messages_total")}
    assert messages == {
        'denglu_sms_messages_total{gateway="aliyun",outcome="sent"}': 2,
        'denglu_sms_messages_total{gateway="aliyun",outcome="unanswered"}': 1,
        'denglu_sms_messages_total{gateway="tencent",outcome="refused"}': 3,
    }
    assert found['denglu_sms_latency_seconds_count{gateway="aliyun"}'] == 2
    assert 'denglu_sms_latency_seconds_count{gateway="tencent"}' not in found
    assert found['denglu_sms_cost_total{gateway="aliyun"}'] == pytest.approx(0.18)
    assert found['denglu_sms_receipts_total{gateway="aliyun",outcome="delivered"}'] == 1


async def test_a_gateway_that_is_left_alone_is_seen_and_seen_to_come_back() -> None:
    metrics, now = metrics_with(), 0.0
    first = Gateway("aliyun", Trouble.unreachable)
    ways = Failover([first, Gateway("http")], told=metrics.asked, now=lambda: now)
    sender = Metered(ways, metrics)
    for expected in (0, 0, 1, 1):
        await sender.send(MESSAGE)
        found = await said(metrics)
        assert found['denglu_sms_circuit_open{gateway="aliyun"}'] == expected
        assert found['denglu_sms_circuit_open{gateway="http"}'] == 0
    now, first.trouble = 16.0, None
    await sender.send(MESSAGE)
    assert (await said(metrics))['denglu_sms_circuit_open{gateway="aliyun"}'] == 0


async def test_budgets_are_told_as_shares() -> None:
    metrics = metrics_with(Used("day", "money", 0.25), Used("hour", "messages", 1.0))
    found = await said(metrics)
    assert found['denglu_sms_budget_used_ratio{period="day",unit="money"}'] == 0.25
    assert found['denglu_sms_budget_used_ratio{period="hour",unit="messages"}'] == 1


async def test_without_the_database_all_but_the_budgets_is_told() -> None:
    """What gateways and requests do is asked for most while it is away."""

    async def away() -> Iterable[Used]:
        raise Refusal(Reason.busy, retry_after=1)

    metrics = Metrics(lambda gateway, parts: 0, away)
    metrics.request("login", 503, "busy", 3.0)
    found = await said(metrics)
    assert found['denglu_requests_total{code="503",operation="login",reason="busy"}'] == 1
    assert not [name for name in found if "budget" in name]
