"""Settings of the spend guard: money to the ten-thousandth, and no budget that cannot be kept."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from denglu.domain.spend import Cap, Kind
from denglu.settings.sms_budget import caps_of, money, money_text, prices_of
from tests.settings_loading import fault, load

HTTP = {
    "SMS_GATEWAYS": "http",
    "SMS_HTTP_URL": "https://sms.example/send",
    "SMS_HTTP_KEY": "k" * 40,
}


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", 0), ("0.045", 450), ("0.0001", 1), ("20", 200_000), ("9999999.9999", 99_999_999_999)],
)
def test_money_is_read_to_the_ten_thousandth(text: str, amount: int) -> None:
    assert money(text) == amount
    assert money_text(amount) == text


@given(st.integers(0, 99_999_999_999))
def test_money_is_shown_as_it_is_read(amount: int) -> None:
    assert money(money_text(amount)) == amount


@pytest.mark.parametrize(
    "text", ["", " ", "-1", "1e3", ".5", "5.", "0.00001", "１", "99999999", "nan", "0x1"]
)
def test_what_is_no_money_is_refused(tmp_path: Path, text: str) -> None:
    assert "is no amount" in fault(tmp_path, SMS_PRICES=f"aliyun={text}")


def test_prices_and_budgets_are_read_from_variables(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        SMS_PRICES=" tencent = 0.05, aliyun=0.045",
        SMS_BUDGET="month=2000, hour=20.5",
        SMS_BUDGET_MESSAGES="day=2000",
        SMS_MERCHANT_BUDGET_MESSAGES="hour=100",
        SMS_BUDGET_OFFSET="-3",
    )
    assert settings.sms_prices == {"aliyun": 450, "tencent": 500}
    assert settings.sms_budget == {"hour": 205_000, "month": 20_000_000}
    assert settings.sms_budget_offset == -3
    assert caps_of(settings.sms_budget, settings.sms_budget_messages) == {
        Kind.hour: Cap(cost=205_000),
        Kind.day: Cap(messages=2000),
        Kind.month: Cap(cost=20_000_000),
    }
    shown = {item.variable: item.value for item in settings.effective()}
    assert shown["DENGLU_SMS_PRICES"] == "aliyun=0.045,tencent=0.05"
    assert shown["DENGLU_SMS_BUDGET"] == "hour=20.5,month=2000"
    assert shown["DENGLU_SMS_BUDGET_MESSAGES"] == "day=2000"


def test_the_file_gives_them_as_tables(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text(
        "sms_budget_offset = 9\n[sms_prices]\naliyun = 0.045\naliyun-pnvs = 0.1\n[sms_budget]\n"
        "hour = 20\n[sms_budget_messages]\nday = 7\n",
        "utf-8",
    )
    settings = load(tmp_path)
    assert settings.sms_prices == {"aliyun": 450, "aliyun-pnvs": 1000}
    assert settings.sms_budget == {"hour": 200_000}
    assert settings.sms_budget_messages == {"day": 7}
    assert settings.sms_budget_offset == 9


def test_without_settings_there_is_no_budget(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert caps_of(settings.sms_budget, settings.sms_budget_messages) == {}
    assert prices_of(settings, settings.sms_gateways) == {"console": 0}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SMS_PRICES", "alyun=0.045", "'alyun' is no gateway: console, outbox, aliyun"),
        ("SMS_PRICES", "aliyun=0.045,aliyun=0.05", "names a gateway twice"),
        ("SMS_PRICES", "aliyun", "is no amount"),
        ("SMS_PRICES", "aliyun=100.0001", "is more than 100 for one message"),
        ("SMS_BUDGET", "week=5", "'week' is no period: hour, day, month"),
        ("SMS_BUDGET", "hour=5,hour=6", "names a period twice"),
        ("SMS_BUDGET", "hour=0", "would send nothing: leave out what has no budget"),
        ("SMS_BUDGET", "20", "'20' is no period: hour, day, month"),
        ("SMS_PRICES", "0.05", "'0.05' is no gateway: console, outbox"),
        ("SMS_PRICES", "aliyun=1,5", "'5' is no gateway"),
        ("SMS_PRICES", "aliyun", "'' is no amount"),
        ("SMS_BUDGET_MESSAGES", "hour=0", "would send nothing"),
        ("SMS_BUDGET_MESSAGES", "hour=1.5", "is no whole number"),
        ("SMS_BUDGET_MESSAGES", "hour=9999999999", "is no whole number"),
        ("SMS_MERCHANT_BUDGET", "hour=-1", "is no amount"),
        ("SMS_MERCHANT_BUDGET_MESSAGES", "hour=", "is no whole number"),
        ("SMS_BUDGET_OFFSET", "5.5", "is no whole number of hours"),
        ("SMS_BUDGET_OFFSET", "true", "is no whole number of hours"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_the_start(
    tmp_path: Path, name: str, value: str, why: str
) -> None:
    line = fault(tmp_path, **{name: value})
    assert line.startswith(f"DENGLU_{name}={value} (from the environment): ")
    assert why in line


@pytest.mark.parametrize("name", ["SMS_BUDGET", "SMS_MERCHANT_BUDGET"])
def test_S15_a_budget_in_money_needs_every_price(tmp_path: Path, name: str) -> None:
    line = fault(tmp_path, **HTTP, SMS_PRICES="aliyun=0.045", **{name: "day=20"})
    assert line.startswith("DENGLU_SMS_PRICES=aliyun=0.045 ")
    assert f"DENGLU_{name}=day=20" in line
    assert line.endswith("a budget in money needs the price of http")
    load(tmp_path, **HTTP, SMS_PRICES="http=0.045", **{name: "day=20"})
    load(tmp_path, **HTTP, SMS_BUDGET_MESSAGES="day=20")


def test_what_only_shows_a_message_is_free_unless_it_has_a_price(tmp_path: Path) -> None:
    load(tmp_path, SMS_BUDGET="day=20")
    outbox = {"SMS_GATEWAYS": "outbox", "SMS_OUTBOX": "o", "SMS_PRICES": "outbox=0.5,aliyun=0.1"}
    settings = load(tmp_path, **outbox)
    assert prices_of(settings, settings.sms_gateways) == {"outbox": 5000}


def test_a_budget_in_which_no_message_has_room_is_refused(tmp_path: Path) -> None:
    priced = {**HTTP, "SMS_PRICES": "http=0.045"}
    load(tmp_path, **priced, SMS_BUDGET="day=0.045")
    assert "the longest message may cost 0.045" in fault(
        tmp_path, **priced, SMS_BUDGET="day=0.0449"
    )
    long = "您的验证码是{code}，" + "请勿泄露" * 20
    line = fault(tmp_path, **priced, SMS_BUDGET="day=0.0899", SMS_TEXT=long)
    assert "the longest message may cost 0.09" in line
