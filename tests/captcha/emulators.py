"""Captcha services on loopback, as strict as the real ones about who asks.

Each checks the signature of every request by its service's own published rule, written down
once more for the tests: what our side signs wrongly is refused here.
"""

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.clouds.acs3 import Acs3Service, error
from tests.clouds.base import ACCESS, Request, Service, serving
from tests.clouds.tc3 import Tc3Service

__all__ = [
    "ACCESS",
    "APP_KEY",
    "AliyunService",
    "GeetestService",
    "Service",
    "TencentService",
    "serving",
]

APP_KEY = "key-of-the-captcha-itself"


class GeetestService(Service):
    """``POST /validate?captcha_id=…``: a form, with an HMAC of the lot number."""

    def answer(self, request: Request) -> tuple[int, Any]:
        """See ``Service``."""
        where = urlsplit(request.path)
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        form |= {name: values[0] for name, values in parse_qs(where.query).items()}
        self.asked.append(form)
        lot = form.get("lot_number", "")
        right = hmac.new(APP_KEY.encode(), lot.encode(), hashlib.sha256).hexdigest()
        if where.path != "/validate" or form.get("captcha_id") != "c0ffee":
            self.unlike("who is this?")
            return 200, {"status": "error", "code": "-50101", "msg": "captcha_id error"}
        if form.get("sign_token") != right:
            self.unlike("sign_token")
            return 200, {"status": "error", "code": "-50006", "msg": "sign error"}
        if lot in self.passes:
            self.passes.remove(lot)
            return 200, {"status": "success", "result": "success", "reason": ""}
        return 200, {"status": "success", "result": "fail", "reason": "pass_token expire"}


class TencentService(Tc3Service):
    """TC3-HMAC-SHA256 over a JSON body."""

    product = "captcha"
    version = "2019-07-22"
    code = 0
    evil = 0

    def perform(self, given: dict[str, Any]) -> dict[str, Any]:
        """See ``Tc3Service``."""
        code = 1 if given["Ticket"] in self.passes else 8
        if given["AppSecretKey"] != APP_KEY or given["CaptchaAppId"] != 2012345678:
            code = 100
        self.passes.discard(given["Ticket"])
        said = {"CaptchaCode": self.code or code, "CaptchaMsg": "", "RequestId": "r"}
        return said | ({"EvilLevel": self.evil} if "Mini" not in given["action"] else {})


class AliyunService(Acs3Service):
    """ACS3-HMAC-SHA256 over a form."""

    version = "2023-03-05"
    error = (0, "")

    def perform(self, given: dict[str, Any]) -> tuple[int, Any]:
        """See ``Acs3Service``."""
        status, code = self.error
        if status:
            return status, error(code)
        param = given["CaptchaVerifyParam"]
        passed = param in self.passes and given["SceneId"] == "scene-1"
        self.passes.discard(param)
        result = {
            "VerifyResult": passed,
            "VerifyCode": "T001" if passed else "F005",
            "CertifyId": f"certify-{param[:8]}",
        }
        return 200, {"Code": "Success", "Success": True, "RequestId": "r", "Result": result}
