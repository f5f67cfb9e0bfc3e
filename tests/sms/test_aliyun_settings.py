"""From settings to Alibaba Cloud's gateways: what is needed, what is missing, who is asked."""

import sys
from pathlib import Path

import pytest

from denglu.app import open_app
from denglu.domain.sms_message import SmsMessage
from denglu.domain.sms_template import Template
from denglu.sms import open_sender
from denglu.store.opening import MissingDriver
from tests.clouds.aliyun import AliyunPnvs, AliyunSms
from tests.clouds.base import ACCESS, serving
from tests.settings_loading import fault, faults, load

SMS = {
    "SMS_GATEWAYS": "aliyun",
    "SMS_ALIYUN_ACCESS_ID": ACCESS[0],
    "SMS_ALIYUN_ACCESS_KEY": ACCESS[1],
    "SMS_ALIYUN_SIGN": "登录测试",
    "SMS_ALIYUN_TEMPLATES": "code=SMS_100001,login=SMS_100002:code+minutes",
}
PNVS = {
    "SMS_GATEWAYS": "aliyun-pnvs",
    "SMS_PNVS_ACCESS_ID": ACCESS[0],
    "SMS_PNVS_ACCESS_KEY": ACCESS[1],
    "SMS_PNVS_SIGN": "速通互联验证码",
    "SMS_PNVS_TEMPLATES": "code=100001",
}
GIVEN = {given["SMS_GATEWAYS"]: given for given in (SMS, PNVS)}
CLOUDS = {"aliyun": AliyunSms, "aliyun-pnvs": AliyunPnvs}
KEY = b"a server key that only tests know"
LOGIN = SmsMessage("13912345678", "login", "924617", 5, "…", 1_767_225_600, template="login")


@pytest.mark.parametrize("gateway", sorted(GIVEN))
async def test_two_keys_a_signature_and_a_template_are_enough(tmp_path: Path, gateway: str) -> None:
    with serving(CLOUDS[gateway]()) as cloud:
        endpoint = "SMS_PNVS_ENDPOINT" if gateway == "aliyun-pnvs" else "SMS_ALIYUN_ENDPOINT"
        sender = open_sender(load(tmp_path, **GIVEN[gateway], **{endpoint: cloud.url}))
        sent = await sender.send(LOGIN)
    assert sent.gateway == gateway
    ((mobile, text),) = cloud.sent
    assert mobile == LOGIN.mobile
    assert "924617" in text
    assert "5分钟" in text


@pytest.mark.parametrize(
    ("gateway", "name"),
    [(gateway, name) for gateway, given in GIVEN.items() for name in [*given][1:]],
)
def test_a_gateway_without_one_of_them_is_a_fault_of_one_line(
    tmp_path: Path, gateway: str, name: str
) -> None:
    rest = {each: text for each, text in GIVEN[gateway].items() if each != name}
    line = fault(tmp_path, **rest)
    assert line.startswith(f"DENGLU_{name} (not set) beside DENGLU_SMS_GATEWAYS={gateway} ")
    assert f": the gateway {gateway} needs " in line


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    assert len(faults(tmp_path, SMS_GATEWAYS="aliyun,aliyun-pnvs")) == 8


def test_what_fills_a_template_is_told_or_usual(tmp_path: Path) -> None:
    templates = load(tmp_path, **SMS).sms_aliyun_templates
    assert templates == {
        "code": Template("SMS_100001", ("code",)),
        "login": Template("SMS_100002", ("code", "minutes")),
    }
    usual = load(tmp_path, **PNVS).sms_pnvs_templates
    assert usual == {"code": Template("100001", ("code", "minutes"))}


def test_number_verification_sends_no_notices(tmp_path: Path) -> None:
    line = fault(tmp_path, **PNVS | {"SMS_PNVS_TEMPLATES": "code=100001,password-changed=100002"})
    assert "sends codes only" in line


def test_keys_come_from_files_and_are_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("key-from-a-file\n", "utf-8")
    given = {name: text for name, text in SMS.items() if name != "SMS_ALIYUN_ACCESS_KEY"}
    settings = load(tmp_path, **given, SMS_ALIYUN_ACCESS_KEY_FILE="key")
    assert settings.sms_aliyun_access_key is not None
    assert settings.sms_aliyun_access_key.get_secret_value() == "key-from-a-file"
    assert "key-from-a-file" not in repr(settings) + repr(settings.effective())


@pytest.mark.parametrize("name", ["SMS_ALIYUN_ENDPOINT", "SMS_PNVS_ENDPOINT"])
@pytest.mark.parametrize(
    "text",
    [
        "http://sms.example", "https://sms.example/path", "sms.example", "https://..",
        "https://sms..example", "https://-", "https://sms.example:0", "https://sms.example:65536",
        "http://127.0.0.1:99999",
    ],
)  # fmt: skip
def test_an_endpoint_is_https_or_this_machine(tmp_path: Path, name: str, text: str) -> None:
    assert f"DENGLU_{name}=" in fault(tmp_path, **{name: text})


@pytest.mark.parametrize("name", ["SMS_ALIYUN_SIGN", "SMS_PNVS_SIGN", "SMS_TENCENT_SIGN"])
def test_a_signature_is_given_without_its_brackets(tmp_path: Path, name: str) -> None:
    assert "without 【】" in fault(tmp_path, **{name: "【明灯商城】"})


@pytest.mark.parametrize("gateway", sorted(GIVEN))
async def test_a_gateway_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateway: str
) -> None:
    library = {"aliyun": "alibabacloud_dysmsapi20170525"}
    missing = library.get(gateway, "alibabacloud_dypnsapi20170525")
    for name in list(sys.modules):
        if name.startswith(("denglu.sms.aliyun", "denglu.sms.pnvs")) or (
            name.partition(".")[0] == missing
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingDriver, match=r"pip install 'denglu\[aliyun\]'"):
        open_app(load(tmp_path, **GIVEN[gateway]), KEY)
