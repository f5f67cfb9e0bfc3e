"""Texts: one for each template, with what phones read in them at their end."""

import pytest

from denglu.domain.sms_code import Usage
from denglu.domain.sms_message import Notice
from denglu.domain.wording import TEMPLATES, Wording, fault_of, placeholders, size_of

MOBILE = "13800000000"
HASH = "FA+9qCX9VSu"


def said(wording: Wording, usage: Usage = Usage.login, life: int = 300) -> str:
    return wording.of_code(usage, mobile=MOBILE, code="042042", life=life, now=7).text


def test_a_message_with_a_code_says_whose_what_and_how_long() -> None:
    assert said(Wording(product="明灯商城")) == (
        "【明灯商城】您的验证码是042042，5分钟内有效，请勿泄露。"
    )


@pytest.mark.parametrize(("life", "minutes"), [(60, "1"), (119, "1"), (120, "2"), (600, "10")])
def test_no_code_is_said_to_live_longer_than_it_does(life: int, minutes: str) -> None:
    assert said(Wording(code="{code} {minutes}"), life=life) == f"【denglu】042042 {minutes}"


def test_a_usage_may_have_a_text_of_its_own_and_the_others_keep_the_common_one() -> None:
    wording = Wording(code="一般 {code}", texts={"cancel": "{product}注销 {code}"})
    assert said(wording, Usage.cancel) == "【denglu】denglu注销 042042"
    assert said(wording, Usage.up_pwd) == "【denglu】一般 042042"


def test_a_message_carries_what_templates_of_providers_ask_for() -> None:
    message = Wording(product="明灯").of_code(
        Usage.up_pwd, mobile=MOBILE, code="042042", life=300, now=7
    )
    assert (message.mobile, message.usage, message.template, message.sent_at) == (
        MOBILE,
        "up-pwd",
        "up-pwd",
        7,
    )
    assert message.params == {"code": "042042", "minutes": "5", "product": "明灯"}


@pytest.mark.parametrize("notice", list(Notice))
def test_every_notice_has_a_text_and_may_have_another(notice: Notice) -> None:
    default = Wording(product="明灯").of_notice(notice, mobile=MOBILE, now=7, days=7)
    assert default.text.startswith("【明灯】您")
    assert "如非本人操作" in default.text
    assert (default.usage, default.template, default.code) == ("notice", notice, "")
    assert ("7天" in default.text) is (notice is Notice.cancel_requested)
    other = Wording(texts={notice: "{product}知会"}).of_notice(notice, mobile=MOBILE, now=7)
    assert other.text == "【denglu】denglu知会"


def test_a_notice_has_no_line_for_codes() -> None:
    wording = Wording(domain="shop.example", android_hash=HASH)
    message = wording.of_notice(Notice.password_changed, mobile=MOBILE, now=7)
    assert "\n" not in message.text


def test_the_line_of_the_domain_is_the_last() -> None:
    assert said(Wording(code="{code}", domain="shop.example")) == (
        "【denglu】042042\n@shop.example #042042"
    )


def test_the_hash_of_the_app_stands_on_a_line_of_its_own() -> None:
    assert said(Wording(code="{code}", android_hash=HASH)) == f"【denglu】042042\n{HASH}"


def test_both_fit_into_one_message_and_the_domain_stays_last() -> None:
    text = said(Wording(domain="shop.example", android_hash=HASH))
    assert text.splitlines()[1:] == [HASH, "@shop.example #042042"]
    assert size_of(text) <= 140


@pytest.mark.parametrize(
    ("template", "text", "fault"),
    [
        ("code", "请登录", "has no {code}"),
        ("login", "{code} {days}", "other braces than {code} {minutes} {product}"),
        ("login", "{code} {CODE}", "other braces"),
        ("login", "{code!r}", "has no {code}"),
        ("login", "{code} {", "other braces"),
        ("login", "{{code}}", "other braces"),
        ("login", "{code} {}", "other braces"),
        ("login", "【x】{code}", "holds 【】"),
        ("login", "{code}" + "长" * 195, "longer than 200"),
        ("password-changed", "{code}", "other braces than {product}"),
        ("mobile-changed", "{days}", "other braces than {product}"),
        ("cancel-requested", "{minutes}", "other braces than {days} {product}"),
    ],
)
def test_a_text_that_cannot_be_sent_is_named(template: str, text: str, fault: str) -> None:
    assert fault in fault_of(template, text)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_placeholder_of_a_template_may_stand_in_its_text(template: str) -> None:
    text = " ".join(f"{{{name}}}" for name in placeholders(template))
    assert not fault_of(template, text)
    sent = Wording(texts={template: text}).longest(6, 300)[template]
    assert "{" not in sent
    assert "  " not in sent


def test_a_message_is_as_long_as_its_longer_form() -> None:
    assert size_of("a" * 150) == 150
    assert size_of("码" * 10) == 30
    assert size_of("码" + "a" * 69) == 140
