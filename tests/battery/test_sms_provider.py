"""Rows S16 and E03 with a provider that is slow, broken or away: a real gateway on loopback."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.battery.client import fresh_address, fresh_mobile
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import PASSWORD, Answer, Server, free_port, running
from tests.battery.rivals import clone_members, site
from tests.battery.test_enumeration import USAGES, auc, what_is_seen
from tests.clouds.base import serving
from tests.clouds.sender import KEY, Receiver

_PROXY = "127.0.0.1"
_SLOW = 2.0
# So many of one gateway are under way at once.
_AT_ONCE = 4
_BATCHES = 60
_OPEN = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND (xact_start IS NOT NULL OR state = 'active') "
    "AND backend_type = 'client backend'",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx",
}


def transactions(server: Server) -> int:
    """How many are open in the database right now; an SQLite file lets nobody else write then."""
    if server.database_kind == "sqlite":
        server.rows("update member set nickname = nickname where id = -1")
        return 0
    return int(server.rows(_OPEN[server.database_kind])[0][0])


def ask(server: Server, mobile: str, usage: str = "login") -> Answer:
    """Ask for a code, on a connection of its own."""
    headers = {"X-Forwarded-For": fresh_address()}
    return server.post("sms-code", {"mobile": mobile, "usage": usage}, headers=headers)


def last_row(server: Server) -> tuple[str, str, int]:
    """Outcome, gateway and latency of the newest message."""
    sql = "SELECT outcome, gateway, latency_ms FROM sms_message ORDER BY id DESC LIMIT 1"
    (row,) = server.rows(sql)
    return str(row[0]), str(row[1]), int(row[2])


@pytest.fixture(scope="module")
def provider() -> Iterator[Receiver]:
    with serving(Receiver()) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def sending(
    tmp_path_factory: pytest.TempPathFactory,
    provider: Receiver,
    kind: str,
    database_for: DatabaseFor,
) -> Iterator[Server]:
    """A server whose only gateway is the provider's. On SQLite with the shipped deadlines."""
    short = {} if kind == "sqlite" else {"sms_timeout": "1", "sms_gateway_timeout": "1"}
    with running(
        tmp_path_factory.mktemp(kind),
        trusted_proxies=_PROXY,
        sms_gateways="http",
        sms_http_url=provider.url,
        sms_http_key=KEY,
        sms_budget_messages="day=1000",
        **short,
        **database_for(kind),
    ) as server:
        server.add_member("ming")
        yield server


@pytest.fixture
def well(sending: Server, provider: Receiver) -> Iterator[Server]:
    """The same, with a provider that answers before and after: nobody has left it alone."""
    for spoil in (False, True):
        if spoil:
            yield sending
        provider.mode, provider.says, provider.delay = "answers", None, 0.0
        assert ask(sending, fresh_mobile()).code == 200
        assert last_row(sending)[:2] == ("sent", "http")
    sending.set_clock(0)


def test_S16_a_provider_that_is_silent_for_a_minute(
    well: Server, provider: Receiver, record: Record
) -> None:
    """Nothing is held in the database meanwhile, and who else comes is served."""
    mobile = fresh_mobile()
    provider.mode = "silent"
    with ThreadPoolExecutor(1) as pool:
        asking, begun = pool.submit(ask, well, mobile), time.monotonic()
        assert provider.waiting.acquire(timeout=10)
        held = transactions(well)
        meanwhile = well.login("ming", PASSWORD)
        assert not asking.done()
        assert last_row(well)[0] == "sending"
        answer = asking.result()
        took = time.monotonic() - begun
    assert held == 0
    assert meanwhile.code == 200
    assert answer.reason == "sms_failed"
    outcome, gateway, latency = last_row(well)
    assert (outcome, gateway) == ("unknown", "http")
    assert latency >= (5000 if well.database_kind == "sqlite" else 1000) - 10
    told = "as shipped" if well.database_kind == "sqlite" else "deadlines of 1 s"
    record(
        "S16",
        tried=f"a provider that is silent for 60 s, {well.database_kind}, {told}",
        figure=f"answered after {took:.1f} s (at most 6), {held} transactions open meanwhile",
    )


@pytest.mark.parametrize(
    ("mode", "says", "reason", "outcome", "room"),
    [
        # A body that is none of the protocol's may be the end of a message that was sent.
        ("broken", None, "sms_failed", "unknown", False),
        ("unavailable", None, "sms_failed", "failed", True),
        ("answers", (429, {"error": "number_limit"}), "sms_too_frequent", "failed", True),
    ],
    ids=["500", "503", "its limit"],
)
def test_S16_a_failed_sending_costs_the_cooldown_and_not_the_day(
    well: Server,
    provider: Receiver,
    record: Record,
    mode: str,
    says: tuple[int, object] | None,
    reason: str,
    outcome: str,
    room: bool,
) -> None:
    mobile = fresh_mobile()
    told = []
    for attempt in range(6):
        # Two failures in a row, then others are served: nobody leaves the provider alone.
        if attempt and attempt % 2 == 0:
            provider.mode, provider.says = "answers", None
            assert ask(well, fresh_mobile()).code == 200
        provider.mode, provider.says = mode, says
        answer = ask(well, mobile)
        told.append(answer.reason)
        if answer.reason == reason and (room or attempt < 5):
            assert last_row(well)[0] == outcome
        assert ask(well, mobile).reason == "sms_too_frequent"
        well.advance(60)
    provider.mode, provider.says = "answers", None
    # Five an hour are a number's own, and what surely was not sent is none of them.
    assert told == [reason] * 6 if room else told == [reason] * 5 + ["sms_too_frequent"]
    assert (ask(well, mobile).code == 200) is room
    record(
        "S16",
        tried=f"six tries, provider says {'its limit' if says else mode}, {well.database_kind}",
        figure=f"{outcome}; the next is {'sent' if room else 'refused'}",
    )


def spent(server: Server) -> int:
    """How many messages of the day's budget are used."""
    return int(server.rows("SELECT messages FROM sms_spend WHERE kind = 'day'")[0][0])


def test_S16_a_client_that_goes_away_stops_no_message(
    well: Server, provider: Receiver, record: Record
) -> None:
    provider.mode = "silent"
    request = site("sms-code", {"mobile": fresh_mobile(), "usage": "login"})
    before = spent(well)
    with socket.create_connection((well.host, well.port)) as connection:
        connection.sendall(request.encode(well.host))
        assert provider.waiting.acquire(timeout=10)
    took = wait_until(lambda: last_row(well)[0] != "sending")
    assert last_row(well)[:2] == ("unknown", "http")
    assert spent(well) == before + 1
    record("S16", tried=f"the client goes away meanwhile, {well.database_kind}",
           figure=f"its row is closed all the same, {took:.1f} s later")  # fmt: skip


def test_S16_a_process_that_dies_meanwhile_leaves_the_message_charged(
    well: Server, provider: Receiver, record: Record
) -> None:
    provider.mode = "silent"
    before = spent(well)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask, well, fresh_mobile())
        assert provider.waiting.acquire(timeout=10)
        well.kill()
        with pytest.raises(httpx.HTTPError):
            asking.result()
    well.start()
    assert last_row(well) == ("sending", "", 0)
    assert spent(well) == before + 1
    record("S16", tried=f"kill -9 while a message is under way, {well.database_kind}",
           figure="its row stays, and what it may have cost is kept")  # fmt: skip


def wait_until(condition: Callable[[], bool]) -> float:
    """Seconds until it holds."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 60
        time.sleep(0.1)
    return time.monotonic() - begun


def test_S16_a_dead_first_gateway_is_passed_by_and_used_again(
    tmp_path: Path, record: Record
) -> None:
    """Codes arrive through the second; the first is left alone, one second at a time here."""
    port = free_port()
    with running(
        tmp_path,
        trusted_proxies=_PROXY,
        sms_gateways="http,outbox",
        sms_http_url=f"http://127.0.0.1:{port}",
        sms_http_key=KEY,
        sms_gateway_pause="1",
    ) as server:
        for sent in range(1, 6):
            assert ask(server, fresh_mobile()).code == 200
            assert len(server.outbox()) == sent
            assert last_row(server)[:2] == ("sent", "outbox")
        with serving(Receiver(), port=port) as receiver:
            back = wait_until(
                lambda: ask(server, fresh_mobile()).code == 200 and bool(receiver.sent)
            )
            assert last_row(server)[:2] == ("sent", "http")
            assert ask(server, fresh_mobile()).code == 200
            assert len(receiver.sent) == 2
        assert "is left alone" in server.log
        assert "answers again" in server.log
    record(
        "S16",
        tried="two gateways, the first dead, then back (left alone for 1 s instead of 15)",
        figure=f"codes through the second; the first is used again after {back:.1f} s",
    )


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose provider takes two seconds for each message."""
    with serving(Receiver()) as receiver:
        receiver.delay = _SLOW
        with running(
            tmp_path_factory.mktemp("slow"),
            trusted_proxies=_PROXY,
            sms_gateways="http",
            sms_http_url=receiver.url,
            sms_http_key=KEY,
            sms_site_rates="5000/1h",
        ) as server:
            server.add_member("model", mobile="13800000000")
            yield server


def members(server: Server, how_many: int) -> list[str]:
    """Numbers that have a member."""
    mobiles = [fresh_mobile() for _ in range(how_many)]
    clone_members(server, "13800000000", mobiles)
    return mobiles


def batch(server: Server, mobiles: list[str], usage: str) -> list[tuple[Answer, float]]:
    """Ask for all of them at once: answers and seconds, in that order."""

    def timed(mobile: str) -> tuple[Answer, float]:
        begun = time.perf_counter()
        answer = ask(server, mobile, usage)
        return answer, time.perf_counter() - begun

    with ThreadPoolExecutor(len(mobiles)) as pool:
        return list(pool.map(timed, mobiles))


def test_E03_a_provider_that_takes_two_seconds_says_nothing_about_the_number(
    slow: Server, record: Record
) -> None:
    known = members(slow, 2)
    answers = batch(slow, [known[0], fresh_mobile(), known[1], fresh_mobile()], "login")
    seen = [what_is_seen(answer) for answer, _ in answers]
    assert {answer.code for answer, _ in answers} == {200}
    assert seen == [seen[0]] * len(seen)
    times = ", ".join(f"{seconds:.2f}" for _, seconds in answers)
    record(
        "E03",
        tried="two members and two others, a provider that takes 2 s",
        figure=f"one answer for all; {times} s, in turns",
    )


@pytest.mark.measured
def test_E03_the_time_of_asking_with_a_provider_that_takes_two_seconds(
    slow: Server, record: Record
) -> None:
    sides: dict[bool, list[float]] = {True: [], False: []}
    known = iter(members(slow, _BATCHES * _AT_ONCE // 2))
    for number in range(_BATCHES):
        turns = [True, False] * (_AT_ONCE // 2)
        if number % 2:
            turns.reverse()
        mobiles = [next(known) if has_member else fresh_mobile() for has_member in turns]
        answers = batch(slow, mobiles, USAGES[number % len(USAGES)])
        for has_member, (answer, seconds) in zip(turns, answers, strict=True):
            assert answer.code == 200, answer.text
            sides[has_member].append(seconds)
    samples = len(sides[True])
    record(
        "E03",
        tried=f"a provider that takes 2 s, each usage, {samples} samples a side, in turns",
        figure=f"AUC {auc(sides[False], sides[True]):.3f} (0.40–0.60)",
    )
