"""Alibaba Cloud's captcha 2.0, through its library."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from alibabacloud_captcha20230305.client import Client  # type: ignore[import-untyped]
from alibabacloud_captcha20230305.models import (  # type: ignore[import-untyped]
    VerifyIntelligentCaptchaRequest,
)
from alibabacloud_tea_openapi.models import Config  # type: ignore[import-untyped]
from alibabacloud_tea_util.models import RuntimeOptions  # type: ignore[import-untyped]

from denglu.captcha.asked import CONNECT_SECONDS, SECONDS, Unanswered, Verdict
from denglu.domain.errors import Detail

ENDPOINT = "https://captcha.cn-shanghai.aliyuncs.com"

# It writes to the terminal past every setting, whole headers where DEBUG=sdk.
logging.getLogger("darabonba-core").handlers.clear()


class Aliyun:
    """Fulfils ``asked.Service``. ``prefix`` and ``scene_id`` are for the front end; ``access``:
    AccessKey id and secret. A token is the ``captchaVerifyParam`` as the front end got it.
    """

    def __init__(
        self, scene_id: str, prefix: str, access: tuple[str, str], endpoint: str = ENDPOINT
    ) -> None:
        self.shown: Mapping[str, Detail] = {
            "kind": "aliyun",
            "scene_id": scene_id,
            "prefix": prefix,
        }
        self._scene_id = scene_id
        parts = urlsplit(endpoint)
        self._client = Client(
            Config(
                access_key_id=access[0],
                access_key_secret=access[1],
                endpoint=parts.netloc,
                protocol=parts.scheme,
                connect_timeout=int(CONNECT_SECONDS * 1000),
                read_timeout=int(SECONDS * 1000),
            )
        )

    def judge(self, token: str, ip: str) -> Verdict:
        """See ``Service``."""
        request = VerifyIntelligentCaptchaRequest(
            captcha_verify_param=token, scene_id=self._scene_id
        )
        try:
            said = self._client.verify_intelligent_captcha_with_options(request, RuntimeOptions())
            result = said.body.result
            passed = result.verify_result is True
        except Exception as error:
            return _explained(error)
        return Verdict(str(result.certify_id or token) if passed else "")


def _explained(error: Any) -> Verdict:
    """What a refused request says of our settings; everything else is no answer."""
    status, code = getattr(error, "status_code", 0), getattr(error, "code", "")
    if isinstance(status, int) and 400 <= status < 500 and not str(code).startswith("Throttling"):
        return Verdict(fault=f"Aliyun says {code}")
    raise Unanswered(f"{type(error).__name__} {code or ''}".rstrip())
