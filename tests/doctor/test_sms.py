"""``denglu doctor sms``: asked over HTTP with the providers' own libraries; nothing is sent."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from denglu.doctor.finding import Finding, Level
from denglu.doctor.sms import examine_sms
from tests.clouds.aliyun import REJECTED, REVIEWING, AliyunPnvs, AliyunSms, Text
from tests.clouds.base import Service, serving
from tests.clouds.sender import Receiver
from tests.clouds.settings import of_aliyun, of_http, of_pnvs, of_tencent
from tests.clouds.tc3 import CODE_TEMPLATE, NOTICE_TEMPLATE, SIGN, TencentSms
from tests.clouds.tls import unheard
from tests.settings_loading import load

Said = list[tuple[str, str]]


@pytest.fixture
def aliyun() -> Iterator[AliyunSms]:
    with serving(AliyunSms()) as service:
        yield service
        assert service.sent == []


@pytest.fixture
def pnvs() -> Iterator[AliyunPnvs]:
    with serving(AliyunPnvs()) as service:
        yield service
        assert service.sent == []


@pytest.fixture
def tencent() -> Iterator[TencentSms]:
    with serving(TencentSms()) as service:
        yield service
        assert service.sent == []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serving(Receiver()) as service:
        yield service
        assert service.sent == []


def examined(tmp_path: Path, variables: dict[str, str]) -> list[Finding]:
    return list(examine_sms(load(tmp_path, **variables)))


def said_by(findings: list[Finding], area: str) -> Said:
    return [(each.level.value, each.message) for each in findings if each.area == area]


def the_one(findings: list[Finding], text: str) -> Finding:
    fitting = [each for each in findings if text in each.message]
    assert len(fitting) == 1, findings
    return fitting[0]


def faults(findings: list[Finding]) -> list[str]:
    return [each.message for each in findings if each.level is Level.fault]


def in_both_languages(finding: Finding) -> bool:
    """Whether the advice has a line in Chinese and one in English."""
    chinese, english = finding.advice.splitlines()
    return len(re.findall("[一-鿿]", chinese)) > 5 and len(re.findall("[a-z]+ ", english)) > 5


def test_all_is_well_at_aliyun(aliyun: AliyunSms, tmp_path: Path) -> None:
    findings = examined(tmp_path, of_aliyun(aliyun))
    assert said_by(findings, "aliyun") == [
        ("ok", "credentials: in order"),
        ("ok", "signature: in order"),
        *[
            ("ok", f"template {name}: in order")
            for name in ("code", "password-changed", "mobile-changed", "cancel-requested")
        ],
    ]
    assert faults(findings) == []
    assert the_one(findings, "nothing was sent").advice == "denglu sms test MOBILE"


def test_all_is_well_at_tencent(tencent: TencentSms, tmp_path: Path) -> None:
    findings = examined(tmp_path, of_tencent(tencent))
    levels = [level for level, _ in said_by(findings, "tencent")]
    assert levels == ["ok"] * 6
    assert faults(findings) == []


def test_number_verification_tells_of_its_keys_only(pnvs: AliyunPnvs, tmp_path: Path) -> None:
    findings = examined(tmp_path, of_pnvs(pnvs))
    assert said_by(findings, "aliyun-pnvs") == [
        ("ok", "credentials: in order"),
        ("note", "signature: shows only when a message is sent"),
        ("note", "template code: shows only when a message is sent"),
    ]
    assert faults(findings) == []


def test_a_receiver_of_ones_own_is_asked_without_a_message(
    receiver: Receiver, tmp_path: Path
) -> None:
    findings = examined(tmp_path, of_http(receiver))
    assert said_by(findings, "http")[0] == ("ok", "credentials: in order")
    assert receiver.asked
    assert faults(findings) == []


def test_a_wrong_key_is_explained_in_both_languages(
    aliyun: AliyunSms, tencent: TencentSms, pnvs: AliyunPnvs, receiver: Receiver, tmp_path: Path
) -> None:
    wrong = "not-the-secret-at-all-and-32-long"  # pragma: allowlist secret
    cases: list[tuple[str, dict[str, str]]] = [
        ("aliyun", of_aliyun(aliyun, SMS_ALIYUN_ACCESS_KEY=wrong)),
        ("aliyun-pnvs", of_pnvs(pnvs, SMS_PNVS_ACCESS_KEY=wrong)),
        ("tencent", of_tencent(tencent, SMS_TENCENT_ACCESS_KEY=wrong)),
        ("http", of_http(receiver, SMS_HTTP_KEY=wrong)),
    ]
    for area, variables in cases:
        findings = examined(tmp_path, variables)
        [finding] = [each for each in findings if each.area == area]
        assert finding.level is Level.fault, finding
        assert finding.message.startswith("credentials: ")
        assert in_both_languages(finding), finding
        assert wrong not in str(findings)
    assert tencent.refused == ["AuthFailure.SignatureFailure"]
    assert aliyun.refused == ["SignatureDoesNotMatch"]


def test_a_signature_that_is_not_approved_is_a_fault(
    aliyun: AliyunSms, tencent: TencentSms, tmp_path: Path
) -> None:
    aliyun.signatures["登录测试"].status = REVIEWING
    tencent.account.signs[SIGN].state = 1
    for variables in (of_aliyun(aliyun), of_tencent(tencent)):
        finding = the_one(examined(tmp_path, variables), "signature: ")
        assert finding.level is Level.fault
        assert "review" in finding.message
        assert in_both_languages(finding)
        assert "签名" in finding.advice


def test_a_signature_that_is_not_there_is_a_fault(
    aliyun: AliyunSms, tencent: TencentSms, tmp_path: Path
) -> None:
    for variables in (
        of_aliyun(aliyun, SMS_ALIYUN_SIGN="没有"),
        of_tencent(tencent, SMS_TENCENT_SIGN="没有"),
    ):
        finding = the_one(examined(tmp_path, variables), "signature: ")
        assert finding.level is Level.fault
        assert in_both_languages(finding)


def test_a_template_that_is_missing_or_rejected_is_a_fault(
    aliyun: AliyunSms, tencent: TencentSms, tmp_path: Path
) -> None:
    aliyun.texts["SMS_100002"].status = REJECTED
    tencent.account.templates[NOTICE_TEMPLATE].state = -1
    tencent.account.templates[NOTICE_TEMPLATE].reply = "not like this"
    cases = [
        of_aliyun(aliyun, SMS_ALIYUN_TEMPLATES="code=SMS_404,login=SMS_100002:code+minutes"),
        of_tencent(tencent, SMS_TENCENT_TEMPLATES=f"code=404,mobile-changed={NOTICE_TEMPLATE}"),
    ]
    for variables in cases:
        findings = examined(tmp_path, variables)
        lost = the_one(findings, "template code: ")
        assert (lost.level, in_both_languages(lost)) == (Level.fault, True)
        assert len(faults(findings)) == 2
    assert "not like this" in the_one(findings, "template mobile-changed: ").message


@pytest.mark.parametrize(
    ("templates", "detail"),
    [
        ("code=SMS_100002", "nothing fills minutes"),
        ("code=SMS_100001:minutes", "nothing fills code"),
    ],
)
def test_a_template_with_other_variables_is_a_fault_at_aliyun(
    aliyun: AliyunSms, tmp_path: Path, templates: str, detail: str
) -> None:
    findings = examined(tmp_path, of_aliyun(aliyun, SMS_ALIYUN_TEMPLATES=templates))
    finding = the_one(findings, "template code: ")
    assert finding.level is Level.fault
    assert detail in finding.message
    assert in_both_languages(finding)


@pytest.mark.parametrize("params", ["code", "code+minutes+minutes"])
def test_a_template_with_other_places_is_a_fault_at_tencent(
    tencent: TencentSms, tmp_path: Path, params: str
) -> None:
    templates = f"code={CODE_TEMPLATE}:{params}"
    findings = examined(tmp_path, of_tencent(tencent, SMS_TENCENT_TEMPLATES=templates))
    finding = the_one(findings, "template code: ")
    assert finding.level is Level.fault
    assert "TemplateParamSetNotMatchApprovedTemplate" in finding.message
    assert "2 places" in finding.message
    assert in_both_languages(finding)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("isv.AMOUNT_NOT_ENOUGH", "余额"),
        ("isv.DENY_IP_RANGE", "IP"),
        ("isp.RAM_PERMISSION_DENY", "RAM"),
        ("isv.PRODUCT_UN_SUBSCRIPT", "开通"),
    ],
)
def test_what_aliyun_says_of_an_account_is_explained(
    aliyun: AliyunSms, tmp_path: Path, code: str, word: str
) -> None:
    aliyun.fails = (0, code)
    findings = examined(tmp_path, of_aliyun(aliyun))
    told = [each for each in findings if each.area == "aliyun" and code in each.message]
    assert told
    for finding in told:
        assert finding.level in (Level.fault, Level.note)
        assert word in finding.advice
        assert in_both_languages(finding)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("UnauthorizedOperation.RequestIpNotInWhitelist", "IP"),
        ("UnauthorizedOperation.ServiceSuspendDueToArrears", "欠费"),
        ("AuthFailure.SecretIdNotFound", "SecretId"),
    ],
)
def test_what_tencent_says_of_an_account_is_explained(
    tencent: TencentSms, tmp_path: Path, code: str, word: str
) -> None:
    tencent.error = code
    finding = the_one(examined(tmp_path, of_tencent(tencent)), code)
    assert finding.level is Level.fault
    assert word in finding.advice
    assert in_both_languages(finding)


def test_an_account_that_asked_too_often_is_a_warning(aliyun: AliyunSms, tmp_path: Path) -> None:
    aliyun.fails = (400, "Throttling.User")
    finding = the_one(examined(tmp_path, of_aliyun(aliyun)), "could not be asked: throttled")
    assert finding.level is Level.warning
    assert "限流" in finding.advice
    assert in_both_languages(finding)


def test_who_may_send_and_not_look_is_told_so(tencent: TencentSms, tmp_path: Path) -> None:
    tencent.listing_error = "FailedOperation.ProhibitSubAccountUse"
    findings = examined(tmp_path, of_tencent(tencent))
    assert the_one(findings, "credentials: ").level is Level.ok
    unseen = the_one(findings, "signature: shows only when a message is sent")
    assert unseen.level is Level.note
    assert in_both_languages(unseen)
    assert faults(findings) == []


def test_a_provider_that_cannot_be_reached_is_a_fault(tmp_path: Path) -> None:
    with unheard() as place:
        service = Service()
        service.url = f"http://{place}"
        for area, variables in (
            ("aliyun", of_aliyun(service, SMS_GATEWAY_TIMEOUT="1")),
            ("tencent", of_tencent(service, SMS_GATEWAY_TIMEOUT="1")),
            ("http", of_http(service, SMS_GATEWAY_TIMEOUT="1")),
        ):
            [finding] = [each for each in examined(tmp_path, variables) if each.area == area]
            assert finding.level is Level.fault, finding
            assert "could not be asked" in finding.message
            assert "防火墙" in finding.advice
            assert in_both_languages(finding)


@pytest.mark.parametrize("mode", ["garbage", "hangs up", "babbles", "bad gateway", "empty"])
def test_garbage_is_no_approval(
    aliyun: AliyunSms, tencent: TencentSms, tmp_path: Path, mode: str
) -> None:
    aliyun.mode = tencent.mode = mode
    for area, variables in (("aliyun", of_aliyun(aliyun)), ("tencent", of_tencent(tencent))):
        findings = [each for each in examined(tmp_path, variables) if each.area == area]
        assert findings
        assert all(each.level is not Level.ok for each in findings), findings


def test_a_library_that_is_not_installed_is_a_fault(
    aliyun: AliyunSms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str, options: Any) -> None:
        raise ModuleNotFoundError("gone", name="alibabacloud_dysmsapi20170525")

    monkeypatch.setattr("denglu.doctor.sms.open_gateway", missing)
    finding = the_one(examined(tmp_path, of_aliyun(aliyun)), "is not installed")
    assert finding.level is Level.fault
    assert finding.advice == "pip install 'denglu[aliyun]'"


def test_each_gateway_is_looked_at_in_its_order(
    aliyun: AliyunSms, pnvs: AliyunPnvs, receiver: Receiver, tmp_path: Path
) -> None:
    together = of_aliyun(aliyun) | of_pnvs(pnvs) | of_http(receiver)
    together["SMS_GATEWAYS"] = "http,aliyun-pnvs,aliyun"
    findings = examined(tmp_path, together)
    areas = list(dict.fromkeys(each.area for each in findings))
    assert areas[:3] == ["http", "aliyun-pnvs", "aliyun"]
    assert faults(findings) == []


def test_what_only_sounds_like_sending_is_told(aliyun: AliyunSms, tmp_path: Path) -> None:
    findings = examined(
        tmp_path,
        of_aliyun(
            aliyun,
            SMS_DRY_RUN="true",
            SMS_TEST_NUMBERS="13800000000=424242",
            SMS_TEST_UNTIL="2099-01-01",
        ),
    )
    assert the_one(findings, "DENGLU_SMS_DRY_RUN=true").level is Level.warning
    assert "138****0000" in the_one(findings, "DENGLU_SMS_TEST_NUMBERS").message
    assert "424242" not in str(findings)
    assert "13800000000" not in str(findings)


def test_a_variable_that_changed_its_name_is_seen(aliyun: AliyunSms, tmp_path: Path) -> None:
    aliyun.texts["SMS_100001"] = Text("验证码${number}，请勿泄露。")
    finding = the_one(examined(tmp_path, of_aliyun(aliyun)), "template code: ")
    assert "nothing fills number" in finding.message
