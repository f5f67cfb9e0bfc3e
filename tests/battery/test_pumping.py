"""Row S14 about pumping: many numbers of one block, many addresses, and a budget behind it all."""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.captcha_login import solve
from tests.battery.client import Client, fresh_address
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import Server, running
from tests.battery.rivals import clone_members, outcomes, site
from tests.battery.test_sms_limits import ask, told_within, use

_HOUR = 3600
_BLOCK, _OTHER = "1990000", "1990001"
_PRICE, _BUDGET = 500, 100_000  # ten-thousandths: 0.05 a message, 10 an hour
_blocks = itertools.count(1_810_000)


def settings(**others: str) -> dict[str, str]:
    money = {"sms_prices": "outbox=0.05", "sms_budget": "hour=10,day=100"}
    return money | {"trusted_proxies": "127.0.0.1"} | others


@pytest.fixture
def guarded(tmp_path: Path, kind: str, database_for: DatabaseFor) -> Iterator[Server]:
    """A server with a budget, on each database; two processes where a database bears them."""
    with running(tmp_path, **settings(), **database_for(kind)) as server:
        if kind != "sqlite":
            server.stop()
            server.options += ["--workers", "2"]
            server.start()
        yield server


def spent(server: Server) -> int:
    """Of the site's budget of this hour."""
    sql = "SELECT cost FROM sms_spend WHERE scope = -1 AND kind = 'hour'"
    return sum(int(cost) for (cost,) in server.rows(sql))


def members(server: Server, client: Client, numbers: list[str]) -> None:
    first, *others = numbers
    server.add_member("harbour", first)
    if others:
        clone_members(server, first, others)


def test_S14_three_hundred_numbers_of_a_block_from_fifty_addresses(
    guarded: Server, record: Record
) -> None:
    """All at once; members of the block who were sent a code before, and one of another block."""
    server = guarded
    own = [f"{_BLOCK}{n:04d}" for n in range(3)]
    with Client(server) as client:
        members(server, client, [*own, f"{_OTHER}0000"])
        codes = {mobile: client.code_for(mobile, "login") for mobile in own}
        ips = [fresh_address() for _ in range(50)]
        attack = [
            site("sms-code", {"mobile": f"{_BLOCK}{1000 + n}", "usage": "login"}, ip=ips[n % 50])
            for n in range(300)
        ]
        counted = Counter[str]()
        for start in range(0, 300, 100):
            counted += outcomes(server.race(attack[start : start + 100]))
        into_block = sum(m["mobile"].startswith(_BLOCK) for m in server.outbox())
        refused = ask(client, f"{_BLOCK}9999", ips[0])
        good = [use(client, "login", *one, fresh_address()).code for one in codes.items()]
        other = client.code_for(f"{_OTHER}0000", "login", ip=ips[0])
        other_in = use(client, "login", f"{_OTHER}0000", other, ips[0]).code
        # Three messages are proven, and three more have room.
        after = [ask(client, f"{_BLOCK}{2000 + n}", ips[n]).reason for n in range(5)]
        took = told_within(server, f"sms_pumping {_BLOCK}")
    paid = spent(server)
    record("S14", tried="300 numbers of a block at once from 50 addresses, no captcha",
           figure=f"{server.database_kind}: {into_block} messages, {paid / 10_000:.2f} of "
           f"{_BUDGET / 10_000:.2f} spent; {good.count(200)} of 3 members with a code log in; "
           f"told {took:.1f} s later")  # fmt: skip
    assert counted == {"OK": 27, "sms_too_frequent": 273}
    assert into_block == 30
    assert refused.reason == "sms_too_frequent"
    assert 1 <= refused.data["retry_after"] <= _HOUR + 30
    assert [*good, other_in] == [200] * 4
    assert after == [None] * 3 + ["sms_too_frequent"] * 2
    assert paid == len(server.outbox()) * _PRICE < _BUDGET


def test_S14_many_blocks_from_one_range(guarded: Server, record: Record) -> None:
    """150 numbers, each of another block, from 50 addresses of one /24."""
    server = guarded
    with Client(server) as client:
        reasons = [
            ask(client, f"{next(_blocks)}0000", f"198.51.100.{n % 50}").reason for n in range(150)
        ]
        elsewhere = ask(client, f"{next(_blocks)}0000", "198.51.101.1").reason
        took = told_within(server, "sms_pumping 198.51.100.0/24")
    sent = reasons.count(None)
    record("S14", tried="numbers of 150 blocks from 50 addresses of one range",
           figure=f"{server.database_kind}: {sent} messages; told {took:.1f} s later")  # fmt: skip
    assert elsewhere is None
    assert sent == 100
    assert set(reasons[100:]) == {"sms_too_frequent"}


def test_S14_a_pumped_block_with_a_captcha(tmp_path: Path, record: Record) -> None:
    """Members of the block are asked for a captcha, and let in with it."""
    captcha = {"captcha": "pow", "captcha_difficulty": "1000"}
    with running(tmp_path, **settings(**captcha)) as server, Client(server) as client:
        mobile = f"{_BLOCK}0000"
        members(server, client, [mobile])
        reasons = [ask(client, f"{_BLOCK}{1000 + n}", fresh_address()).reason for n in range(60)]
        ip = fresh_address()
        asked = ask(client, mobile, ip)
        token = solve(asked.data["captcha"]["challenge"])
        assert ask(client, mobile, ip, token).code == 200
        assert ask(client, f"{_BLOCK}0001", ip, token).reason == "captcha_required"
        code = str(server.outbox(mobile)[-1]["code"])
        login = use(client, "login", mobile, code, ip)
        took = told_within(server, f"sms_pumping {_BLOCK}")
    record("S14", tried="60 numbers of a block from 60 addresses, with a captcha",
           figure=f"{reasons.count(None)} sent without one; a member passes it and logs in; "
           f"told {took:.1f} s later")  # fmt: skip
    assert reasons == [None] * 30 + ["captcha_required"] * 30
    assert asked.reason == "captcha_required"
    assert login.code == 200
