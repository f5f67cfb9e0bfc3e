"""Settings of the SMS gateway ``tencent``."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from denglu.domain.sms_template import Template
from denglu.settings.about import Section, kind
from denglu.settings.services import about_templates, endpoint, line, secret, sign, templates

NEEDED = {
    "tencent": {
        "sms_tencent_access_id": "a SecretId",
        "sms_tencent_access_key": "the SecretKey of its SecretId",
        "sms_tencent_app_id": "its SmsSdkAppId",
        "sms_tencent_sign": "an approved signature (签名)",
        "sms_tencent_templates": "the id of an approved template, such as code=1234567",
    }
}
"""What the gateway needs, and what its service calls that."""


class SmsTencent(Section):
    """The gateway tencent: Tencent Cloud SMS."""

    sms_tencent_access_id: Annotated[
        str,
        AfterValidator(line),
        kind("SecretId", "a sub-account that may send messages, and nothing else", filed=True),
    ] = Field(default="", repr=False)
    sms_tencent_access_key: Annotated[SecretStr | None, secret("SecretKey")] = None
    sms_tencent_app_id: Annotated[
        str,
        AfterValidator(line),
        kind("SmsSdkAppId, such as 1400006666", "which SMS application of the account"),
    ] = ""
    sms_tencent_sign: Annotated[
        str,
        AfterValidator(sign),
        kind(
            "the text of an approved signature, without 【】", "stands in 【】 before each message"
        ),
    ] = ""
    sms_tencent_templates: Annotated[
        Mapping[str, Template],
        templates("code", "minutes"),
        about_templates("Tencent Cloud", "code+minutes"),
    ] = Field(default_factory=dict)
    sms_tencent_region: Annotated[
        str,
        AfterValidator(line),
        kind("a region such as ap-guangzhou", "where the application is"),
    ] = "ap-guangzhou"
    sms_tencent_endpoint: Annotated[
        str,
        AfterValidator(endpoint),
        kind(
            "https://host; http only on loopback",
            "where the service is asked, if not at its usual place",
        ),
    ] = ""
