"""The gateway ``aliyun-pnvs``: codes through Alibaba Cloud's number verification (Dypnsapi).

Its signatures and templates are given by the provider and need no review. The interface lets the
code be ours (instead of ``##code##``, for which the provider would make one and keep it), so
codes are made, kept and checked here as with any other gateway. It sends codes only, no notices,
and only to numbers of mainland China.
"""

import json
from functools import partial

from alibabacloud_dypnsapi20170525.client import Client  # type: ignore[import-untyped]
from alibabacloud_dypnsapi20170525.models import (  # type: ignore[import-untyped]
    DescribeVerifySchemeRequest,
    SendSmsVerifyCodeRequest,
)
from alibabacloud_tea_util.models import RuntimeOptions  # type: ignore[import-untyped]

from denglu.domain.sms_message import SmsMessage
from denglu.domain.sms_template import Template
from denglu.sms.aliyun_sdk import AliyunGateway, Refused, body_of, check_keys, name_of
from denglu.sms.codes import Check
from denglu.sms.pnvs_codes import CODES

ENDPOINT = "https://dypnsapi.aliyuncs.com"
# What the given templates call our parameters.
_CALLED = {"minutes": "min"}
# Between two codes to a number. Our own cooldown is longer, and begins earlier than theirs.
_INTERVAL = 20
_NO = 0
_CLOSED = ("FUNCTION_NOT_OPENED", "isv.FUNCTION_NOT_OPENED", "Unsupported.Account")


class Pnvs(AliyunGateway):
    """``sign``: a given signature; ``templates``: ids of
    given templates, such as 100001. A message's name there is its BizId.
    """

    name, library, home = "aliyun-pnvs", Client, ENDPOINT

    def check(self) -> list[Check]:
        """See ``AliyunGateway``. Nothing is told of signatures and templates; so is asked for
        something that does not exist, and all but the keys' own refusals speak for the keys.
        """
        request = DescribeVerifySchemeRequest(scheme_code="none")
        call = partial(self._client.describe_verify_scheme_with_options, request, RuntimeOptions())
        keys = Check("credentials", True)
        try:
            body_of(call, CODES)
        except Refused as refused:
            keys = check_keys(refused)
            if refused.code in _CLOSED:
                keys = Check("credentials", False, refused.code)
        if not keys.ok:
            return [keys]
        unseen = ("signature", *(f"template {name}" for name in self._templates))
        return [keys, *(Check(what, None) for what in unseen)]

    def _send(self, message: SmsMessage, template: Template) -> str:
        names = [_CALLED.get(name, name) for name in template.params]
        request = SendSmsVerifyCodeRequest(
            phone_number=message.mobile,
            sign_name=self._sign,
            template_code=template.id,
            template_param=json.dumps(dict(zip(names, template.filled(message), strict=True))),
            interval=_INTERVAL,
            # No second message of theirs either, under another signature.
            auto_retry=_NO,
        )
        body = body_of(
            lambda: self._client.send_sms_verify_code_with_options(request, RuntimeOptions()), CODES
        )
        return name_of(body.model.biz_id if body.model else "")
