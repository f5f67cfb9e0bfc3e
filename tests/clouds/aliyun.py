"""Alibaba Cloud SMS and its number verification, as far as denglu asks them."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.clouds.acs3 import Acs3Service, error

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_LONGEST = 35
REVIEWING, APPROVED, REJECTED = 0, 1, 2


@dataclass
class Signature:
    """``carriers``: how each has registered it, 3 for done."""

    status: int = APPROVED
    carriers: dict[str, int] = field(
        default_factory=lambda: {"mobile": 3, "unicom": 3, "telecom": 1}
    )


@dataclass
class Text:
    """A template."""

    content: str
    status: int = APPROVED


class _Sender(Acs3Service):
    """``sent``: number and text of every message. ``fails``: what the next requests are refused
    with, whatever they are: HTTP status (0 for one that an answer of 200 tells) and code; ``of``
    the same by number.
    """

    version = "2017-05-25"

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.fails: tuple[int, str] | None = None
        self.of: dict[str, str] = {}
        self.signatures: dict[str, Signature] = {}
        self.texts: dict[str, Text] = {}

    def perform(self, given: dict[str, Any]) -> tuple[int, Any]:
        """See ``Acs3Service``."""
        if self.fails is not None:
            status, code = self.fails
            return status or 200, error(code)
        actions = self.actions()
        if given["action"] not in actions:
            return 404, error("InvalidAction.NotFound")
        return actions[given["action"]](given)

    def actions(self) -> dict[str, Any]:
        """What there is, by name."""
        raise NotImplementedError

    def deliver(self, mobile: str, given: dict[str, Any]) -> str:
        """Send, or say why not."""
        text = self.texts.get(given.get("TemplateCode", ""))
        signature = self.signatures.get(given.get("SignName", ""))
        if code := self.of.get(mobile, ""):
            return code
        if not _MOBILE.fullmatch(mobile):
            return "isv.MOBILE_NUMBER_ILLEGAL"
        if signature is None or signature.status != APPROVED:
            return "isv.SMS_SIGNATURE_ILLEGAL"
        if text is None or text.status != APPROVED:
            return "isv.SMS_TEMPLATE_ILLEGAL"
        params = _params(given.get("TemplateParam", "{}"))
        if params is None:
            return "isv.INVALID_JSON_PARAM"
        if set(_VARIABLE.findall(text.content)) - set(params):
            return "isv.TEMPLATE_MISSING_PARAMETERS"
        if any(len(value) > _LONGEST for value in params.values()):
            return "isv.PARAM_LENGTH_LIMIT"
        said = _VARIABLE.sub(lambda found: params[found[1]], text.content)
        with self.lock:
            self.sent.append((mobile, f"【{given['SignName']}】{said}"))
        return "OK"


class AliyunSms(_Sender):
    """Dysmsapi: ``SendSms``, ``GetSmsSign``, ``GetSmsTemplate``."""

    def __init__(self) -> None:
        super().__init__()
        self.signatures = {"登录测试": Signature()}
        self.texts = {
            "SMS_100001": Text("验证码${code}，请勿泄露。"),
            "SMS_100002": Text("登录验证码${code}，${minutes}分钟内有效。"),
            "SMS_100003": Text("您的密码已修改。"),
        }

    def actions(self) -> dict[str, Any]:
        """See ``_Sender``."""
        return {
            "SendSms": self._send,
            "GetSmsSign": self._signature,
            "GetSmsTemplate": self._template,
        }

    def _send(self, given: dict[str, Any]) -> tuple[int, Any]:
        code = self.deliver(given["PhoneNumbers"], given)
        if code != "OK":
            return 200, _refusal(code)
        return 200, _granted() | {"BizId": f"9006197469364984{len(self.sent):02}^0"}

    def _signature(self, given: dict[str, Any]) -> tuple[int, Any]:
        found = self.signatures.get(given["SignName"])
        if found is None:
            return 200, _refusal("isv.SMS_SIGNATURE_ILLEGAL")
        carriers = [
            {"OperatorCode": name, "RegisterStatus": state, "RegisterStatusReasons": []}
            for name, state in found.carriers.items()
        ]
        return 200, _granted() | {
            "SignName": given["SignName"],
            "SignStatus": found.status,
            "SignIspRegisterDetailList": carriers,
        }

    def _template(self, given: dict[str, Any]) -> tuple[int, Any]:
        found = self.texts.get(given["TemplateCode"])
        if found is None:
            return 200, _refusal("isv.SMS_TEMPLATE_ILLEGAL")
        return 200, _granted() | {
            "TemplateCode": given["TemplateCode"],
            "TemplateContent": found.content,
            "TemplateStatus": str(found.status),
            "TemplateType": "0",
        }


class AliyunPnvs(_Sender):
    """Dypnsapi: ``SendSmsVerifyCode``, ``DescribeVerifyScheme``."""

    opened = True

    def __init__(self) -> None:
        super().__init__()
        self.signatures = {"速通互联验证码": Signature()}
        self.texts = {"100001": Text("您的验证码为${code}。${min}分钟内有效，请勿告知他人。")}

    def actions(self) -> dict[str, Any]:
        """See ``_Sender``."""
        return {"SendSmsVerifyCode": self._send, "DescribeVerifyScheme": self._scheme}

    def _send(self, given: dict[str, Any]) -> tuple[int, Any]:
        if not self.opened:
            return 200, _refusal("FUNCTION_NOT_OPENED") | {"Success": False}
        code = self.deliver(given["PhoneNumber"], given)
        if code != "OK":
            # It has names of its own for some.
            own = {"isv.MOBILE_NUMBER_ILLEGAL": "MOBILE_NUMBER_ILLEGAL"}
            return 200, _refusal(own.get(code, code)) | {"Success": False}
        model = {"BizId": f"112231421412414124123^{len(self.sent)}", "RequestId": "r"}
        return 200, _granted() | {"Success": True, "Model": model}

    def _scheme(self, given: dict[str, Any]) -> tuple[int, Any]:
        if not self.opened:
            return 200, _refusal("FUNCTION_NOT_OPENED")
        return 200, _refusal("VerifySchemeNotExist")


def _params(text: str) -> dict[str, str] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    good = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if good else None


def _granted() -> dict[str, Any]:
    return {"Code": "OK", "Message": "OK", "RequestId": "F655A8D5-B967-440B-8683-DAD6FF8DE990"}


def _refusal(code: str) -> dict[str, Any]:
    return {"Code": code, "Message": "no", "RequestId": "F655A8D5-B967-440B-8683-DAD6FF8DE990"}
