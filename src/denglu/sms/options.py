"""The settings that sending needs. ``Settings`` fulfils them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from denglu.domain.sms_template import Template


class Secret(Protocol):
    """A text that is shown nowhere."""

    def get_secret_value(self) -> str: ...


class AliyunOptions(Protocol):
    """Of the gateways ``aliyun`` and ``aliyun-pnvs``."""

    @property
    def sms_aliyun_access_id(self) -> str: ...
    @property
    def sms_aliyun_access_key(self) -> Secret | None: ...
    @property
    def sms_aliyun_sign(self) -> str: ...
    @property
    def sms_aliyun_templates(self) -> Mapping[str, Template]: ...
    @property
    def sms_aliyun_endpoint(self) -> str: ...
    @property
    def sms_pnvs_access_id(self) -> str: ...
    @property
    def sms_pnvs_access_key(self) -> Secret | None: ...
    @property
    def sms_pnvs_sign(self) -> str: ...
    @property
    def sms_pnvs_templates(self) -> Mapping[str, Template]: ...
    @property
    def sms_pnvs_endpoint(self) -> str: ...


class TencentOptions(Protocol):
    """Of the gateway ``tencent``."""

    @property
    def sms_tencent_access_id(self) -> str: ...
    @property
    def sms_tencent_access_key(self) -> Secret | None: ...
    @property
    def sms_tencent_app_id(self) -> str: ...
    @property
    def sms_tencent_sign(self) -> str: ...
    @property
    def sms_tencent_templates(self) -> Mapping[str, Template]: ...
    @property
    def sms_tencent_region(self) -> str: ...
    @property
    def sms_tencent_endpoint(self) -> str: ...


class HttpOptions(Protocol):
    """Of the gateway ``http``."""

    @property
    def sms_http_url(self) -> str: ...
    @property
    def sms_http_key(self) -> Secret | None: ...


class SmsOptions(AliyunOptions, TencentOptions, HttpOptions, Protocol):
    """Of all gateways together."""

    @property
    def sms_gateways(self) -> Sequence[str]: ...
    @property
    def sms_outbox(self) -> Path | None: ...
    @property
    def sms_gateway_timeout(self) -> float: ...
    @property
    def sms_timeout(self) -> float: ...
    @property
    def sms_gateway_pause(self) -> float: ...


def text(secret: Secret | None) -> str:
    """What a secret holds."""
    return "" if secret is None else secret.get_secret_value()
