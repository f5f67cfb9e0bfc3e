"""Settings of the SMS gateways ``aliyun`` and ``aliyun-pnvs``."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from denglu.domain.sms_template import Template
from denglu.settings.about import Section, kind
from denglu.settings.services import about_templates, endpoint, line, secret, sign, templates

NEEDED = {
    "aliyun": {
        "sms_aliyun_access_id": "an AccessKey ID",
        "sms_aliyun_access_key": "the secret of its AccessKey",
        "sms_aliyun_sign": "an approved signature (签名)",
        "sms_aliyun_templates": "the code of an approved template, such as code=SMS_100001",
    },
    "aliyun-pnvs": {
        "sms_pnvs_access_id": "an AccessKey ID",
        "sms_pnvs_access_key": "the secret of its AccessKey",
        "sms_pnvs_sign": "a given signature (赠送签名)",
        "sms_pnvs_templates": "the code of a given template (赠送模板), such as code=100001",
    },
}
"""What each gateway needs, and what its service calls that."""

_ELSEWHERE = kind(
    "https://host; http only on loopback",
    "where the service is asked, if not at its usual place: another region, a proxy",
)


class SmsAliyun(Section):
    """The gateways aliyun (Alibaba Cloud SMS) and aliyun-pnvs (its number verification)."""

    sms_aliyun_access_id: Annotated[
        str,
        AfterValidator(line),
        kind("AccessKey ID", "a RAM user that may send messages, and nothing else", filed=True),
    ] = Field(default="", repr=False)
    sms_aliyun_access_key: Annotated[SecretStr | None, secret("AccessKey secret")] = None
    sms_aliyun_sign: Annotated[
        str,
        AfterValidator(sign),
        kind("an approved signature, without 【】", "stands in 【】 before each message"),
    ] = ""
    sms_aliyun_templates: Annotated[
        Mapping[str, Template],
        templates("code"),
        about_templates("Alibaba Cloud SMS, whose variables are named as the parameters", "code"),
    ] = Field(default_factory=dict)
    sms_aliyun_endpoint: Annotated[str, AfterValidator(endpoint), _ELSEWHERE] = ""
    sms_pnvs_access_id: Annotated[
        str,
        AfterValidator(line),
        kind("AccessKey ID", "a RAM user that may send codes, and nothing else", filed=True),
    ] = Field(default="", repr=False)
    sms_pnvs_access_key: Annotated[SecretStr | None, secret("AccessKey secret")] = None
    sms_pnvs_sign: Annotated[
        str,
        AfterValidator(sign),
        kind(
            "one of the signatures that the console gives, without 【】",
            "stands in 【】 before each message; it needs no review",
        ),
    ] = ""
    sms_pnvs_templates: Annotated[
        Mapping[str, Template],
        templates("code", "minutes"),
        about_templates("Alibaba Cloud's number verification, codes only", "code+minutes"),
    ] = Field(default_factory=dict)
    sms_pnvs_endpoint: Annotated[str, AfterValidator(endpoint), _ELSEWHERE] = ""
