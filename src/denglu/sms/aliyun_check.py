"""What can be seen of an account at Alibaba Cloud SMS without sending a message."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from alibabacloud_dysmsapi20170525.models import (  # type: ignore[import-untyped]
    GetSmsSignRequest,
    GetSmsTemplateRequest,
)
from alibabacloud_tea_util.models import RuntimeOptions  # type: ignore[import-untyped]

from denglu.domain.sms_message import Trouble
from denglu.domain.sms_template import Template
from denglu.sms.aliyun_codes import CODES
from denglu.sms.aliyun_sdk import Refused, body_of, check_keys
from denglu.sms.codes import Check

_APPROVED = 1
_REVIEWS = {0: "is being reviewed", 1: "approved", 2: "was rejected", 10: "was withdrawn"}
# How carriers have registered a signature: done, and to be tried out; else under way or failed.
_REGISTERED = frozenset({1, 3})
_UNDER_WAY = -1
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def check_account(client: Any, sign: str, templates: Mapping[str, Template]) -> list[Check]:
    """Keys, signature, templates. Blocks."""
    try:
        signature = _signature(client, sign)
    except Refused as refused:
        keys = check_keys(refused)
        if not keys.ok:
            return [keys]
        # Whoever may only send may not look.
        signature = Check("signature", _told(refused), refused.code)
    found = [_template(client, name, template) for name, template in templates.items()]
    return [Check("credentials", True), signature, *found]


def _told(refused: Refused) -> bool | None:
    """False where the account was asked and says no; None where we may not ask, or nobody hears."""
    may_not = refused.code.startswith(("isp.RAM_PERMISSION", "Forbidden", "NoPermission"))
    return False if refused.trouble is Trouble.refused and not may_not else None


def _signature(client: Any, sign: str) -> Check:
    request = GetSmsSignRequest(sign_name=sign)
    body = body_of(lambda: client.get_sms_sign_with_options(request, RuntimeOptions()), CODES)
    if body.sign_status != _APPROVED:
        detail = _REVIEWS.get(body.sign_status, "")
        return Check("signature", False, "isv.SMS_SIGNATURE_ILLEGAL", detail)
    return _registered(body.sign_isp_register_detail_list or [])


def _registered(carriers: Iterable[Any]) -> Check:
    states = {str(each.operator_code): each.register_status for each in carriers}
    lacking = {name: state for name, state in states.items() if state not in _REGISTERED}
    if not lacking:
        return Check("signature", True)
    under_way = set(lacking.values()) == {_UNDER_WAY}
    detail = f"not registered with {', '.join(sorted(lacking))}"
    return Check("signature", None if under_way else False, "PORT_NOT_REGISTERED", detail)


def _template(client: Any, name: str, template: Template) -> Check:
    what = f"template {name}"
    request = GetSmsTemplateRequest(template_code=template.id)
    try:
        body = body_of(
            lambda: client.get_sms_template_with_options(request, RuntimeOptions()),
            CODES,
        )
    except Refused as refused:
        return Check(what, _told(refused), refused.code)
    if str(body.template_status) != str(_APPROVED):
        status = str(body.template_status)
        detail = _REVIEWS.get(int(status), "") if status.isdecimal() else ""
        return Check(what, False, "isv.SMS_TEMPLATE_ILLEGAL", detail)
    return _filled(what, set(_VARIABLE.findall(str(body.template_content))), set(template.params))


def _filled(what: str, wanted: set[str], given: set[str]) -> Check:
    if lacking := sorted(wanted - given):
        detail = f"nothing fills {', '.join(lacking)}"
        return Check(what, False, "isv.TEMPLATE_MISSING_PARAMETERS", detail)
    if spare := sorted(given - wanted):
        detail = f"it has no {', '.join(spare)}"
        return Check(what, None, "isv.SMS_TEMPLATE_ILLEGAL", detail)
    return Check(what, True)
