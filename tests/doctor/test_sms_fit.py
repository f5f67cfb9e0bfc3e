"""What settings and providers ask of each other, told without asking anybody."""

from pathlib import Path

import pytest

from denglu.doctor.finding import Finding, Level
from denglu.doctor.sms_fit import examine_fit
from denglu.doctor.sms_money import examine_money
from tests.clouds.base import ACCESS
from tests.clouds.sender import KEY
from tests.settings_loading import load

KEYS = {
    "SMS_ALIYUN_ACCESS_ID": ACCESS[0],
    "SMS_ALIYUN_ACCESS_KEY": ACCESS[1],
    "SMS_ALIYUN_SIGN": "明灯",
    "SMS_ALIYUN_TEMPLATES": "code=SMS_1",
    "SMS_PNVS_ACCESS_ID": ACCESS[0],
    "SMS_PNVS_ACCESS_KEY": ACCESS[1],
    "SMS_PNVS_SIGN": "明灯",
    "SMS_PNVS_TEMPLATES": "code=100001",
    "SMS_TENCENT_ACCESS_ID": ACCESS[0],
    "SMS_TENCENT_ACCESS_KEY": ACCESS[1],
    "SMS_TENCENT_APP_ID": "1400006666",
    "SMS_TENCENT_SIGN": "明灯",
    "SMS_TENCENT_TEMPLATES": "code=1",
    "SMS_HTTP_URL": "https://sender.example/sms",
    "SMS_HTTP_KEY": KEY,
}
NOTICES = "password-changed=SMS_2,mobile-changed=SMS_3,cancel-requested=SMS_4"


def fit(tmp_path: Path, gateways: str, **more: str) -> list[Finding]:
    return list(examine_fit(load(tmp_path, **KEYS | {"SMS_GATEWAYS": gateways} | more)))


def money(tmp_path: Path, gateways: str, **more: str) -> list[Finding]:
    return list(examine_money(load(tmp_path, **KEYS | {"SMS_GATEWAYS": gateways} | more)))


def of(findings: list[Finding], area: str) -> list[tuple[str, str]]:
    return [(each.level.value, each.message) for each in findings if each.area == area]


def test_where_no_provider_sends_there_is_nothing_to_fit(tmp_path: Path) -> None:
    assert fit(tmp_path, "console") == []
    assert money(tmp_path, "console") == []


def test_a_usage_that_nobody_can_send_is_a_fault(tmp_path: Path) -> None:
    found = fit(tmp_path, "aliyun", SMS_ALIYUN_TEMPLATES=f"login=SMS_1,register=SMS_1,{NOTICES}")
    [(level, message)] = of(found, "templates")
    assert level == "fault"
    assert message == (
        "up-pwd, up-pay-pwd, reset-mobile, binding-mobile, cancel: no template at aliyun, so "
        "nobody gets these codes"
    )


def test_notices_that_nobody_sends_are_a_note(tmp_path: Path) -> None:
    assert of(fit(tmp_path, "aliyun"), "templates") == [
        (
            "note",
            "password-changed, mobile-changed, cancel-requested: no template at aliyun, so "
            "members are not told",
        )
    ]


def test_what_one_gateway_cannot_send_goes_to_the_others(tmp_path: Path) -> None:
    found = fit(tmp_path, "aliyun,aliyun-pnvs", SMS_ALIYUN_TEMPLATES=f"code=SMS_1,{NOTICES}")
    assert of(found, "templates") == [
        (
            "note",
            "password-changed, mobile-changed, cancel-requested: no template at aliyun-pnvs: "
            "other gateways send it",
        )
    ]
    found = fit(tmp_path, "aliyun,http", SMS_ALIYUN_TEMPLATES="login=SMS_1")
    assert {level for level, _ in of(found, "templates")} == {"note"}


@pytest.mark.parametrize("gateways", ["aliyun-pnvs", "aliyun-pnvs,http"])
def test_nobody_is_told_to_name_a_template_that_stops_the_start(
    tmp_path: Path, gateways: str
) -> None:
    [finding] = [each for each in fit(tmp_path, gateways) if each.area == "templates"]
    assert finding.advice == "aliyun-pnvs sends codes only: notices are for another gateway"
    [finding] = [each for each in fit(tmp_path, "aliyun,aliyun-pnvs") if each.area == "templates"]
    assert finding.advice.startswith("apply for one at aliyun, and name")


def test_all_templates_everywhere_are_nothing_to_speak_of(tmp_path: Path) -> None:
    templates = f"code=SMS_1,{NOTICES}"
    assert of(fit(tmp_path, "aliyun", SMS_ALIYUN_TEMPLATES=templates), "templates") == []


@pytest.mark.parametrize("gateway", ["aliyun", "tencent"])
def test_longer_codes_than_templates_take_are_a_fault(tmp_path: Path, gateway: str) -> None:
    [(level, message)] = of(fit(tmp_path, gateway, SMS_CODE_LENGTH="7"), "codes")
    assert level == "fault"
    assert "take 6 digits at most" in message
    assert of(fit(tmp_path, gateway, SMS_CODE_LENGTH="6"), "codes") == []
    assert of(fit(tmp_path, "http", SMS_CODE_LENGTH="8"), "codes") == []


def test_a_name_in_the_place_of_digits_is_a_fault_at_tencent(tmp_path: Path) -> None:
    templates = "code=1:code+product,password-changed=2:product"
    [(level, message)] = of(fit(tmp_path, "tencent", SMS_TENCENT_TEMPLATES=templates), "codes")
    assert level == "fault"
    assert "template code is to be filled with code+product" in message


def test_the_usual_limits_fit(tmp_path: Path) -> None:
    found = of(fit(tmp_path, "aliyun,tencent"), "limits")
    assert [level for level, _ in found] == ["ok", "ok"]


def test_more_than_a_provider_lets_a_number_have_is_told(tmp_path: Path) -> None:
    found = fit(tmp_path, "aliyun,tencent", SMS_NUMBER_RATES="8/1h,20/24h", SMS_COOLDOWN="30")
    assert of(found, "limits") == [
        ("warning", f"{said} unless its console was told otherwise: it refuses the rest")
        for said in (
            "a number may get 2 messages here, and at aliyun 1/1m",
            "a number may get 8 messages here, and at aliyun 5/1h",
            "a number may get 20 messages here, and at aliyun 10/24h",
            "a number may get 20 messages here, and at tencent 10/24h",
        )
    ]
    assert "发送频率设置" in found[-2].advice


def test_a_text_that_costs_twice_is_told(tmp_path: Path) -> None:
    long = "cancel=" + "长" * 60 + "{code}"
    [(level, message)] = of(fit(tmp_path, "http", SMS_TEXTS=long), "texts")
    assert level == "warning"
    assert message == "cancel: has 74 characters, and is billed as 2 messages"
    assert of(fit(tmp_path, "http"), "texts") == []
    assert of(fit(tmp_path, "aliyun", SMS_TEXTS=long), "texts") == []


def test_without_a_budget_the_worst_month_is_told(tmp_path: Path) -> None:
    found = money(tmp_path, "aliyun,tencent", SMS_PRICES="aliyun=0.045,tencent=0.05")
    assert of(found, "money") == [
        ("warning", "no budget: the worst month has 155000 codes (7750), and notices besides")
    ]


def test_a_price_that_is_missing_is_told(tmp_path: Path) -> None:
    first, second = of(money(tmp_path, "aliyun,tencent", SMS_PRICES="aliyun=0.045"), "money")
    assert first == ("note", "no price for tencent: what messages cost is not counted")
    assert second[0] == "warning"


@pytest.mark.parametrize(
    ("budget", "worst"),
    [
        ({"SMS_BUDGET": "month=2000"}, "costs 2000"),
        ({"SMS_BUDGET": "hour=1,month=2000"}, "costs 744"),
        ({"SMS_BUDGET": "hour=100,day=20"}, "costs 620"),
        ({"SMS_BUDGET_MESSAGES": "day=100"}, "has 3100 messages and costs 155"),
        (
            {"SMS_BUDGET": "month=10", "SMS_BUDGET_MESSAGES": "day=100"},
            "has 3100 messages and costs 10",
        ),
    ],
)
def test_a_budget_bounds_the_worst_month(
    tmp_path: Path, budget: dict[str, str], worst: str
) -> None:
    prices = {"SMS_PRICES": "aliyun=0.045,tencent=0.05"}
    [finding] = money(tmp_path, "aliyun,tencent", **prices, **budget)
    assert finding.level is Level.ok
    assert finding.message == f"the worst month {worst}; then nothing is sent (sms_budget)"


def test_a_text_of_two_parts_doubles_the_worst_month(tmp_path: Path) -> None:
    budget = {"SMS_PRICES": "http=0.05", "SMS_BUDGET_MESSAGES": "month=100"}
    [finding] = money(tmp_path, "http", **budget)
    assert "has 100 messages and costs 5;" in finding.message
    [finding] = money(tmp_path, "http", SMS_TEXTS="cancel={code}" + "长" * 60, **budget)
    assert "has 100 messages and costs 10;" in finding.message
