"""Rows S16: messages through the providers' own libraries, against services on loopback that
check signatures and then refuse, keep silent, talk nonsense or die.

Two gateways: ``tencent`` first, then ``http``. A message counts where a service took it.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.battery.client import fresh_address, fresh_mobile
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import PASSWORD, Answer, Server, running
from tests.battery.test_sms_provider import ask, last_row, transactions
from tests.clouds.aliyun import AliyunPnvs, AliyunSms
from tests.clouds.base import ACCESS, serving
from tests.clouds.mortal import Mortal, mortal
from tests.clouds.sender import KEY, Receiver
from tests.clouds.tc3 import APP_ID, CODE_TEMPLATE, SIGN, TencentSms

_SITE = {"trusted_proxies": "127.0.0.1", "sms_site_rates": "100000/24h", "sms_gateway_pause": "1"}
_DEADLINE = 6
_CROWD = 8
_BEFORE, _AFTER = 20, 40


def tencent_settings(url: str) -> dict[str, str]:
    """The account that the emulator knows."""
    return {
        "sms_tencent_access_id": ACCESS[0],
        "sms_tencent_access_key": ACCESS[1],
        "sms_tencent_app_id": APP_ID,
        "sms_tencent_sign": SIGN,
        "sms_tencent_templates": f"code={CODE_TEMPLATE}",
        "sms_tencent_endpoint": url,
    }


def http_settings(url: str) -> dict[str, str]:
    return {"sms_http_url": url, "sms_http_key": KEY}


@dataclass
class Ground:
    """The server, and what it sends through: ``first`` tencent, ``second`` http."""

    server: Server
    first: TencentSms
    second: Receiver

    def taken(self, mobile: str) -> tuple[int, int]:
        """How many messages to a number each service took."""
        return (counted(self.first.sent)[mobile], counted(self.second.sent)[mobile])

    def until_well(self) -> None:
        """Both services answer, and the first one is asked again."""
        for service in (self.first, self.second):
            service.mode, service.delay = "answers", 0.0
        self.first.error = self.first.status = ""
        self.second.says = None
        end = time.monotonic() + 60
        while True:
            mobile = fresh_mobile()
            assert ask(self.server, mobile).code == 200
            if self.taken(mobile) == (1, 0):
                return
            assert time.monotonic() < end
            time.sleep(0.1)


def counted(sent: list[dict[str, Any]]) -> Counter[str]:
    """Messages by number."""
    return Counter(each["mobile"].removeprefix("+86") for each in sent)


def row(server: Server) -> tuple[str, str, str]:
    """Outcome, gateway and error of the newest message."""
    sql = "SELECT outcome, gateway, error FROM sms_message ORDER BY id DESC LIMIT 1"
    ((outcome, gateway, error),) = server.rows(sql)
    return str(outcome), str(gateway), str(error)


@pytest.fixture(scope="module")
def started(
    tmp_path_factory: pytest.TempPathFactory, kind: str, database_for: DatabaseFor
) -> Iterator[Ground]:
    """A server with two gateways and one member, on each database."""
    with serving(TencentSms()) as first, serving(Receiver()) as second:
        chosen = {"sms_gateways": "tencent,http"} | _SITE
        accounts = tencent_settings(first.url) | http_settings(second.url)
        folder = tmp_path_factory.mktemp(f"gateways-{kind}")
        with running(folder, **chosen, **accounts, **database_for(kind)) as server:
            server.add_member("ming")
            yield Ground(server, first, second)
            for secret in (*counted(first.sent + second.sent), ACCESS[1], KEY):
                assert secret not in server.log


@pytest.fixture
def ground(started: Ground) -> Iterator[Ground]:
    """The same, with both services well and nobody left alone."""
    started.until_well()
    yield started
    for service in (started.first, started.second):
        service.woken.set()
        service.woken.clear()
        assert service.refused == []  # everything was signed as it should be


def test_S16_a_code_arrives_through_the_first_gateway_and_is_good(ground: Ground) -> None:
    mobile = fresh_mobile()
    assert ask(ground.server, mobile, "register").code == 200
    assert ground.taken(mobile) == (1, 0)
    code, minutes = ground.first.sent[-1]["params"]
    assert minutes == "5"
    body = {"mobile": mobile, "code": code, "group": "pc", "password": PASSWORD}
    body |= {"password_repetition": PASSWORD, "nickname": "月光"}
    assert ground.server.post("register", body).code == 200
    sql = "SELECT provider_id, parts FROM sms_message WHERE outcome = 'sent' ORDER BY id DESC"
    name, parts = ground.server.rows(sql)[0]
    assert (name, parts) == (ground.first.sent[-1]["serial"], 1)


ELSEWHERE = {
    "keys": "AuthFailure.SignatureFailure",
    "signature": "FailedOperation.SignatureIncorrectOrUnapproved",
    "template": "FailedOperation.TemplateIncorrectOrUnapproved",
    "balance": "FailedOperation.InsufficientBalanceInSmsPackage",
    "arrears": "UnauthorizedOperation.ServiceSuspendDueToArrears",
    "address": "UnauthorizedOperation.RequestIpNotInWhitelist",
    "account's limit": "LimitExceeded.AppDailyLimit",
    "calls' limit": "RequestLimitExceeded",
    "number's limit": "LimitExceeded.PhoneNumberOneHourLimit",
    "provider down": "ServiceUnavailable",
}
FINAL = {
    "bad number": "InvalidParameterValue.IncorrectPhoneNumber",
    "blocked": "FailedOperation.PhoneNumberInBlacklist",
    "may be sent": "InternalError.Timeout",
}


def test_S16_refusals_that_say_nothing_was_sent_lead_to_the_next_gateway(
    ground: Ground, record: Record
) -> None:
    for code in ELSEWHERE.values():
        for place in ("error", "status"):
            ground.until_well()
            setattr(ground.first, place, code)
            mobile, before = fresh_mobile(), ground.first.arrived
            assert ask(ground.server, mobile).code == 200, code
            assert ground.taken(mobile) == (0, 1), code
            assert ground.first.arrived == before + 1, code
            assert row(ground.server)[:2] == ("sent", "http")
    record(
        "S16",
        tried=f"{len(ELSEWHERE)} kinds of refusal by the first of two gateways, "
        f"{ground.server.database_kind}",
        figure="each code once, through the second",
    )


def test_S16_refusals_that_are_final_reach_no_second_gateway(
    ground: Ground, record: Record
) -> None:
    for what, code in FINAL.items():
        for place in ("error", "status"):
            ground.until_well()
            setattr(ground.first, place, code)
            mobile, before = fresh_mobile(), ground.first.arrived
            assert ask(ground.server, mobile).reason == "sms_failed", code
            assert ground.taken(mobile) == (0, 0), code
            assert ground.first.arrived == before + 1, code
            outcome = "unknown" if what == "may be sent" else "failed"
            assert row(ground.server) == (outcome, "tencent", code)
    record(
        "S16",
        tried=f"{len(FINAL)} refusals that are final, {ground.server.database_kind}",
        figure="sms_failed, no second gateway is asked",
    )


def test_S16_both_gateways_refuse(ground: Ground) -> None:
    """The contract's word for it; where a limit is in the way, that of limits."""
    for code, error, reason in (
        ("FailedOperation.InsufficientBalanceInSmsPackage", "refused", "sms_failed"),
        ("LimitExceeded.PhoneNumberDailyLimit", "number_limit", "sms_too_frequent"),
    ):
        ground.until_well()
        ground.first.status, ground.second.says = code, (400, {"error": error})
        mobile = fresh_mobile()
        assert ask(ground.server, mobile).reason == reason
        assert ground.taken(mobile) == (0, 0)
        assert row(ground.server)[0] == "failed"


@pytest.mark.parametrize(
    "mode", ["garbage", "list", "empty", "broken", "bad gateway", "babbles", "hangs up", "cut"]
)
def test_S16_nonsense_may_be_the_end_of_a_message_that_was_sent(
    ground: Ground, mode: str, record: Record
) -> None:
    ground.first.mode = mode
    mobile, before = fresh_mobile(), ground.first.arrived
    assert ask(ground.server, mobile).reason == "sms_failed"
    assert ground.first.arrived == before + 1
    assert ground.taken(mobile)[1] == 0
    assert row(ground.server)[:2] == ("unknown", "tencent")
    record(
        "S16",
        tried=f"nonsense of the first of two gateways, {ground.server.database_kind}",
        figure="sms_failed, asked once, nothing through the second",
    )


def test_S16_a_minute_of_silence_holds_nobody_up(ground: Ground, record: Record) -> None:
    ground.first.mode = "silent"
    mobile, before = fresh_mobile(), ground.first.arrived
    with ThreadPoolExecutor(1) as pool:
        begun, asking = time.monotonic(), pool.submit(ask, ground.server, mobile)
        assert ground.first.waiting.acquire(timeout=20)
        held = transactions(ground.server)
        meanwhile = ground.server.login("ming", PASSWORD)
        assert not asking.done()
        answer = asking.result()
        took = time.monotonic() - begun
    assert answer.reason == "sms_failed"
    assert took < 5 * _DEADLINE  # wide: the machine may be busy
    assert (held, meanwhile.code) == (0, 200)
    assert not ground.first.gave_up
    assert ground.first.arrived == before + 1
    assert ground.taken(mobile) == (0, 0)
    assert row(ground.server)[:2] == ("unknown", "tencent")
    record(
        "S16",
        tried=f"60 s of silence of the first of two gateways, {ground.server.database_kind}",
        figure=f"answered after {took:.1f} s, {held} transactions open, nothing sent elsewhere",
    )


# --- a provider that dies while it is at work -----------------------------------------------


@dataclass
class Asker:
    """One of a crowd: asks for number after number, and keeps what it was told."""

    server: Server
    over: Callable[[], bool]

    def run(self) -> dict[str, Answer]:
        """Until it is over."""
        told: dict[str, Answer] = {}
        while not self.over():
            mobile = fresh_mobile()
            told[mobile] = ask(self.server, mobile)
        return told


@contextmanager
def crowd(server: Server) -> Iterator[dict[str, Answer]]:
    """People who ask for codes, and one who logs in, while something happens. What each number
    was told is there when all have come back.
    """
    over, told, logins = threading.Event(), {}, []  # type: ignore[var-annotated]

    def log_in() -> None:
        while not over.is_set():
            headers = {"X-Forwarded-For": fresh_address()}
            logins.append(server.login("ming", PASSWORD, headers=headers).code)

    with ThreadPoolExecutor(_CROWD + 1) as pool:
        asking = [pool.submit(Asker(server, over.is_set).run) for _ in range(_CROWD)]
        login = pool.submit(log_in)
        try:
            yield told
        finally:
            over.set()
        for each in asking:
            told.update(each.result())
        login.result()
    assert logins
    assert set(logins) == {200}  # other writes went on all the time


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that surely comes."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_S16_a_provider_dies_in_the_middle_of_load(
    tmp_path: Path, kind: str, database_for: DatabaseFor, record: Record
) -> None:
    """Nobody gets two messages; who is told OK got one; who is told no got one at most, and only
    from a provider that died over it.
    """
    with mortal(tmp_path) as first, serving(Receiver()) as second:
        chosen = {"sms_gateways": "tencent,http"} | _SITE
        accounts = tencent_settings(first.url) | http_settings(second.url)
        with running(tmp_path, **chosen, **accounts, **database_for(kind)) as server:
            server.add_member("ming")
            with crowd(server) as told:
                until(lambda: len(first.sent) >= _BEFORE)
                first.kill()
                until(lambda: len(second.sent) >= _AFTER)
            judge(server, first, second, told, record)


def judge(
    server: Server, first: Mortal, second: Receiver, told: dict[str, Answer], record: Record
) -> None:
    """Compare what people were told with what the services took."""
    before, after = counted(first.sent), counted(second.sent)
    assert set((before + after).values()) == {1}  # never a second message
    granted = {mobile for mobile, answer in told.items() if answer.code == 200}
    refused = set(told) - granted
    assert {told[mobile].reason for mobile in refused} <= {"sms_failed"}
    assert {mobile for mobile in granted if not (before + after)[mobile]} == set()
    assert {mobile for mobile in refused if after[mobile]} == set()
    sql = "SELECT outcome, gateway, count(*) FROM sms_message GROUP BY outcome, gateway"
    rows = {(outcome, gateway): count for outcome, gateway, count in server.rows(sql)}
    assert rows.pop(("unknown", "tencent"), 0) == len(refused)
    assert rows.pop(("sent", "http")) == after.total()
    assert rows.pop(("sent", "tencent")) == len(granted) - after.total()
    assert rows == {}
    lost = len({mobile for mobile in refused if before[mobile]})
    record(
        "S16",
        tried=f"the first of two gateways is killed under load, {server.database_kind}",
        figure=f"{len(granted)} codes, one each; {len(refused)} told that it failed, of which "
        f"{lost} were on their way",
    )


# --- the other gateways ---------------------------------------------------------------------


def aliyun_settings(url: str) -> dict[str, str]:
    return {
        "sms_aliyun_access_id": ACCESS[0],
        "sms_aliyun_access_key": ACCESS[1],
        "sms_aliyun_sign": "登录测试",
        "sms_aliyun_templates": "code=SMS_100002:code+minutes",
        "sms_aliyun_endpoint": url,
    }


def pnvs_settings(url: str) -> dict[str, str]:
    return {
        "sms_pnvs_access_id": ACCESS[0],
        "sms_pnvs_access_key": ACCESS[1],
        "sms_pnvs_sign": "速通互联验证码",
        "sms_pnvs_templates": "code=100001",
        "sms_pnvs_endpoint": url,
    }


@pytest.mark.parametrize(
    ("name", "emulator", "settings_for"),
    [
        ("aliyun", AliyunSms, aliyun_settings),
        ("aliyun-pnvs", AliyunPnvs, pnvs_settings),
    ],
)
def test_S16_the_same_through_the_gateways_of_aliyun(
    tmp_path: Path, name: str, emulator: Any, settings_for: Any, record: Record
) -> None:
    """A good code; a refusal that leads on; one that is final; nonsense; silence."""
    with serving(emulator()) as first, serving(Receiver()) as second:
        accounts = settings_for(first.url) | http_settings(second.url)
        with running(tmp_path, sms_gateways=f"{name},http", **accounts, **_SITE) as server:
            mobile = fresh_mobile()
            assert ask(server, mobile).code == 200
            assert [to for to, _ in first.sent] == [mobile]
            assert last_row(server)[:2] == ("sent", name)
            first.of[mobile := fresh_mobile()] = "isv.AMOUNT_NOT_ENOUGH"
            assert ask(server, mobile).code == 200
            assert counted(second.sent) == {mobile: 1}
            assert last_row(server)[:2] == ("sent", "http")
            first.of[mobile := fresh_mobile()] = "isv.BLACK_KEY_CONTROL_LIMIT"
            assert ask(server, mobile).reason == "sms_failed"
            for mode in ("garbage", "silent"):
                first.mode = mode
                begun = time.monotonic()
                assert ask(server, fresh_mobile()).reason == "sms_failed"
                assert last_row(server)[:2] == ("unknown", name)
            took = time.monotonic() - begun
            # Who talked nonsense had taken the message all the same.
            assert (len(first.sent), len(second.sent)) == (2, 1)
            assert first.refused == []
    record(
        "S16",
        tried=f"{name}: a code, refusals, nonsense, 60 s of silence",
        figure=f"as tencent; silence answered after {took:.1f} s",
    )
