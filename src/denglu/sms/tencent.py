"""The gateway ``tencent``: Tencent Cloud SMS, through its library."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from tencentcloud.common.credential import Credential  # type: ignore[import-untyped]
from tencentcloud.common.exception.tencent_cloud_sdk_exception import (  # type: ignore[import-untyped]
    TencentCloudSDKException,
)
from tencentcloud.common.profile.client_profile import (  # type: ignore[import-untyped]
    ClientProfile,
)
from tencentcloud.common.profile.http_profile import HttpProfile  # type: ignore[import-untyped]
from tencentcloud.common.retry import NoopRetryer  # type: ignore[import-untyped]
from tencentcloud.sms.v20210111.models import SendSmsRequest  # type: ignore[import-untyped]
from tencentcloud.sms.v20210111.sms_client import SmsClient  # type: ignore[import-untyped]

from denglu.domain.sms_message import SmsMessage, Trouble
from denglu.domain.sms_template import Template, template_for
from denglu.domain.spend import parts_of
from denglu.flows.ports import Accepted
from denglu.sms.asked import AskedGateway, parts_billed
from denglu.sms.codes import Check
from denglu.sms.network import CONNECT_SECONDS, SECONDS
from denglu.sms.tencent_checks import checks
from denglu.sms.tencent_codes import UNAVAILABLE, cause_of, judged, trouble_of

ENDPOINT = "https://sms.tencentcloudapi.com"
REGION = "ap-guangzhou"

# Where DEBUG is on it writes whole requests, with number and code.
logging.getLogger("tencentcloud_sdk_common").disabled = True


class _Client(SmsClient):  # type: ignore[misc]
    """Tells a balancer that has no service behind it from all other garbage."""

    def _check_status(self, resp_inter: Any) -> None:
        if resp_inter.status_code == 503:
            resp_inter.close()
            raise TencentCloudSDKException(UNAVAILABLE, "")
        super()._check_status(resp_inter)


class Tencent(AskedGateway):
    """Fulfils ``flows.ports.SmsGateway``. ``access``: SecretId and SecretKey. The library tries
    nothing twice.
    """

    name = "tencent"

    def __init__(
        self,
        access: tuple[str, str],
        app_id: str,
        sign: str,
        templates: Mapping[str, Template],
        *,
        region: str = REGION,
        endpoint: str = ENDPOINT,
        seconds: float = SECONDS,
    ) -> None:
        super().__init__(seconds)
        self._app_id, self._sign, self._templates = app_id, sign, templates
        parts = urlsplit(endpoint)
        http = HttpProfile(
            protocol=parts.scheme, endpoint=parts.netloc, reqTimeout=(CONNECT_SECONDS, seconds)
        )
        profile = ClientProfile(httpProfile=http, retryer=NoopRetryer())
        self._client = _Client(Credential(*access), region, profile)

    async def send(self, message: SmsMessage) -> Accepted:
        """Send. Raises GatewayFailed."""
        template = template_for(message, self._templates)
        if template is None:
            raise self.failed("no template", Trouble.unasked)
        return await self.ask(self._send, message, template)

    def check(self) -> Iterator[Check]:
        """Looks at keys, signature and templates, without sending. Blocks."""
        return checks(self._client, self._sign, self._templates)

    def _send(self, message: SmsMessage, template: Template) -> Accepted:
        request = SendSmsRequest()
        request.PhoneNumberSet = [f"+86{message.mobile}"]
        request.SmsSdkAppId, request.SignName = self._app_id, self._sign
        request.TemplateId = template.id
        request.TemplateParamSet = template.filled(message)
        try:
            (status,) = self._client.SendSms(request).SendStatusSet
        except TencentCloudSDKException as error:
            raise self.failed(cause_of(error), trouble_of(error)) from None
        if status.Code == "Ok":
            parts = parts_billed(status.Fee, parts_of(message.text))
            return Accepted(str(status.SerialNo or ""), parts)
        raise self.failed(*judged(status.Code))
