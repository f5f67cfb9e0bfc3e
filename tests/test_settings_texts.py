"""What messages may say: every text is judged before the server starts."""

from pathlib import Path

import pytest

from denglu.domain.sms_code import Usage
from denglu.settings import warnings
from denglu.settings.wording import wording_of
from tests.clouds.aliyun import AliyunPnvs
from tests.clouds.base import serving
from tests.clouds.settings import of_pnvs
from tests.settings_loading import fault, load

HASH = "FA+9qCX9VSu"


def test_texts_are_written_with_commas_in_them(tmp_path: Path) -> None:
    written = "login=登录码{code}, 勿转发,password-changed=密码已改,如非本人操作请联系客服"
    settings = load(tmp_path, SMS_TEXTS=written)
    assert settings.sms_texts == {
        "login": "登录码{code}, 勿转发",
        "password-changed": "密码已改,如非本人操作请联系客服",
    }
    listing = {item.variable: item.value for item in settings.effective()}
    assert load(tmp_path, SMS_TEXTS=listing["DENGLU_SMS_TEXTS"]).sms_texts == settings.sms_texts


def test_texts_may_stand_on_a_line_each_or_in_a_table(tmp_path: Path) -> None:
    lines = load(tmp_path, SMS_TEXTS="login={code}\nup-pwd=重置{code}\n").sms_texts
    (tmp_path / "denglu.toml").write_text(
        '[sms_texts]\nlogin = "{code}"\nup-pwd = "重置{code}"\n', "utf-8"
    )
    assert load(tmp_path).sms_texts == lines == {"login": "{code}", "up-pwd": "重置{code}"}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("login=没有", "the text of login has no {code}"),
        ("logon={code}", "'logon' is no template"),
        ("code={code}", "'code' is no template"),
        ("Login={code}", "'Login' is no template"),
        ("{code}", "is no template"),
        ("login={code},up-pwd=", "the text of up-pwd has no {code}"),
        ("password-changed=", "the text of password-changed is empty"),
        ("password-changed={code}", "other braces than {product}"),
        ("login=【x】{code}", "holds 【】"),
        ("login={code},login=x{code}", "names a template twice"),
        ("login={code}\x1b", "control character"),
        ("login={code},logon=x", "'logon' is no template"),
    ],
)
def test_a_text_that_cannot_be_sent_stops_the_start(tmp_path: Path, texts: str, said: str) -> None:
    line = fault(tmp_path, SMS_TEXTS=texts)
    assert line.startswith("DENGLU_SMS_TEXTS=")
    assert said in line


def test_a_table_of_texts_is_one(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text("sms_texts = 3\n", "utf-8")
    assert "is no template" in fault(tmp_path)


@pytest.mark.parametrize(
    "host",
    ["https://shop.example", "shop.example/x", "shop", "a b.example", "商城.example", "-.ab"],
)
def test_the_domain_of_codes_is_a_host_name(tmp_path: Path, host: str) -> None:
    assert "is no host name" in fault(tmp_path, SMS_AUTOFILL_DOMAIN=host)


@pytest.mark.parametrize("bad", ["FA+9qCX9VS", "FA+9qCX9VSuu", "FA-9qCX9VSu", "FA+9qCX9VS "])
def test_the_hash_of_an_app_has_11_characters(tmp_path: Path, bad: str) -> None:
    assert "those have 11 characters" in fault(tmp_path, SMS_ANDROID_HASH=bad)


def test_phones_find_what_they_look_for(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        SMS_PRODUCT_NAME="明灯",
        SMS_TEXT="{product}验证码{code}",
        SMS_AUTOFILL_DOMAIN="Shop.Example",
        SMS_ANDROID_HASH=HASH,
    )
    message = wording_of(settings).of_code(
        Usage.login, mobile="13800000000", code="042042", life=300, now=7
    )
    assert message.text == f"【明灯】明灯验证码042042\n{HASH}\n@shop.example #042042"


def test_what_android_would_not_hand_to_the_app_stops_the_start(tmp_path: Path) -> None:
    # 12 for the name, 6 for the code, 12 for the line of the hash, 3 for each character.
    long = "{code}" + "长" * 37
    assert load(tmp_path, SMS_TEXT=long).sms_text == long
    short = "{code}" + "长" * 36
    assert load(tmp_path, SMS_TEXT=short, SMS_ANDROID_HASH=HASH).sms_text == short
    line = fault(tmp_path, SMS_TEXT=long, SMS_ANDROID_HASH=HASH)
    assert "DENGLU_SMS_ANDROID_HASH=" in line
    assert "DENGLU_SMS_TEXT=" in line
    assert "140 bytes at most" in line
    assert "has 141" in line
    line = fault(tmp_path, SMS_TEXTS=f"cancel={long}", SMS_ANDROID_HASH=HASH)
    assert "beside DENGLU_SMS_TEXTS=" in line
    assert "that of cancel has 141" in line


def test_a_longer_code_counts_as_well(tmp_path: Path) -> None:
    text = "{code}" + "长" * 36
    fitting = load(tmp_path, SMS_TEXT=text, SMS_ANDROID_HASH=HASH, SMS_CODE_LENGTH="8")
    assert fitting.sms_code_length == 8
    assert "has 141" in fault(
        tmp_path, SMS_TEXT=text + "a", SMS_ANDROID_HASH=HASH, SMS_CODE_LENGTH="8"
    )


def test_a_notice_is_not_for_the_app_and_may_be_longer(tmp_path: Path) -> None:
    texts = "password-changed=" + "长" * 100
    assert load(tmp_path, SMS_TEXTS=texts, SMS_ANDROID_HASH=HASH).sms_texts


def test_texts_that_no_gateway_sends_are_told(tmp_path: Path) -> None:
    given = {"SMS_TEXTS": "login={code}", "SMS_AUTOFILL_DOMAIN": "shop.example"}
    with serving(AliyunPnvs()) as service:
        theirs = of_pnvs(service) | given
    told = [line for line in warnings(load(tmp_path, **theirs)) if "is not used" in line]
    assert [line.partition(":")[0] for line in told] == [
        "DENGLU_SMS_TEXTS",
        "DENGLU_SMS_AUTOFILL_DOMAIN",
    ]
    both = theirs | {"SMS_GATEWAYS": "aliyun-pnvs,console"}
    assert not [line for line in warnings(load(tmp_path, **both)) if "is not used" in line]
