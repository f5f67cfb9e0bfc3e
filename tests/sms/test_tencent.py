"""The gateway ``tencent``, through its real library, against an emulator that checks signatures."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tencentcloud.sms.v20210111 import errorcodes  # type: ignore[import-untyped]

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.domain.sms_template import Template
from denglu.flows.ports import GatewayFailed
from denglu.sms.codes import Check
from denglu.sms.tencent import Tencent
from denglu.sms.tencent_codes import CODES
from tests.clouds.base import ACCESS, serving
from tests.clouds.tc3 import (
    APP_ID,
    CODE_TEMPLATE,
    NOTICE_TEMPLATE,
    SIGN,
    Reviewed,
    TencentSms,
)

CODE = SmsMessage("13800000042", "login", "424242", 5, "", 1_763_000_000, "login", "月光", 0, 7)
NOTICE = SmsMessage("13800000042", "notice", "", 0, "", 0, "password-changed", "月光")
TEMPLATES = {
    "code": Template(CODE_TEMPLATE, ("code", "minutes")),
    "password-changed": Template(NOTICE_TEMPLATE),
}
Made = Callable[..., Tencent]


@pytest.fixture
def service() -> Iterator[TencentSms]:
    with serving(TencentSms()) as started:
        yield started


@pytest.fixture
def make(service: TencentSms) -> Iterator[Made]:
    """Makes gateways; what differs from the account as it should be is named."""
    with ExitStack() as stack:

        def one(**other: object) -> Tencent:
            rest = {"access": ACCESS, "app_id": APP_ID, "sign": SIGN, "templates": TEMPLATES}
            options = rest | {"endpoint": service.url, "seconds": 30.0} | other
            gateway = Tencent(**options)  # type: ignore[arg-type]
            stack.callback(gateway.close)
            return gateway

        yield one


async def failure_of(gateway: Tencent, message: SmsMessage = CODE) -> tuple[str, Trouble]:
    """How a sending fails; nothing that the provider says beside its code is told on."""
    with pytest.raises(GatewayFailed) as caught:
        await gateway.send(message)
    assert "424242" not in str(caught.value)
    return caught.value.cause, caught.value.trouble


async def test_a_code_goes_out_with_its_template_filled_in_order(
    service: TencentSms, make: Made
) -> None:
    accepted = await make().send(CODE)
    (sent,) = service.sent
    assert sent == {
        "mobile": "+8613800000042",
        "template": CODE_TEMPLATE,
        "params": ["424242", "5"],
        "sign": SIGN,
        "serial": accepted.id,
    }


async def test_a_long_message_is_as_many_as_it_is_billed(service: TencentSms, make: Made) -> None:
    service.fee = 2
    assert (await make().send(CODE)).parts == 2


@pytest.mark.parametrize("fee", [0, -1, 10**12, "many", None])
async def test_taken_is_taken_whatever_it_is_billed(
    service: TencentSms, make: Made, fee: Any
) -> None:
    service.fee = fee
    assert (await make().send(CODE)).parts == 1
    assert len(service.sent) == 1


async def test_notices_have_templates_of_their_own(service: TencentSms, make: Made) -> None:
    await make().send(NOTICE)
    assert service.sent[0]["template"] == NOTICE_TEMPLATE
    assert service.sent[0]["params"] == []
    only_codes = make(templates={"code": TEMPLATES["code"]})
    cause, trouble = await failure_of(only_codes, NOTICE)
    assert cause == "no template"
    assert trouble.surely_not_sent
    assert service.arrived == 1


async def test_a_usage_may_have_a_template_of_its_own(service: TencentSms, make: Made) -> None:
    service.account.templates["111"] = Reviewed(places=1)
    gateway = make(templates=TEMPLATES | {"login": Template("111", ("code",))})
    await gateway.send(CODE)
    await gateway.send(SmsMessage("13800000042", "register", "1", 5, "", 0, "register"))
    assert [each["template"] for each in service.sent] == ["111", CODE_TEMPLATE]


STATUSES = {
    "FailedOperation.SignatureIncorrectOrUnapproved": Trouble.refused,
    "FailedOperation.TemplateIncorrectOrUnapproved": Trouble.refused,
    "FailedOperation.InsufficientBalanceInSmsPackage": Trouble.refused,
    "FailedOperation.PhoneNumberInBlacklist": Trouble.blocked,
    "FailedOperation.ContainSensitiveWord": Trouble.refused,
    "FailedOperation.SomethingThatCameLater": Trouble.refused,
    "InvalidParameterValue.IncorrectPhoneNumber": Trouble.bad_number,
    "InvalidParameterValue.TemplateParameterFormatError": Trouble.refused,
    "LimitExceeded.PhoneNumberThirtySecondLimit": Trouble.number_limit,
    "LimitExceeded.PhoneNumberOneHourLimit": Trouble.number_limit,
    "LimitExceeded.PhoneNumberDailyLimit": Trouble.number_limit,
    "LimitExceeded.DeliveryFrequencyLimit": Trouble.number_limit,
    "LimitExceeded.AppDailyLimit": Trouble.throttled,
    "LimitExceeded.DailyLimit": Trouble.throttled,
    "RequestLimitExceeded": Trouble.throttled,
    "RequestLimitExceeded.UinLimitExceeded": Trouble.throttled,
    "UnauthorizedOperation.RequestIpNotInWhitelist": Trouble.refused,
    "UnauthorizedOperation.ServiceSuspendDueToArrears": Trouble.refused,
    "AuthFailure.SecretIdNotFound": Trouble.refused,
    "AuthFailure.SignatureExpire": Trouble.refused,
    "UnsupportedOperation.UnsupportedRegion": Trouble.refused,
    "MissingParameter.EmptyPhoneNumberSet": Trouble.refused,
    "ServiceUnavailable": Trouble.unreachable,
    "InternalError.Timeout": Trouble.unanswered,
    "InternalError.SendAndRecvFail": Trouble.unanswered,
    "InternalError.RequestTimeException": Trouble.refused,
    "InternalError": Trouble.unanswered,
    "NobodyEverHeardOfThis": Trouble.refused,
}


@pytest.mark.parametrize(("code", "trouble"), STATUSES.items())
@pytest.mark.parametrize("place", ["status", "error"])
async def test_every_refusal_is_judged_by_its_code(
    service: TencentSms, make: Made, code: str, trouble: Trouble, place: str
) -> None:
    setattr(service, place, code)
    assert await failure_of(make()) == (code, trouble)
    assert service.sent == []
    assert service.arrived == 1  # the library tries nothing twice
    assert service.refused == []


@pytest.mark.parametrize("code", ["13800000000", "验证码424242", "A\x1b[31m", "A" * 81, "A b"])
@pytest.mark.parametrize("place", ["status", "error"])
async def test_what_is_no_code_is_not_repeated(
    service: TencentSms, make: Made, code: str, place: str
) -> None:
    """It may be anything, and stands in logs and rows."""
    setattr(service, place, code)
    assert await failure_of(make()) == ("unreadable", Trouble.unanswered)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"access": ("AKIDexample", "another-secret")}, "AuthFailure.SignatureFailure"),
        ({"access": ("AKIDanother", ACCESS[1])}, "AuthFailure.SecretIdNotFound"),
        ({"app_id": "1400000001"}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        ({"sign": "别人的商城"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        (
            {"templates": {"code": Template("999", ("code", "minutes"))}},
            "FailedOperation.TemplateUnapprovedOrNotExist",
        ),
        (
            {"templates": {"code": Template(CODE_TEMPLATE, ("code",))}},
            "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
        ),
        (
            {"templates": {"code": Template(CODE_TEMPLATE, ("code", "product"))}},
            "InvalidParameterValue.TemplateParameterFormatError",
        ),
    ],
)
async def test_what_is_set_wrongly_is_refused_and_explained(
    service: TencentSms, make: Made, other: dict[str, object], code: str
) -> None:
    assert await failure_of(make(**other)) == (code, Trouble.refused)
    assert CODES.find(code) is not None
    assert service.sent == []


async def test_an_answer_about_no_message_says_nothing(service: TencentSms, make: Made) -> None:
    service.perform = lambda given: {"SendStatusSet": [], "RequestId": "r"}  # type: ignore[method-assign]
    assert (await failure_of(make()))[1] is Trouble.unanswered
    service.perform = lambda given: {"RequestId": "r"}  # type: ignore[method-assign]
    assert (await failure_of(make()))[1] is Trouble.unanswered


def test_the_catalogue_knows_every_code_of_the_library() -> None:
    known = {code for name, code in vars(errorcodes).items() if name.isupper()}
    assert len(known) > 80
    assert [code for code in sorted(known) if CODES.find(code) is None] == []
    # What is said of a whole family is said of codes that only come when templates are made.
    families = {code for code in known if CODES.find(code).code.endswith("*")}  # type: ignore[union-attr]
    sending = ("Unauthorized", "LimitExceeded.Phone", "LimitExceeded.Delivery")
    assert not [code for code in families if code.startswith(sending) and "Marketing" not in code]


def test_every_code_is_explained_in_both_languages() -> None:
    assert len({each.code for each in CODES}) == len([*CODES])
    for each in CODES:
        assert each.zh.endswith("。"), each.code
        assert each.en.endswith("."), each.code
        assert each.zh != each.en


OK = [Check("credentials", True), Check("signature", True)]


def test_the_check_finds_an_account_in_order_and_sends_nothing(
    service: TencentSms, make: Made
) -> None:
    found = [*make().check()]
    assert found == [*OK, Check("template code", True), Check("template password-changed", True)]
    assert service.sent == []
    assert service.refused == []


def test_the_check_names_what_is_not_approved(service: TencentSms, make: Made) -> None:
    service.account.signs[SIGN] = Reviewed(state=-1, reply="资质不符")
    service.account.templates[CODE_TEMPLATE] = Reviewed(state=1)
    del service.account.templates[NOTICE_TEMPLATE]
    credentials, sign, code, notice = make().check()
    assert credentials.ok
    assert (sign.ok, sign.detail) == (False, "not approved 资质不符")
    assert (code.ok, code.detail) == (False, "under review")
    assert (notice.ok, notice.detail) == (False, "not found")
    for each in (sign, code, notice):
        assert CODES.find(each.code) is not None


def test_the_check_finds_a_signature_among_hundreds(service: TencentSms, make: Made) -> None:
    service.account.signs = {f"商城{n}": Reviewed() for n in range(150)} | {SIGN: Reviewed()}
    assert [*make().check()][1] == Check("signature", True)
    service.account.signs = {f"商城{n}": Reviewed() for n in range(100)}
    assert [*make().check()][1].ok is False


def test_the_check_stops_at_wrong_keys(make: Made) -> None:
    (found,) = make(access=("AKIDexample", "another-secret")).check()
    assert found == Check("credentials", False, "AuthFailure.SignatureFailure")


@pytest.mark.parametrize(
    "code", ["AuthFailure.UnauthorizedOperation", "FailedOperation.ProhibitSubAccountUse"]
)
def test_an_account_that_may_only_send_has_good_keys(
    service: TencentSms, make: Made, code: str
) -> None:
    service.listing_error = code
    credentials, *rest = make().check()
    assert credentials == Check("credentials", True)
    assert [each.what for each in rest] == [
        "signature",
        "template code",
        "template password-changed",
    ]
    assert {(each.ok, each.code) for each in rest} == {(None, code)}


def test_the_check_tells_a_service_that_is_away_from_keys_that_are_wrong(
    service: TencentSms, make: Made
) -> None:
    service.mode = "unavailable"
    assert [*make().check()] == [Check("credentials", False, Trouble.unreachable, "HTTP 503")]
