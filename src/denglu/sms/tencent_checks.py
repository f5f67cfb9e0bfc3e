"""What can be said of an account at Tencent Cloud SMS without sending a message."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tencentcloud.common.exception.tencent_cloud_sdk_exception import (  # type: ignore[import-untyped]
    TencentCloudSDKException,
)
from tencentcloud.sms.v20210111 import models  # type: ignore[import-untyped]

from denglu.domain.sms_template import Template
from denglu.sms.codes import Check
from denglu.sms.tencent_codes import cause_of, trouble_of

_DOMESTIC = 0
_USABLE = 0
_PAGE = 100
_BAD_SIGN = "FailedOperation.SignatureIncorrectOrUnapproved"
_BAD_TEMPLATE = "FailedOperation.TemplateIncorrectOrUnapproved"
_NO_TEMPLATE = "FailedOperation.TemplateIdNotExist"
_OTHER_PLACES = "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
_PLACE = re.compile(r"\{[0-9]+\}")
# Sending is allowed to such an account all the same.
_MAY_NOT_LOOK = ("FailedOperation.ProhibitSubAccountUse", "AuthFailure.UnauthorizedOperation")
_STATES = {1: "under review", 2: "approved, not in force yet", -1: "not approved"}


def checks(client: Any, sign: str, templates: Mapping[str, Template]) -> Iterator[Check]:
    """Keys, signature, templates. Blocks."""
    try:
        signatures = list(_signatures(client))
    except TencentCloudSDKException as error:
        code = cause_of(error)
        if not error.get_request_id():
            yield Check("credentials", False, trouble_of(error), code)
            return
        if code not in _MAY_NOT_LOOK:
            yield Check("credentials", False, code)
            return
        yield Check("credentials", True)
        yield Check("signature", None, code)
    else:
        yield Check("credentials", True)
        named = [each for each in signatures if each.SignName == sign]
        yield _check("signature", _best(named), _BAD_SIGN, _BAD_SIGN)
    yield from _check_templates(client, templates)


def _check_templates(client: Any, templates: Mapping[str, Template]) -> Iterator[Check]:
    try:
        listed = _templates(client, templates)
    except TencentCloudSDKException as error:
        for name in templates:
            yield Check(f"template {name}", None, cause_of(error))
        return
    for name, template in templates.items():
        found = listed.get(template.id)
        check = _check(f"template {name}", found, _BAD_TEMPLATE, _NO_TEMPLATE)
        yield _filled(check, found, template) if check.ok else check


def _filled(check: Check, found: Any, template: Template) -> Check:
    """Whether every place of a template is filled: {1}, {2} and so on."""
    places = len(set(_PLACE.findall(found.TemplateContent or "")))
    if places == len(template.params):
        return check
    given = "+".join(template.params) or "nothing"
    return Check(check.what, False, _OTHER_PLACES, f"it has {places} places, filled with {given}")


def _check(what: str, found: Any, unusable: str, missing: str) -> Check:
    """One thing that is reviewed before it may be used."""
    if found is None:
        return Check(what, False, missing, "not found")
    if found.StatusCode == _USABLE:
        return Check(what, True)
    state = _STATES.get(found.StatusCode, f"state {found.StatusCode}")
    return Check(what, False, unusable, f"{state} {found.ReviewReply or ''}".rstrip())


def _best(found: list[Any]) -> Any:
    """The usable one of several that are called the same."""
    usable = [each for each in found if each.StatusCode == _USABLE]
    return next(iter(usable or found), None)


def _signatures(client: Any) -> Iterator[Any]:
    """All of the account, page by page."""
    offset = 0
    while True:
        request = models.DescribeSmsSignListRequest()
        request.International, request.Limit, request.Offset = _DOMESTIC, _PAGE, offset
        page = client.DescribeSmsSignList(request).DescribeSignListStatusSet or []
        yield from page
        offset += _PAGE
        if len(page) < _PAGE:
            return


def _templates(client: Any, templates: Mapping[str, Template]) -> Mapping[str, Any]:
    """Those that the settings name, by id."""
    ids = sorted({int(each.id) for each in templates.values() if each.id.isdecimal()})
    request = models.DescribeSmsTemplateListRequest()
    request.International, request.TemplateIdSet = _DOMESTIC, ids
    if not ids:
        return {}
    listed = client.DescribeSmsTemplateList(request).DescribeTemplateStatusSet or []
    return {str(each.TemplateId): each for each in listed}
