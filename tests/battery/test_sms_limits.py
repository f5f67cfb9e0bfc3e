"""Rows S about limits: what a number, an address and the whole site cost at the most."""

import itertools
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from examples.captcha_login import solve
from tests.battery.client import Client, fresh_address, fresh_mobile, new_member, new_password
from tests.battery.conftest import Record
from tests.battery.harness import Answer, Server, running
from tests.battery.rivals import events, outcomes, site
from tests.battery.test_guessing import alerts

_HOUR, _DAY = 3600, 86400


def wrong(code: str, step: int = 1) -> str:
    """Another code of the same length."""
    return f"{(int(code) + step) % 10 ** len(code):0{len(code)}d}"


def use(client: Client, usage: str, mobile: str, code: str, ip: str) -> Answer:
    """Present a code where its usage is asked for."""
    if usage == "login":
        body: dict[str, object] = {"mobile": mobile, "code": code, "group": "pc"}
        return client.site("mobile-login", body, ip=ip)
    if usage == "register":
        return client.site("register", new_member(mobile, code), ip=ip)
    return client.site("up-pwd", new_password(mobile, code), ip=ip)


def ask(client: Client, mobile: str, ip: str, captcha: str = "", usage: str = "login") -> Answer:
    body = {"mobile": mobile, "usage": usage}
    return client.site("sms-code", body | ({"captcha_token": captcha} if captcha else {}), ip=ip)


def told_within(server: Server, kind: str, wanted: int = 1) -> float:
    """Wait for an alert; how many seconds that took."""
    begun = time.monotonic()
    while alerts(server, kind) < wanted:
        assert time.monotonic() - begun < 30, f"no alert of {kind}"
        time.sleep(0.05)
    return time.monotonic() - begun


def test_S03_S04_a_day_against_one_number(any_client: Client, record: Record) -> None:
    """24 hours from 200 addresses: a code whenever there is one, of every usage, and guesses."""
    client, server, mobile = any_client, any_client.server, fresh_mobile()
    addresses = itertools.cycle([fresh_address() for _ in range(200)])
    usages = itertools.cycle(("login", "register", "up-pwd"))
    before, asked = events(server, "sms_code_compared"), 0
    for _ in range(_DAY // 600):
        usage = next(usages)
        asked += ask(client, mobile, next(addresses), usage=usage).code == 200
        live = [m for m in server.outbox(mobile) if m["usage"] == usage]
        for step in range(1, 5):
            code = wrong(str(live[-1]["code"]) if live else "000000", step)
            assert use(client, usage, mobile, code, next(addresses)).reason == "bad_code"
        server.advance(600)
    compared = events(server, "sms_code_compared") - before
    sent = len(server.outbox(mobile))
    record("S03", tried="24 hours from 200 addresses against one number, codes of three usages",
           figure=f"{compared} guesses judged, {sent} messages on "
           f"{server.database_kind}")  # fmt: skip
    assert asked == sent == 10
    assert compared == 20


def test_S04_one_code_from_two_hundred_addresses(any_client: Client, record: Record) -> None:
    """200 wrong codes for one number, each from another address, then the right one."""
    client, server, mobile = any_client, any_client.server, fresh_mobile()
    code = client.code_for(mobile, "login")
    before = events(server, "sms_code_compared")
    for step in range(1, 201):
        answer = use(client, "login", mobile, wrong(code, step), fresh_address())
        assert answer.reason == "bad_code"
    compared = events(server, "sms_code_compared") - before
    record("S04", tried="200 wrong codes for one number from 200 addresses",
           figure=f"{server.database_kind}: {compared} judged")  # fmt: skip
    assert compared == 5
    assert use(client, "login", mobile, code, fresh_address()).reason == "bad_code"


def test_S05_one_guess_at_many_numbers(tmp_path: Path, record: Record) -> None:
    """One guess at each of 120 numbers with a live code: then a code bears two."""
    with running(tmp_path, trusted_proxies="127.0.0.1") as server, Client(server) as client:
        live = {mobile: client.code_for(mobile, "login") for mobile in map(_new, range(120))}
        for mobile, code in live.items():
            assert use(client, "login", mobile, wrong(code), fresh_address()).reason == "bad_code"
        took = told_within(server, "code_guessing")
        mobile = fresh_mobile()
        code = client.code_for(mobile, "login")
        before = events(server, "sms_code_compared")
        for step in range(1, 6):
            use(client, "login", mobile, wrong(code, step), fresh_address())
        compared = events(server, "sms_code_compared") - before
    record("S05", tried="one guess at each of 120 live codes, from 120 addresses",
           figure=f"alert after {took:.1f} s, then {compared} tries a code")  # fmt: skip
    assert compared == 2


def _new(number: int) -> str:
    return fresh_mobile()


FOREIGN = ["+1 202 555 0100", "+85251234567", "+886912345678", "0044 7700 900123", "+8613"]
VIRTUAL = ["17000000001", "17100000001", "16200000001", "16500000001", "16700000001"]


def pump(client: Client, ip: str, first: int, count: int) -> list[str]:
    """Ask for numbers of one block from one address, one a minute; what came of it."""
    told = []
    for n in range(first, first + count):
        answer = ask(client, f"1990000{n:04d}", ip)
        told.append(answer.reason or "sent")
        client.server.advance(65)
    return told


def test_S14_sms_pumping_without_a_captcha(client: Client, record: Record) -> None:
    """300 numbers of one block from one address, then foreign and virtual ones."""
    server, ip = client.server, fresh_address()
    told = pump(client, ip, 0, 50)
    at_once = [ask(client, f"1990001{n:04d}", ip).reason for n in range(250)]
    assert told[:10] == ["sent"] * 10
    assert set(told[10:]) == set(at_once) == {"sms_too_frequent"}
    foreign = {ask(client, number, ip).reason for number in FOREIGN}
    assert foreign == {"invalid_mobile"}
    assert {ask(client, number, ip).reason for number in VIRTUAL} == {"sms_too_frequent"}
    sent = sum(m["mobile"].startswith("1990000") for m in server.outbox())
    record("S14", tried="300 numbers of a block from one address, no captcha",
           figure=f"{sent} sent in an hour; foreign ones refused, "
           "170 and 171 like any")  # fmt: skip
    assert sent == 10


def test_S14_sms_pumping_with_a_captcha(tmp_path: Path, record: Record) -> None:
    """The eleventh number needs a captcha; with one for each, the address's limits stop it."""
    settings = {"captcha": "pow", "captcha_difficulty": "1000", "trusted_proxies": "127.0.0.1"}
    with running(tmp_path, **settings) as server, Client(server) as client:
        ip = fresh_address()
        told = pump(client, ip, 0, 20)
        assert told == ["sent"] * 10 + ["captcha_required"] * 10
        assert {ask(client, number, ip).reason for number in VIRTUAL} == {"captcha_required"}
        assert ask(client, "19911111111", ip, "of no use").reason == "captcha_required"
        numbers, reasons, token = itertools.count(20), [], ""
        for _ in range(300):
            asked = ask(client, f"1990000{next(numbers):04d}", ip, token)
            token = ""
            if asked.reason == "captcha_required":
                token = solve(asked.data["captcha"]["challenge"])
                continue
            reasons.append(asked.reason or "sent")
            server.advance(29)
        times = sorted(int(m["sent_at"]) for m in server.outbox())
    most = [max(sum(at - w < t <= at for t in times) for at in times) for w in (600, _HOUR, _DAY)]
    record("S14", tried="300 requests for other numbers from one address, a captcha for each",
           figure="at most {} in 10 min, {} an hour".format(*most))  # fmt: skip
    assert set(reasons) == {"sent", "sms_too_frequent"}
    assert most[0] <= 10
    assert most[1] <= 30


def test_S14_one_captcha_at_a_hundred_connections(tmp_path: Path, record: Record) -> None:
    """A solved captcha presented a hundred times at once is good once."""
    settings = {"captcha": "pow", "captcha_difficulty": "1000", "trusted_proxies": "127.0.0.1"}
    with running(tmp_path, **settings) as server, Client(server) as client:
        ip, good = fresh_address(), []
        assert pump(client, ip, 0, 11)[-1] == "captcha_required"
        for _ in range(5):
            asked = ask(client, fresh_mobile(), ip)
            token = solve(asked.data["captcha"]["challenge"])
            bodies = [
                {"mobile": fresh_mobile(), "usage": "login", "captcha_token": token}
                for _ in range(100)
            ]
            # From that address, so that nobody is let in for lack of suspicion.
            counted = outcomes(server.race([site("sms-code", body, ip=ip) for body in bodies]))
            assert set(counted) <= {"OK", "captcha_required", "sms_too_frequent"}
            good.append(counted["OK"])
            server.advance(65)
    record("S14", tried="one solved captcha presented 100 times at once, 5 rounds",
           figure=f"good {max(good)} time a round")  # fmt: skip
    assert set(good) == {1}


@pytest.mark.parametrize(
    ("cap", "sends", "addresses"),
    [("40/1h", 200, 50), pytest.param("1000/1h", 5000, 500, marks=pytest.mark.release)],
)
def test_S15_site_budget(
    tmp_path: Path, record: Record, cap: str, sends: int, addresses: int
) -> None:
    """Many numbers from many addresses: the site stops sending, and goes on otherwise."""
    # No other limit is what stops it.
    wide = {"sms_address_rates": "9999/24h", "sms_address_numbers": "1500/24h"}
    limits = wide | {"sms_site_rates": cap, "trusted_proxies": "127.0.0.1"}
    most = int(cap.partition("/")[0])
    with running(tmp_path, **limits) as server, Client(server) as client:
        ips = [fresh_address() for _ in range(addresses)]
        first = fresh_mobile()
        client.register(first)
        server.advance(61)
        code = client.code_for(first, "login", ip=ips[0])
        reasons = [ask(client, fresh_mobile(), ips[n % addresses]).reason for n in range(sends)]
        half, spent = (told_within(server, f"sms_budget_{kind}") for kind in ("half", "spent"))
        good = use(client, "login", first, code, fresh_address())
        sent = len(server.outbox())
        refused = ask(client, fresh_mobile(), fresh_address())
        assert 1 <= refused.data["retry_after"] <= _HOUR
    record("S15", tried=f"{sends} sends from {addresses} addresses, {cap} for the site",
           figure=f"{sent} sent; told at half and at the end, {max(half, spent):.1f} s later at "
           f"most; a code sent before is {'good' if good.code == 200 else 'refused'}")  # fmt: skip
    assert sent == most
    assert reasons.count(None) == most - 2
    assert set(reasons) == {None, "sms_too_frequent"}
    assert good.code == 200


def _settings(until: str) -> dict[str, str]:
    return {
        "DENGLU_SMS_TEST_NUMBERS": "13800000000=135790",
        **({"DENGLU_SMS_TEST_UNTIL": until} if until else {}),
    }


@pytest.mark.parametrize("until", ["", "2024-12-31", "2099-12-31"])
def test_S18_test_numbers_without_an_end(tmp_path: Path, record: Record, until: str) -> None:
    """Codes that never change need a last day in the near future, or nothing starts."""
    done = Server(tmp_path, _settings(until)).cli("serve", "--port", "0")
    record("S18", tried="test numbers without a last day, after it, and years before it",
           figure=f"{until or 'no day'}: does not start")  # fmt: skip
    assert done.returncode not in (0, None)
    assert "DENGLU_SMS_TEST_UNTIL" in done.stderr
    assert "135790" not in done.stderr + done.stdout


def test_S18_test_numbers(tmp_path: Path, record: Record) -> None:
    """A test number gets no message and logs in with its code, for as long as it may."""
    until = str((datetime.now(UTC) + timedelta(days=2)).date())
    mobile, code = "13800000000", "135790"
    numbers = {"sms_test_numbers": f"{mobile}={code}", "sms_test_until": until}
    with (
        running(tmp_path, trusted_proxies="127.0.0.1", **numbers) as server,
        Client(server) as client,
    ):
        assert ask(client, mobile, fresh_address(), usage="register").code == 200
        assert client.site("register", new_member(mobile, code)).code == 200
        assert ask(client, mobile, fresh_address()).reason == "sms_too_frequent"
        server.advance(61)
        assert ask(client, mobile, fresh_address()).code == 200
        for step in range(1, 6):
            guess = use(client, "login", mobile, wrong(code, step), fresh_address())
            assert guess.reason == "bad_code"
        assert use(client, "login", mobile, code, fresh_address()).reason == "bad_code"
        assert server.outbox() == []
        server.advance(4 * _DAY)
        assert ask(client, mobile, fresh_address()).code == 200
        assert len(server.outbox(mobile)) == 1
        assert code not in server.log
        assert mobile not in server.log
        assert "warning: DENGLU_SMS_TEST_NUMBERS: 1 with a code that never changes" in server.log
        assert "138****0000" in server.log
    record("S18", tried="a test number at work, and after its last day",
           figure="no message, all limits, nothing in the log; then a number like any")  # fmt: skip
