"""Tencent Cloud's captcha, through its library: tickets of web pages, apps and mini-programs."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, StringConstraints, ValidationError
from tencentcloud.captcha.v20190722 import models  # type: ignore[import-untyped]
from tencentcloud.captcha.v20190722.captcha_client import (  # type: ignore[import-untyped]
    CaptchaClient,
)
from tencentcloud.common.credential import Credential  # type: ignore[import-untyped]
from tencentcloud.common.exception.tencent_cloud_sdk_exception import (  # type: ignore[import-untyped]
    TencentCloudSDKException,
)
from tencentcloud.common.profile.client_profile import (  # type: ignore[import-untyped]
    ClientProfile,
)
from tencentcloud.common.profile.http_profile import HttpProfile  # type: ignore[import-untyped]

from denglu.captcha.asked import CONNECT_SECONDS, SECONDS, Unanswered, Verdict
from denglu.domain.errors import Detail

ENDPOINT = "https://captcha.tencentcloudapi.com"
_PASSED = 1
# What a bad ticket alone does not bring about: 31 not paid for, 100 id and key do not fit.
_OURS = frozenset({31, 100})

Part = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class _Token(BaseModel):
    """What the front end's callback gets, as JSON. Mini-programs get a ticket only."""

    ticket: Part
    randstr: Annotated[str, StringConstraints(max_length=4096)] = ""


class Tencent:
    """Fulfils ``asked.Service``. ``access``: SecretId and SecretKey of the account."""

    def __init__(
        self, app_id: int, app_key: str, access: tuple[str, str], endpoint: str = ENDPOINT
    ) -> None:
        self.shown: Mapping[str, Detail] = {"kind": "tencent", "app_id": str(app_id)}
        self._known = {"CaptchaType": 9, "CaptchaAppId": app_id, "AppSecretKey": app_key}
        parts = urlsplit(endpoint)
        http = HttpProfile(
            protocol=parts.scheme, endpoint=parts.netloc, reqTimeout=(CONNECT_SECONDS, SECONDS)
        )
        self._client = CaptchaClient(Credential(*access), "", ClientProfile(httpProfile=http))

    def judge(self, token: str, ip: str) -> Verdict:
        """See ``Service``."""
        try:
            given = _Token.model_validate_json(token)
        except ValidationError:
            return Verdict()
        try:
            answer = self._ask(given, ip)
            code = int(answer.CaptchaCode)
        except TencentCloudSDKException as error:
            return _explained(str(error.code))
        except (TypeError, ValueError) as error:
            raise Unanswered(type(error).__name__) from None
        if code in _OURS:
            return Verdict(fault=f"Tencent says {code}")
        # A captcha that nobody sees passes everybody, and tells whom it suspects.
        suspected = getattr(answer, "EvilLevel", None)
        return Verdict(given.ticket if code == _PASSED and not suspected else "")

    def _ask(self, given: _Token, ip: str) -> Any:
        known = self._known | {"Ticket": given.ticket, "UserIp": ip}
        if given.randstr:
            request = models.DescribeCaptchaResultRequest()
            request._deserialize(known | {"Randstr": given.randstr})
            return self._client.DescribeCaptchaResult(request)
        request = models.DescribeCaptchaMiniResultRequest()
        request._deserialize(known)
        return self._client.DescribeCaptchaMiniResult(request)


def _explained(cause: str) -> Verdict:
    """The service's own faults, and the names of exceptions that the library met, end alike:
    InternalError, ClientNetworkError, JSONDecodeError. AuthFailure and the like are ours.
    """
    kind = cause.partition(".")[0]
    if kind.endswith(("Error", "Exception")) or kind == "RequestLimitExceeded":
        raise Unanswered(cause)
    return Verdict(fault=f"Tencent says {cause}")
