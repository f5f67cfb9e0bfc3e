"""Row S15 in money: nobody spends more than the stated budget, whoever asks at once."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.battery.client import Client, fresh_address, fresh_mobile
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.doors import SITE, USERS, Door, Doors
from tests.battery.harness import Raw, Server, running
from tests.battery.rivals import outcomes, site
from tests.battery.test_sms_limits import ask, told_within, use

_HOUR = 3600
_SPENT = "select messages, cost from sms_spend where kind = ? order by starts_at"
_WIDE = {"trusted_proxies": "127.0.0.1", "sms_prices": "outbox=0.045"}


def next_hour(server: Server) -> None:
    """A minute into the next hour: a round does not end in another one."""
    now = server.now()
    server.advance(_HOUR - now % _HOUR + 60)


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        ({"sms_budget": "hour=0.4949"}, "money"),
        ({"sms_budget_messages": "hour=10"}, "messages"),
    ],
    ids=["money", "messages"],
)
def test_S15_fifty_at_once_against_a_budget_of_ten(
    tmp_path: Path,
    record: Record,
    kind: str,
    database_for: DatabaseFor,
    budget: dict[str, str],
    reason: str,
) -> None:
    """Fifty numbers from fifty addresses in the same moment, hour after hour."""
    told = []
    with running(tmp_path, **_WIDE, **budget, **database_for(kind)) as server:
        for round_ in range(5):
            next_hour(server)
            bodies = [{"mobile": fresh_mobile(), "usage": "login"} for _ in range(50)]
            answers = server.race([site("sms-code", body, ip=fresh_address()) for body in bodies])
            told.append(outcomes(answers))
            waits = {a.data["retry_after"] for a in answers if a.reason == "sms_budget"}
            assert 0 < min(waits) <= max(waits) <= _HOUR - 60
            assert len(server.outbox()) == 10 * (round_ + 1)
        assert server.rows(_SPENT, "hour") == [(10, 4500)] * 5
    assert told == [{"OK": 10, "sms_budget": 40}] * 5
    record("S15", tried=f"{kind}: a budget of 10 messages in {reason}, 50 at once, 5 hours",
           figure="10 sent an hour, 0.45 spent; 40 told sms_budget and when")  # fmt: skip


def test_S15_a_spent_budget_stops_messages_and_nothing_else(
    tmp_path: Path, record: Record, kind: str, database_for: DatabaseFor
) -> None:
    """The month is spent: an alert at half and at the end; codes that were sent are good, and
    passwords work.
    """
    with (
        running(tmp_path, **_WIDE, sms_budget="month=0.27", **database_for(kind)) as server,
        Client(server) as client,
    ):
        next_hour(server)
        mobile = fresh_mobile()
        client.register(mobile)
        server.advance(61)
        code = client.code_for(mobile, "login")
        reasons = [ask(client, fresh_mobile(), fresh_address()).reason for _ in range(6)]
        half, spent = (
            told_within(server, f"sms_budget_{each} month") for each in ("half", "spent")
        )
        good = use(client, "login", mobile, code, fresh_address())
        assert reasons == [None] * 4 + ["sms_budget"] * 2
        assert good.code == client.login(mobile).code == 200
        assert server.rows(_SPENT, "month") == [(6, 2700)]
        server.advance(31 * 24 * _HOUR)
        assert ask(client, fresh_mobile(), fresh_address()).code == 200
    record("S15", tried=f"{kind}: a budget of 0.27 a month, messages at 0.045",
           figure=f"6 sent; told at half and at the end, {max(half, spent):.1f} s later at most; a "
           "code sent before is good, passwords work; the next month sends")  # fmt: skip


def test_S15_each_merchant_spends_its_own_budget(
    tmp_path: Path, record: Record, kind: str, database_for: DatabaseFor
) -> None:
    """Two merchants, the site and merchants' users ask at once; the users' messages are the
    site's.
    """
    caps = {"sms_merchant_budget_messages": "hour=4", "plugins": "merchant"}
    with running(tmp_path, **_WIDE, **caps, **database_for(kind)) as server:
        doors = Doors(server)
        shops = doors.open_merchant(), doors.open_merchant()
        for round_ in range(3):
            next_hour(server)
            answers = server.race(
                [asking(door) for _ in range(10) for door in (SITE, USERS, *shops)]
            )
            assert outcomes(answers) == {"OK": 12, "sms_budget": 28}
            assert len(server.outbox()) == 12 * (round_ + 1)
        each = (0, *(shop.merchant for shop in shops))
        spent = server.rows("select scope, messages from sms_spend order by starts_at, scope")
        assert spent == [(scope, 4) for scope in each] * 3
    record("S15", tried=f"{kind}: 4 messages an hour for each merchant; two merchants, the site "
           "and users ask 40 times at once, 3 hours",
           figure="4 of each merchant and of the site, users among the site's")  # fmt: skip


def asking(door: Door) -> Raw:
    """A request for a code there, for a new number from a new address."""
    asked = site("sms-code", {"mobile": fresh_mobile(), "usage": "login"})
    return replace(asked, path=door.prefix + asked.path, headers={**asked.headers, **door.headers})
