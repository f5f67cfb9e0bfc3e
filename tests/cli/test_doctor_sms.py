"""``denglu doctor sms``: the words, the JSON, the codes and the exit codes."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.desk import Desk
from tests.clouds.aliyun import REJECTED, AliyunSms
from tests.clouds.base import serving
from tests.clouds.settings import of_aliyun


@pytest.fixture
def aliyun() -> Iterator[AliyunSms]:
    with serving(AliyunSms()) as service:
        yield service
        assert service.sent == []


def named(aliyun: AliyunSms, **more: str) -> dict[str, str]:
    return {name.lower(): value for name, value in of_aliyun(aliyun, **more).items()}


def test_a_gateway_in_order_is_told_to_be(bare: Desk, aliyun: AliyunSms) -> None:
    said = bare.ok("doctor", "sms", **named(aliyun))
    assert "ok      aliyun     signature: in order" in said
    assert "-> denglu sms test MOBILE" in said
    assert said.endswith("0 faults, 1 warning\n")  # no budget
    assert list(bare.folder.iterdir()) == []


def test_a_fault_is_explained_in_a_line_of_each_language(bare: Desk, aliyun: AliyunSms) -> None:
    aliyun.texts["SMS_100001"].status = REJECTED
    done = bare.run("doctor", "sms", **named(aliyun))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if "template code:" in line)
    assert lines[at].startswith("FAULT   aliyun     template code: isv.SMS_TEMPLATE_ILLEGAL")
    assert all(line.startswith(" " * 19 + "-> ") for line in lines[at + 1 : at + 3])
    assert "模板" in lines[at + 1]
    assert "template" in lines[at + 2]
    assert done.stderr == "denglu: 1 fault to be put right\n"


def test_the_report_for_programs_has_stable_keys(bare: Desk, aliyun: AliyunSms) -> None:
    aliyun.signatures.clear()
    done = bare.run("doctor", "sms", "--json", **named(aliyun))
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert list(report) == ["ok", "findings"]
    assert report["ok"] is False
    assert {tuple(each) for each in report["findings"]} == {("area", "level", "message", "advice")}
    [fault] = [each for each in report["findings"] if each["level"] == "fault"]
    assert fault["area"] == "aliyun"
    assert len(fault["advice"].split("\n")) == 2


def test_the_report_for_programs_may_be_asked_for_before_or_after(
    bare: Desk, aliyun: AliyunSms
) -> None:
    first = bare.ok("doctor", "--json", "sms", **named(aliyun))
    assert json.loads(first) == json.loads(bare.ok("doctor", "sms", "--json", **named(aliyun)))


def test_settings_that_cannot_be_used_are_named(bare: Desk) -> None:
    done = bare.run("doctor", "sms", sms_gateways="aliyun")
    assert done.returncode == 2
    assert "DENGLU_SMS_ALIYUN_SIGN" in done.stderr


def test_without_a_provider_there_is_little_to_say(bare: Desk) -> None:
    said = bare.ok("doctor", "sms")
    assert "note    gateways   console: the server prints codes" in said
    assert "denglu sms test" not in said


@pytest.mark.parametrize(
    ("code", "gateway", "word"),
    [
        ("isv.SMS_SIGNATURE_ILLEGAL", "aliyun", "签名"),
        ("isv.BUSINESS_LIMIT_CONTROL", "aliyun", "上限"),
        ("FREQUENCY_FAIL", "aliyun-pnvs", "太快"),
        ("LimitExceeded.PhoneNumberDailyLimit", "tencent", "上限"),
        ("FailedOperation.SomethingNew", "tencent", "拒绝"),
        ("refused", "http", "接收端"),
        ("no answer in time", "denglu", "不再换网关重发"),
        ("circuit_open", "denglu", "试探"),
    ],
)
def test_a_code_is_explained(bare: Desk, code: str, gateway: str, word: str) -> None:
    bare.near = True
    said = bare.ok("doctor", "sms", "--code", f" {code} ")
    first, chinese, english = said.splitlines()[:3]
    assert first.startswith(f"{gateway}  ")
    assert word in chinese
    assert " " in english.strip()
    listed = bare.json("doctor", "sms", "--code", code)
    assert list(listed[0]) == ["gateway", "code", "trouble", "zh", "en"]
    assert listed[0]["gateway"] == gateway


def test_a_code_that_nobody_knows_is_a_fault(bare: Desk) -> None:
    assert "nobody knows the code 'isv.NEW'" in bare.fault("doctor", "sms", "--code", "isv.NEW")


def test_the_doctor_knocks_and_leaves_the_rest_to_its_colleague(
    desk: Desk, aliyun: AliyunSms
) -> None:
    report = desk.json("doctor", secret_key="s" * 32, **named(aliyun))
    [finding] = [each for each in report["findings"] if each["area"] == "gateways"]
    assert finding["level"] == "ok"
    assert finding["message"] == (
        f"aliyun answers at {aliyun.url}; `denglu doctor sms` tries keys and templates"
    )
    assert aliyun.asked == []


def test_the_doctor_tells_of_a_provider_that_is_away(desk: Desk) -> None:
    away = AliyunSms()
    with serving(away):
        pass
    report = desk.json("doctor", secret_key="s" * 32, **named(away))
    [finding] = [each for each in report["findings"] if each["area"] == "gateways"]
    assert finding["level"] == "warning"
    assert "does not answer" in finding["message"]
