"""The gateway ``aliyun``: Alibaba Cloud SMS (Dysmsapi 2017-05-25), through its library."""

import json

from alibabacloud_dysmsapi20170525.client import Client  # type: ignore[import-untyped]
from alibabacloud_dysmsapi20170525.models import SendSmsRequest  # type: ignore[import-untyped]
from alibabacloud_tea_util.models import RuntimeOptions  # type: ignore[import-untyped]

from denglu.domain.sms_message import SmsMessage
from denglu.domain.sms_template import Template
from denglu.sms.aliyun_check import check_account
from denglu.sms.aliyun_codes import CODES
from denglu.sms.aliyun_sdk import AliyunGateway, body_of, name_of
from denglu.sms.codes import Check

ENDPOINT = "https://dysmsapi.aliyuncs.com"


class Aliyun(AliyunGateway):
    """``sign``: the signature's text, without 【】. A template's variables are named as the
    parameters are that fill them: code, minutes, product, days. A message's name there is its
    BizId.
    """

    name, library, home = "aliyun", Client, ENDPOINT

    def check(self) -> list[Check]:
        """Keys, signature and templates, without sending. Blocks."""
        return check_account(self._client, self._sign, self._templates)

    def _send(self, message: SmsMessage, template: Template) -> str:
        filled = dict(zip(template.params, template.filled(message), strict=True))
        request = SendSmsRequest(
            phone_numbers=message.mobile,
            sign_name=self._sign,
            template_code=template.id,
            template_param=json.dumps(filled, ensure_ascii=False) if filled else None,
        )
        body = body_of(lambda: self._client.send_sms_with_options(request, RuntimeOptions()), CODES)
        return name_of(body.biz_id)
