"""Every gateway from its settings: what it needs, its templates, its library."""

import sys
from pathlib import Path

import pytest

from denglu.app import open_app
from denglu.domain.sms_message import Notice, SmsMessage
from denglu.domain.sms_template import Template, template_for
from denglu.settings import Settings
from denglu.settings.model import shown
from denglu.sms import open_gateway, open_sender
from denglu.store.opening import MissingDriver
from tests.settings_loading import fault, faults, load

ALIYUN = {
    "SMS_ALIYUN_ACCESS_ID": "LTAIexample",
    "SMS_ALIYUN_ACCESS_KEY": "secret-of-the-access-key",
    "SMS_ALIYUN_SIGN": "月光商城",
    "SMS_ALIYUN_TEMPLATES": "code=SMS_100001",
}
PNVS = {
    "SMS_PNVS_ACCESS_ID": "LTAIexample",
    "SMS_PNVS_ACCESS_KEY": "secret-of-the-access-key",
    "SMS_PNVS_SIGN": "速通互联验证码",
    "SMS_PNVS_TEMPLATES": "code=100001",
}
TENCENT = {
    "SMS_TENCENT_ACCESS_ID": "AKIDexample",
    "SMS_TENCENT_ACCESS_KEY": "secret-of-the-access-key",
    "SMS_TENCENT_APP_ID": "1400006666",
    "SMS_TENCENT_SIGN": "月光商城",
    "SMS_TENCENT_TEMPLATES": "code=1234567",
}
HTTP = {
    "SMS_HTTP_URL": "https://sms.example/",
    "SMS_HTTP_KEY": "a-key-that-gateway-and-receiver-have-in-common",
}
GIVEN = {"aliyun": ALIYUN, "aliyun-pnvs": PNVS, "tencent": TENCENT, "http": HTTP}


@pytest.mark.parametrize("name", GIVEN)
def test_a_gateway_whose_settings_are_missing_does_not_start(tmp_path: Path, name: str) -> None:
    said = faults(tmp_path, SMS_GATEWAYS=name)
    assert len(said) == len(GIVEN[name])
    for variable, line in zip(GIVEN[name], said, strict=True):
        assert line.startswith(f"DENGLU_{variable} (not set) beside DENGLU_SMS_GATEWAYS={name}")
        assert f"the gateway {name} needs " in line


@pytest.mark.parametrize("name", GIVEN)
def test_each_of_them_is_missed(tmp_path: Path, name: str) -> None:
    for left_out in GIVEN[name]:
        rest = {key: value for key, value in GIVEN[name].items() if key != left_out}
        assert f"DENGLU_{left_out} (not set)" in fault(tmp_path, SMS_GATEWAYS=name, **rest)


@pytest.mark.parametrize("name", GIVEN)
def test_a_gateway_with_all_it_needs_opens(tmp_path: Path, name: str) -> None:
    settings = load(tmp_path, SMS_GATEWAYS=name, SMS_GATEWAY_TIMEOUT="3", **GIVEN[name])
    gateway = open_gateway(name, settings)
    assert gateway.name == name
    for secret in ("secret-of-the-access-key", HTTP["SMS_HTTP_KEY"]):
        assert secret not in repr(settings)
        assert secret not in str(settings.effective())


def test_all_of_them_together_are_one_sender(tmp_path: Path) -> None:
    given = {key: value for each in GIVEN.values() for key, value in each.items()}
    gateways = "tencent,aliyun,http,aliyun-pnvs,console"
    open_sender(load(tmp_path, SMS_GATEWAYS=gateways, **given))


def test_there_is_no_other_gateway() -> None:
    with pytest.raises(ValueError, match="'fax' is no gateway"):
        open_gateway("fax", Settings())


@pytest.mark.parametrize(
    ("name", "extra"), [("aliyun", "aliyun"), ("aliyun-pnvs", "aliyun"), ("tencent", "tencent")]
)
async def test_a_gateway_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    packages = ("tencentcloud", "alibabacloud_dysmsapi20170525", "alibabacloud_dypnsapi20170525")
    for module in list(sys.modules):
        ours = module.partition("denglu.sms.")[2].partition("_")[0] in ("aliyun", "pnvs", "tencent")
        if ours or module.partition(".")[0] in packages:
            monkeypatch.delitem(sys.modules, module)
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
    settings = load(tmp_path, SMS_GATEWAYS=name, **GIVEN[name])
    with pytest.raises(MissingDriver, match=rf"pip install 'denglu\[{extra}\]'"):
        open_app(settings, b"k" * 32)


# --- templates ------------------------------------------------------------------------------


def read(tmp_path: Path, text: str, name: str = "TENCENT") -> dict[str, Template]:
    settings = load(tmp_path, **{f"SMS_{name}_TEMPLATES": text})
    return dict(getattr(settings, f"sms_{name.lower()}_templates"))


def test_templates_are_a_list_of_names_with_ids(tmp_path: Path) -> None:
    found = read(tmp_path, "code=11, login=22:code ,register=33:minutes+code,password-changed=44")
    assert found == {
        "code": Template("11", ("code", "minutes")),
        "login": Template("22", ("code",)),
        "register": Template("33", ("minutes", "code")),
        "password-changed": Template("44"),
    }
    assert read(tmp_path, "code=SMS_1,cancel-requested=SMS_2:product+days", "ALIYUN") == {
        "code": Template("SMS_1", ("code",)),
        "cancel-requested": Template("SMS_2", ("product", "days")),
    }
    assert read(tmp_path, "code=100001", "PNVS")["code"].params == ("code", "minutes")


def test_templates_are_a_table_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text(
        '[sms_tencent_templates]\ncode = "11"\nlogin = 22\nup-pwd = "33:code"\n', "utf-8"
    )
    assert dict(load(tmp_path).sms_tencent_templates) == {
        "code": Template("11", ("code", "minutes")),
        "login": Template("22", ("code", "minutes")),
        "up-pwd": Template("33", ("code",)),
    }


def test_templates_are_shown_as_they_can_be_written(tmp_path: Path) -> None:
    found = load(tmp_path, SMS_TENCENT_TEMPLATES="code=11,mobile-changed=44,login=2:code")
    text = shown("sms_tencent_templates", found.sms_tencent_templates)
    assert text == "code=11:code+minutes,mobile-changed=44:,login=2:code"
    assert read(tmp_path, text) == dict(found.sms_tencent_templates)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fax=11", "'fax' is no message"),
        ("code", "'code' has no template's id"),
        ("code=1 2", "'code' has no template's id"),
        ("code=11:name", "'code' cannot be filled with 'name'"),
        ("code=11:code+", "cannot be filled with ''"),
        ("code=11:days", "cannot be filled with 'days'"),
        ("password-changed=11:code", "'password-changed' cannot be filled with 'code'"),
        ("code=1,code=2", "names a template twice"),
    ],
)
def test_what_is_no_list_of_templates(tmp_path: Path, text: str, said: str) -> None:
    assert said in fault(tmp_path, SMS_TENCENT_TEMPLATES=text)


def test_the_table_takes_texts_and_numbers_only(tmp_path: Path) -> None:
    for entry in ("true", "1.5", "[1]", "{id = 1}"):
        (tmp_path / "denglu.toml").write_text(f"[sms_tencent_templates]\ncode = {entry}\n")
        assert "has no template's id" in fault(tmp_path)


def message(template: str, usage: str = "") -> SmsMessage:
    return SmsMessage("13800000042", usage or template, "424242", 5, "", 0, template, "月光")


def test_a_message_finds_its_own_template_or_that_of_all_codes() -> None:
    code, login, changed = Template("1", ("code",)), Template("2"), Template("3", ("product",))
    templates = {"code": code, "login": login, "password-changed": changed}
    assert template_for(message("login"), templates) is login
    assert template_for(message("register"), templates) is code
    assert template_for(message("", "register"), templates) is code
    assert template_for(message("password-changed", "notice"), templates) is changed
    for notice in set(Notice) - {Notice.password_changed}:
        assert template_for(message(notice, "notice"), templates) is None
    assert template_for(message("register"), {"login": login}) is None
    assert changed.filled(message("password-changed")) == ["月光"]
    assert Template("1", ("days", "code")).filled(message("login")) == ["", "424242"]
