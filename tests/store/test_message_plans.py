"""What is asked of messages is found by an index, however many there are."""

import re
from collections.abc import Callable

import pytest

from tests.store.grounds import Ground
from tests.store.plans import plan

_ROWS = 20_000


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ground(ground_of: Callable[[str], Ground], kind: str) -> Ground:
    return ground_of(kind)


async def test_messages_and_what_was_spent_are_found_by_an_index(ground: Ground, kind: str) -> None:
    ground.open()
    _fill(ground)
    for table in ("sms_message", "sms_spend"):
        ground.sql(f"ANALYZE TABLE {table}" if kind == "mysql" else "ANALYZE")
    for index, name, params in (
        ("provider_id", "message_named", {"p_provider_id": "17^171", "p_gateway": "aliyun"}),
        ("provider_id", "message_named", {"p_provider_id": "18^0", "p_gateway": "aliyun"}),
        ("mobile_masked", "messages_masked", {"p_merchant_id": 0, "p_masked": "138****0170"}),
        ("created_at", "old_messages", {"p_before": 200, "p_limit": 200}),
        ("ends_at", "old_spending", {"p_before": 200, "p_limit": 200}),
        ("sms_spend", "spend_of_2", spend(-1, 0) | spend(0, 1)),
    ):
        told = plan(ground, kind, name, **params)
        assert re.search("pk_|PRIMARY" if index == "sms_spend" else index, told), (name, told)
        assert not re.search(r"Seq Scan|SCAN sms|'ALL'|index_merge", told), (name, told)
    await ground.close()


def spend(scope: int, place: int) -> dict[str, int | str]:
    """A row of what was spent, for a place in the statement."""
    return {
        f"p_scope{place}": scope,
        f"p_kind{place}": "hour",
        f"p_starts_at{place}": 9 * 19 + scope + 1,
    }


def _fill(ground: Ground) -> None:
    """Every fifth message was not sent, and has no name anywhere."""
    for first in range(0, _ROWS, 2000):
        numbers = range(first, first + 2000)
        messages = ",".join(
            f"('138****{n % 9999:04d}', 'aliyun', nullif('17^{n}', '17^{n // 5 * 5}'), {n})"
            for n in numbers
        )
        ground.sql(
            "INSERT INTO sms_message (mobile_masked, gateway, provider_id, created_at) "
            f"VALUES {messages}"
        )
        spent = ",".join(f"({n % 9 - 1}, 'hour', {n}, {n + 1})" for n in numbers)
        ground.sql(f"INSERT INTO sms_spend (scope, kind, starts_at, ends_at) VALUES {spent}")
