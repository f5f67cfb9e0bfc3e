"""Rows F10 and F11: Redis dies, hangs, comes and goes, is flushed, full or filled with rubbish,
while codes and passwords are guessed at four processes. No limit may be looser for it.
"""

import asyncio
import contextlib
import functools
import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.battery.client import Client, fresh_address, fresh_mobile
from tests.battery.cluster import Cluster, cluster
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import Answer, Raw
from tests.battery.load import Line, quantile
from tests.battery.rivals import events, login, outcomes, site
from tests.battery.test_passwords import WRONG, new_members
from tests.battery.test_sms import code_login, guess, member_with_code, wrong_codes
from tests.servers.redis import RedisServer

_PROXY = "127.0.0.1"
_RATE = "100000/1h"
Trouble = Callable[[Cluster, RedisServer], contextlib.AbstractContextManager[None]]


@pytest.fixture(scope="module")
def many(
    database_for: DatabaseFor, redis_process: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Four processes on PostgreSQL that tell each other, and count requests, through Redis."""
    settings = database_for("postgresql")
    url = settings.pop("database_url")
    del settings["secret_key"]
    settings |= {
        "redis_url": redis_process.url(),
        "request_rates": _RATE,
        "trusted_proxies": _PROXY,
    }
    with cluster(tmp_path_factory.mktemp("redis"), url, **settings) as started:
        yield started


@pytest.fixture
def client(many: Cluster) -> Iterator[Client]:
    with Client(many) as opened:
        yield opened
    many.set_clock(0)


@contextlib.contextmanager
def _again_and_again(deed: Callable[[], object]) -> Iterator[None]:
    """Do it from another thread, without rest."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.01):
            deed()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def _dead(many: Cluster, redis: RedisServer) -> Iterator[None]:
    redis.kill()
    try:
        yield
    finally:
        redis.start()


def _restless(many: Cluster, redis: RedisServer) -> contextlib.AbstractContextManager[None]:
    def deed() -> None:
        redis.kill()
        redis.start()

    return _again_and_again(deed)


def _hanging(many: Cluster, redis: RedisServer) -> contextlib.AbstractContextManager[None]:
    return redis.paused()


def _flushed(many: Cluster, redis: RedisServer) -> contextlib.AbstractContextManager[None]:
    return _again_and_again(functools.partial(redis.ask, "FLUSHALL"))


@contextlib.contextmanager
def _full(many: Cluster, redis: RedisServer) -> Iterator[None]:
    redis.ask("CONFIG SET maxmemory 1")
    try:
        yield
    finally:
        redis.ask("CONFIG SET maxmemory 0")


def _rubbish(many: Cluster, redis: RedisServer) -> contextlib.AbstractContextManager[None]:
    """Every key that could be meant is of the wrong type; connections are cut on top of it."""

    def deed() -> None:
        redis.ask(f"SET denglu:requests:{_RATE}:{many.now() // 3600} rubbish")
        redis.ask("PUBLISH denglu:session rubbish")
        redis.ask("CLIENT KILL TYPE normal")

    return _again_and_again(deed)


TROUBLES: dict[str, Trouble] = {
    "dead": _dead,
    "hanging": _hanging,
    "coming and going": _restless,
    "full": _full,
}
LOSSES: dict[str, Trouble] = {"flushed without rest": _flushed, "full of rubbish": _rubbish}


def _codes_serial(client: Client) -> str:
    """S01: wrong codes in turn, then the right one."""
    mobile, code = member_with_code(client)
    compared = guess(client, mobile, wrong_codes(code), 30)
    assert client.site("mobile-login", code_login(mobile, code)).reason == "bad_code"
    assert compared == 5
    return f"S01 {compared}"


def _codes_parallel(client: Client) -> str:
    """S02: 200 wrong codes at once."""
    mobile, code = member_with_code(client)
    before = events(client.server, "sms_code_compared")
    guesses = itertools.islice(wrong_codes(code), 200)
    answers = client.server.race([site("mobile-login", code_login(mobile, g)) for g in guesses])
    assert outcomes(answers) == {"bad_code": 200}
    compared = events(client.server, "sms_code_compared") - before
    assert compared == 5
    return f"S02 {compared}"


def _many_codes(client: Client) -> str:
    """S03: a day long, code after code, four guesses each."""
    mobile = fresh_mobile()
    client.register(mobile)
    before, compared = client.server.now(), events(client.server, "sms_code_compared")
    while client.server.now() < before + 86400 - 3600:
        client.server.advance(3600)
        sent = client.site("sms-code", {"mobile": mobile, "usage": "login"})
        if sent.code == 200:
            code = client.server.outbox(mobile)[-1]["code"]
            for wrong in itertools.islice(wrong_codes(code), 4):
                assert client.site("mobile-login", code_login(mobile, wrong)).code in (422, 429)
        else:
            assert sent.reason == "sms_too_frequent"
    compared = events(client.server, "sms_code_compared") - compared
    assert compared == 20
    return f"S03 {compared} a day"


def _passwords(client: Client) -> str:
    """P01, P02: wrong passwords in turn, from one address and from many."""
    told = []
    for row, addresses, most in (("P01", 1, 5), ("P02", 40, 10)):
        (mobile,) = new_members(client, 1)
        ips = [fresh_address() for _ in range(addresses)]
        before = events(client.server, "login_failed")
        answers = [client.login(mobile, WRONG, ip=ips[n % addresses]) for n in range(40)]
        _refused(answers)
        assert events(client.server, "login_failed") - before == most
        told.append(f"{row} {most}")
    return ", ".join(told)


def _passwords_parallel(client: Client) -> str:
    """P03: 200 wrong passwords at once."""
    told = []
    for addresses, most in ((1, 5), (200, 10)):
        (mobile,) = new_members(client, 1)
        ips = [fresh_address() for _ in range(addresses)]
        before = events(client.server, "login_failed")
        rivals = [login(mobile, WRONG, ip=ips[n % addresses]) for n in range(200)]
        # So many at once may be too many for the machine, with Redis as without.
        _refused([answer for answer in client.server.race(rivals) if answer.reason != "busy"])
        assert events(client.server, "login_failed") - before == most
        told.append(f"P03 {most}")
    return ", ".join(told)


def _refused(answers: list[Answer]) -> None:
    assert set(outcomes(answers)) == {"bad_credentials", "too_many_attempts"}


ATTACKS = (_codes_serial, _codes_parallel, _many_codes, _passwords, _passwords_parallel)


def _attacked(client: Client, trouble: contextlib.AbstractContextManager[None]) -> str:
    """Attacks before the trouble, during it and after it. No session may be lost."""
    pairs = [client.register().data for _ in range(4)]
    told = [attack(client) for attack in ATTACKS[:2]]
    with trouble:
        told += [attack(client) for attack in ATTACKS]
        client.server.set_clock(0)
        for pair in pairs:
            assert client.who_am_i(pair["access_token"]).code == 200
    told += [attack(client) for attack in ATTACKS[1:2]]
    client.server.set_clock(0)
    for pair in pairs:
        for _ in range(4):
            assert client.who_am_i(pair["access_token"]).code == 200
        assert client.refresh(pair["refresh_token"]).code == 200
    return ", ".join(dict.fromkeys(told))


@pytest.mark.parametrize("trouble", TROUBLES)
def test_F10_redis_is_gone_under_attack(
    client: Client, many: Cluster, redis_server: RedisServer, trouble: str, record: Record
) -> None:
    """S01-S03 and P01-P03 while Redis is of no use, and after."""
    told = [_told(process.log) for process in many.processes]
    figure = _attacked(client, TROUBLES[trouble](many, redis_server))
    more = [_told(p.log) - n for p, n in zip(many.processes, told, strict=True)]
    assert max(more) < 50, "one line an outage, not one a request"
    record("F10", tried="S01-S03, P01-P03 against 4 processes; judged while Redis is",
           figure=f"{trouble}: {figure}, no 5xx but busy, no session lost")  # fmt: skip


def _told(log: str) -> int:
    """Warnings about Redis."""
    return log.count("by each process alone") + log.count("other processes are not told")


@pytest.mark.parametrize("trouble", LOSSES)
def test_F11_redis_forgets_under_attack(
    client: Client, many: Cluster, redis_server: RedisServer, trouble: str, record: Record
) -> None:
    """S01-S03 and P01-P03 while Redis forgets everything, or holds what nobody put there."""
    figure = _attacked(client, LOSSES[trouble](many, redis_server))
    record("F11", tried="S01-S03, P01-P03 against 4 processes; judged while Redis is",
           figure=f"{trouble}: {figure}, no 5xx but busy, no session lost")  # fmt: skip


@pytest.mark.measured
@pytest.mark.parametrize("trouble", ["dead", "hanging"])
def test_F10_token_checks_do_not_wait_for_redis(
    client: Client, many: Cluster, redis_server: RedisServer, trouble: str, record: Record
) -> None:
    """p99 of token checks with Redis and without, in turn: the machine may have other work."""
    token = client.register().data["access_token"]
    there: list[float] = []
    gone: list[float] = []
    for _ in range(5):
        there += asyncio.run(_checks(many, token))
        with TROUBLES[trouble](many, redis_server):
            gone += asyncio.run(_checks(many, token))
    usual, ratio = quantile(there, 0.99), quantile(gone, 0.99) / quantile(there, 0.99)
    record("F10", tried="p99 of 2000 token checks at 4 processes, Redis there",
           figure=f"{usual:.1f} ms; {trouble}: {ratio:.2f} times that")  # fmt: skip


async def _checks(many: Cluster, token: str) -> list[float]:
    """Seconds that 100 checks took at each process."""
    ask = Raw("/v1/member/member/index", token=token, method="GET")
    took = []
    for process in many.processes:
        line = Line(process, kept=True)
        for _ in range(100):
            answer = await line.ask(ask)
            assert answer.code == 200
            took.append(answer.seconds)
        await line.close()
    return took
