"""Tencent Cloud's signature TC3-HMAC-SHA256, by its published rule, and its SMS service.

Version 2021-01-11. Whatever the service has to say comes with status 200; a message's own fate
stands in ``SendStatusSet``, a request's in ``Error``.
"""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

from tests.clouds.base import ACCESS, Request, Service

_MOST_SKEW = 300
REQUEST_ID = "00000000-0000-0000-0000-000000000001"
APP_ID, SIGN, CODE_TEMPLATE, NOTICE_TEMPLATE = "1400006666", "月光商城", "1234567", "7654321"


class Tc3Service(Service):
    """Refuses what is not signed with ``access``, as the cloud's own gateway does."""

    access = ACCESS
    product = ""
    version = ""
    error = ""
    """The code that every request is refused with."""

    def answer(self, request: Request) -> tuple[int, Any]:
        """See ``Service``."""
        given = json.loads(request.body) | {"action": request.lower.get("x-tc-action", "")}
        self.asked.append(given)
        if code := self._forged(request):
            self.unlike(code)
            return 200, refusal(code)
        return 200, refusal(self.error) if self.error else {"Response": self.perform(given)}

    def perform(self, given: dict[str, Any]) -> dict[str, Any]:
        """The ``Response`` to a request that is signed as it should be."""
        raise NotImplementedError

    def _forged(self, request: Request) -> str:
        """The code that the cloud refuses this request with; empty for a good one."""
        headers = request.lower
        kind, _, rest = headers.get("authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",")) if rest else {}
        names, stamp = parts.get("SignedHeaders", "").split(";"), headers["x-tc-timestamp"]
        if kind != "TC3-HMAC-SHA256" or not set(names) >= {"content-type", "host"}:
            return "AuthFailure.InvalidAuthorization"
        day = time.strftime("%Y-%m-%d", time.gmtime(int(stamp)))
        scope = f"{day}/{self.product}/tc3_request"
        if abs(int(stamp) - time.time()) > _MOST_SKEW:
            return "AuthFailure.SignatureExpire"
        if parts["Credential"] != f"{self.access[0]}/{scope}":
            return "AuthFailure.SecretIdNotFound"
        if not hmac.compare_digest(parts["Signature"], self._right(request, names, scope)):
            return "AuthFailure.SignatureFailure"
        return "" if headers["x-tc-version"] == self.version else "NoSuchVersion"

    def _right(self, request: Request, names: list[str], scope: str) -> str:
        headers = request.lower
        signed = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
        body = hashlib.sha256(request.body).hexdigest()
        canonical = "\n".join([request.command, "/", "", signed, ";".join(names), body])
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"TC3{self.access[1]}".encode()
        for step in scope.split("/"):
            key = hmac.digest(key, step.encode(), "sha256")
        text = f"TC3-HMAC-SHA256\n{headers['x-tc-timestamp']}\n{scope}\n{hashed}"
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@dataclass
class Reviewed:
    """A signature or a template of the account. ``state``: 0 may be used, 1 under review,
    -1 refused; ``places``: how many params a template has.
    """

    state: int = 0
    reply: str = ""
    places: int = 0


@dataclass
class Account:
    """What the account at the service has."""

    signs: dict[str, Reviewed] = field(default_factory=lambda: {SIGN: Reviewed()})
    templates: dict[str, Reviewed] = field(
        default_factory=lambda: {
            CODE_TEMPLATE: Reviewed(places=2),
            NOTICE_TEMPLATE: Reviewed(),
        }
    )


class TencentSms(Tc3Service):
    """``sent``: the messages that are on their way; ``status``: the code that messages get
    instead of ``Ok``; ``fee``: as how many a message counts.
    """

    product = "sms"
    version = "2021-01-11"

    def __init__(self) -> None:
        super().__init__()
        self.account = Account()
        self.sent: list[dict[str, Any]] = []
        self.status = ""
        self.fee = 1
        self.listing_error = ""

    def perform(self, given: dict[str, Any]) -> dict[str, Any]:
        """See ``Tc3Service``."""
        action = given["action"]
        if action != "SendSms" and self.listing_error:
            return refusal(self.listing_error)["Response"]
        if action == "SendSms":
            return self._send(given)
        if action == "DescribeSmsSignList":
            return self._signs(given)
        if action == "DescribeSmsTemplateList":
            return self._templates(given)
        return refusal("InvalidAction")["Response"]

    def _send(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["SmsSdkAppId"] != APP_ID:
            return refusal("UnauthorizedOperation.SmsSdkAppIdVerifyFail")["Response"]
        (number,) = given["PhoneNumberSet"]
        code = self.status or self._refused(given)
        with self.lock:
            serial = f"2022:{len(self.sent)}"
            if not code:
                self.sent.append(
                    {"mobile": number, "template": given["TemplateId"], "serial": serial}
                    | {"params": given.get("TemplateParamSet", []), "sign": given["SignName"]}
                )
        status = {
            "SerialNo": "" if code else serial,
            "PhoneNumber": number,
            "Fee": 0 if code else self.fee,
            "SessionContext": "",
            "Code": code or "Ok",
            "Message": "no" if code else "send success",
            "IsoCode": "CN",
        }
        return {"SendStatusSet": [status], "RequestId": REQUEST_ID}

    def _refused(self, given: dict[str, Any]) -> str:
        (number,), params = given["PhoneNumberSet"], given.get("TemplateParamSet", [])
        sign = self.account.signs.get(given["SignName"])
        template = self.account.templates.get(given["TemplateId"])
        if not number.startswith("+861") or len(number) != 14:
            return "InvalidParameterValue.IncorrectPhoneNumber"
        if sign is None or sign.state:
            return "FailedOperation.SignatureIncorrectOrUnapproved"
        if template is None or template.state:
            return "FailedOperation.TemplateUnapprovedOrNotExist"
        if len(params) != template.places:
            return "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
        if not all(param.isdecimal() and len(param) <= 6 for param in params):
            return "InvalidParameterValue.TemplateParameterFormatError"
        return ""

    def _signs(self, given: dict[str, Any]) -> dict[str, Any]:
        first, most = given.get("Offset", 0), given.get("Limit", 10)
        found = [
            {"SignId": number, "International": 0, "StatusCode": each.state}
            | {"ReviewReply": each.reply, "SignName": name, "CreateTime": 1_763_000_000}
            for number, (name, each) in enumerate(self.account.signs.items(), 1)
        ]
        return {"DescribeSignListStatusSet": found[first : first + most], "RequestId": REQUEST_ID}

    def _templates(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"TemplateId": int(name), "International": 0, "StatusCode": each.state}
            | {"ReviewReply": each.reply, "TemplateName": "t", "CreateTime": 1_763_000_000}
            | {"TemplateContent": "，".join(f"第{n}：{{{n}}}" for n in range(1, each.places + 1))}
            for name, each in self.account.templates.items()
            if int(name) in given["TemplateIdSet"]
        ]
        return {"DescribeTemplateStatusSet": found, "RequestId": REQUEST_ID}


def refusal(code: str) -> dict[str, Any]:
    """The body of a refused request. The message quotes, as the real ones sometimes do."""
    error = {"Code": code, "Message": "no: +8613800000042, 424242"}
    return {"Response": {"Error": error, "RequestId": REQUEST_ID}}
