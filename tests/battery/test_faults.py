"""Rows F: too much at once, kill -9, a second server, and a graceful end."""

import asyncio
import itertools
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.battery.client import Client, fresh_mobile
from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Answer, Raw, Server, free_port, running
from tests.battery.load import Gone, Line, Seen, at_rate, quantile, steadily
from tests.battery.rivals import clone_members, login, outcomes, refresh, site
from tests.battery.shoppers import Life, Shopper, halves, missing

KILLS = 30
_SITE = {"trusted_proxies": "127.0.0.1", "sms_site_rates": "100000/24h"}


def members(server: Server, count: int) -> list[str]:
    """Numbers of so many members with the usual password."""
    first, *others = (fresh_mobile() for _ in range(count))
    server.register(first)
    clone_members(server, first, others)
    return [first, *others]


async def _log_in_again_and_again(
    server: Server, mobile: str, answers: list[Answer], stop: asyncio.Event, ip: str = ""
) -> None:
    """One of many who log in; waits as long as a busy server says."""
    line = Line(server, kept=True)
    while not stop.is_set():
        answer = await line.ask(login(mobile, PASSWORD, ip=ip))
        answers.append(answer)
        if answer.code != 200:
            await asyncio.sleep(answer.data["retry_after"])
    await line.close()


async def _saturate(server: Server, seconds: float) -> tuple[Seen, list[Answer]]:
    """200 people log in all the time, while tokens are checked 200 times a second."""
    mobiles = members(server, 201)
    token = str(server.login(mobiles.pop()).data["access_token"])
    checks, logins, stop = Seen(), list[Answer](), asyncio.Event()
    request = Raw("/v1/member/member/index", token=token, method="GET")
    async with asyncio.TaskGroup() as group:
        for mobile in mobiles:
            group.create_task(_log_in_again_and_again(server, mobile, logins, stop))
        for _ in range(10):
            line = Line(server, kept=True)
            group.create_task(steadily(line, lambda: request, 0.05, checks, stop))
        await asyncio.sleep(seconds)
        stop.set()
    return checks, logins


def _judge_saturation(checks: Seen, logins: list[Answer]) -> str:
    """No token check failed, no login got an unplanned answer; the figure for the table."""
    assert outcomes(checks.answers) == {"OK": len(checks.answers)}
    assert (checks.cut, checks.gone) == (0, 0)
    counted = outcomes(logins)
    assert set(counted) <= {"OK", "busy"}
    assert counted["OK"] > 0
    times = [answer.seconds for answer in checks.answers]
    return (
        f"{len(times)} checks, 0 errors, p50 {quantile(times, 0.5):.1f} ms, "
        f"p99 {quantile(times, 0.99):.1f} ms; {counted['OK']} logins, {counted['busy']} busy"
    )


def test_F01_token_checks_while_logins_saturate(server: Server, record: Record) -> None:
    """Every token check is answered while 200 people log in all the time."""
    checks, logins = asyncio.run(_saturate(server, 2))
    record("F01", tried="200 logins at once for 2 s and 200 token checks a second",
           figure=_judge_saturation(checks, logins))  # fmt: skip


@pytest.mark.measured
def test_F01_hash_saturation(server: Server, record: Record) -> None:
    """The same for 20 s; p99 should be at most 25 ms."""
    checks, logins = asyncio.run(_saturate(server, 20))
    record("F01", tried="200 logins at once for 20 s and 200 token checks a second",
           figure=_judge_saturation(checks, logins))  # fmt: skip


def test_F02_hash_queue_overflow(server: Server, record: Record) -> None:
    """1,000 logins at once: some get in, all others are told to come back."""
    answers = server.race([login(mobile, PASSWORD) for mobile in members(server, 1000)])
    counted = outcomes(answers)
    assert set(counted) == {"OK", "busy"}
    good = [answer.seconds for answer in answers if answer.code == 200]
    told = [answer for answer in answers if answer.code == 503]
    for answer in told:
        assert int(answer.headers["retry-after"]) == answer.data["retry_after"] >= 1
    late = [answer.seconds for answer in told]
    record("F02", tried="1,000 logins at once",
           figure=f"{len(good)} good, slowest after {max(good):.1f} s; {len(told)} busy, "
           f"p50 {quantile(late, 0.5):.0f} ms, slowest {max(late) * 1000:.0f} ms")  # fmt: skip
    assert server.login(fresh_mobile(), PASSWORD).reason == "bad_credentials"


async def _beside_a_crowd(server: Server, count: int) -> tuple[list[Answer], list[Answer]]:
    """100 lines of one address log in without end, rightly; meanwhile others do, one by one."""
    crowd, others, stop = list[Answer](), list[Answer](), asyncio.Event()
    mobiles = members(server, 100 + count)
    async with asyncio.TaskGroup() as group:
        for mobile in mobiles[count:]:
            group.create_task(_log_in_again_and_again(server, mobile, crowd, stop, "203.0.113.9"))
        while len(crowd) < 100:  # noqa: ASYNC110 - the crowd sets the time
            await asyncio.sleep(0.01)
        for mobile in mobiles[:count]:
            others.append(await Line(server, kept=False).ask(login(mobile, PASSWORD)))
        stop.set()
    return crowd, others


def test_F02_one_address_leaves_places_for_the_others(server: Server, record: Record) -> None:
    """Whoever logs in without end from one address is told busy; nobody else is."""
    crowd, others = asyncio.run(_beside_a_crowd(server, 20))
    told = outcomes(crowd)
    assert set(told) == {"OK", "busy"}
    assert outcomes(others) == {"OK": 20}
    late = [answer.seconds for answer in others]
    record("F02", tried="100 lines of one address log in without end, 20 members elsewhere too",
           figure=f"crowd: {told['OK']} good, {told['busy']} busy; others: 20 good, 0 busy, "
           f"slowest {max(late) * 1000:.0f} ms")  # fmt: skip


def _kill_in_the_middle(server: Server, chance: random.Random, old: list[Life]) -> list[Shopper]:
    """Load, kill -9 at a random time, and everybody's memories."""
    shares = [old[n::4] for n in range(4)]
    shoppers = [Shopper(server, chance.randrange(10**9), share) for share in shares]
    for shopper in shoppers:
        shopper.start()
    time.sleep(chance.uniform(0.05, 0.6))
    server.kill()
    for shopper in shoppers:
        shopper.join()
    return shoppers


def test_F04_kill_while_writing(tmp_path: Path, record: Record) -> None:
    """30 times kill -9 during mixed load: what was acknowledged is there after the restart."""
    seed = int(os.environ.get("DENGLU_BATTERY_SEED") or time.time_ns() % 10**9)
    print(f"seed {seed}: repeat with DENGLU_BATTERY_SEED={seed}")  # noqa: T201
    chance, acknowledged, ready = random.Random(seed), 0, [0.0]
    old: list[Life] = []
    with running(tmp_path, **_SITE) as server:
        for _ in range(KILLS):
            shoppers = _kill_in_the_middle(server, chance, old)
            begun = time.perf_counter()
            server.start()
            ready.append(time.perf_counter() - begun)
            lives = [life for shopper in shoppers for life in shopper.lives]
            assert [text for shopper in shoppers for text in shopper.odd] == []
            assert missing(server, lives) == []
            assert halves(server) == {}
            assert server.rows("PRAGMA quick_check") == [("ok",)]
            acknowledged += sum(shopper.acknowledged for shopper in shoppers)
            # A number gets five messages an hour; codes are forgotten after a day.
            old = [life for life in lives if life.known and not life.pending and life.codes < 4]
            server.advance(700)
    record("F04", tried=f"kill -9 at a random time under mixed load, {KILLS} rounds, seed {seed}",
           figure=f"{acknowledged} acknowledged writes, 0 missing, no halves, quick_check ok, "
           f"ready after {max(ready):.1f} s at most")  # fmt: skip
    assert acknowledged > KILLS


# What a crash might take away, and where it must be noticed.
LOSSES = {
    "a member": "DELETE FROM member WHERE id = (SELECT max(id) FROM member)",
    "a password": "UPDATE member SET password_hash = (SELECT password_hash FROM member LIMIT 1)",
    "a code": "DELETE FROM sms_code WHERE id = (SELECT min(id) FROM sms_code)",
    "a session": "DELETE FROM session WHERE id = (SELECT min(id) FROM session)",
    "a token": "DELETE FROM session_token WHERE digest = (SELECT t.digest FROM session_token t "
    "JOIN session s ON s.id = t.session_id AND s.generation = t.generation "
    "WHERE s.slot IS NOT NULL)",
    "an end": "UPDATE session SET ended_at = NULL WHERE ended_at IS NOT NULL",
    "a life": "UPDATE session SET ended_at = 1, slot = NULL WHERE slot IS NOT NULL",
    "an account": "DELETE FROM member_account WHERE id = (SELECT max(id) FROM member_account)",
    "the trail": "DELETE FROM audit_event WHERE session_id IS NOT NULL",
}


def test_F04_every_kind_of_loss_would_be_noticed(tmp_path: Path) -> None:
    """The search finds what is taken from the file by hand, and nothing else."""
    folder = tmp_path / "whole"
    folder.mkdir()
    with running(folder, **_SITE) as server:
        shoppers = [Shopper(server, seed, []) for seed in range(4)]
        for shopper in shoppers:
            shopper.start()
        while sum(shopper.acknowledged for shopper in shoppers) < 60:
            time.sleep(0.01)
        server.kill()
        for shopper in shoppers:
            shopper.join()
        lives = [life for shopper in shoppers for life in shopper.lives]
    assert (missing(server, lives), halves(server)) == ([], {})
    for kind, loss in LOSSES.items():
        copy = tmp_path / kind
        shutil.copytree(folder, copy)
        robbed = Server(copy)
        robbed.rows(loss)
        assert missing(robbed, lives) or halves(robbed), kind


def test_F14_second_server_on_one_file(server: Server, record: Record) -> None:
    """The second server says why it does not start, and the first one goes on."""
    second = server.cli("serve", "--port", str(free_port()))
    assert second.returncode not in (0, None)
    assert "already served by another denglu" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    with Client(server) as client:
        client.register()
    assert server.cli("member", "list").returncode == 0
    record("F14", tried="a second serve on the same file",
           figure=f"exit code {second.returncode}, one line says why")  # fmt: skip


async def _end_in_flight(server: Server, requests: list[Raw]) -> tuple[list[Answer], int]:
    """Send all, say stop when the first answer is there; all answers and the exit code."""
    assert server.process is not None
    handed, all_handed = itertools.count(1), asyncio.Event()

    def count(at: float) -> None:
        if next(handed) == len(requests):
            all_handed.set()

    asked = (Line(server, kept=False).ask(request, count) for request in requests)
    tasks = [asyncio.create_task(each) for each in asked]
    await all_handed.wait()
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    server.process.send_signal(signal.SIGTERM)
    answers = await asyncio.gather(*tasks)
    code = await asyncio.to_thread(server.stop)
    with pytest.raises(Gone):
        await Line(server, kept=False).ask(requests[0])
    return list(answers), code


def test_F15_logins_in_flight_are_answered(tmp_path: Path, record: Record) -> None:
    """SIGTERM while 50 logins wait for their hash: all of them get their tokens."""
    with running(tmp_path, **_SITE) as server:
        requests = [login(mobile, PASSWORD) for mobile in members(server, 50)]
        answers, code = asyncio.run(_end_in_flight(server, requests))
        assert code == 0
        assert set(outcomes(answers)) <= {"OK", "busy"}
        assert outcomes(answers)["OK"] >= 1
        server.start()
        good = [answer for answer in answers if answer.code == 200]
        with Client(server) as client:
            for answer in good:
                assert client.who_am_i(answer.data["access_token"]).code == 200
    record("F15", tried="SIGTERM with 50 logins in flight",
           figure=f"{len(good)} good and kept, {50 - len(good)} busy, exit 0")  # fmt: skip


async def _end_under_load(server: Server) -> tuple[Seen, int]:
    """200 requests a second on kept and on new connections; SIGTERM in the middle of it."""
    assert server.process is not None
    mobiles = members(server, 20)
    pairs = [server.login(mobile).data for mobile in mobiles[:10]]
    numbers = itertools.count()

    def next_request() -> Raw:
        number = next(numbers)
        # A refresh makes the access token before it old, so these two share no session.
        checked, refreshed = pairs[number % 5], pairs[5 + number % 5]
        return (
            Raw("/v1/member/member/index", token=checked["access_token"], method="GET"),
            site("verify-access-token", {"token": checked["access_token"]}),
            refresh(refreshed["refresh_token"]),
            site("sms-code", {"mobile": fresh_mobile(), "usage": "login"}),
            login(mobiles[10 + number % 10], PASSWORD, "h5"),
        )[number // 5 % 5]

    seen, stop = Seen(wanted=250), asyncio.Event()
    load = asyncio.create_task(at_rate(server, next_request, 200, seen, stop))
    await seen.enough.wait()
    seen.deadline = time.perf_counter()
    server.process.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(server.stop)
    stop.set()
    await load
    return seen, code


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_F15_graceful_shutdown(tmp_path: Path, record: Record, turn: int) -> None:
    """SIGTERM under 200 requests a second: no answer is cut, no request in flight is lost."""
    with running(tmp_path, **_SITE) as server:
        seen, code = asyncio.run(_end_under_load(server))
    counted = outcomes(seen.answers)
    assert code == 0
    assert set(counted) <= {"OK", "busy"}
    assert (seen.cut, seen.lost) == (0, 0)
    record("F15", tried="SIGTERM under 200 requests a second, 3 rounds",
           figure=f"round {turn}: {seen.rate:.0f} requests a second, {len(seen.answers)} answers, "
           "0 cut, 0 lost, exit 0")  # fmt: skip
