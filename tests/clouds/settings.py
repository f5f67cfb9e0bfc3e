"""The settings of a gateway whose service is an emulator; names without ``DENGLU_``."""

from tests.clouds.base import ACCESS, Service
from tests.clouds.sender import KEY
from tests.clouds.tc3 import APP_ID, CODE_TEMPLATE, NOTICE_TEMPLATE, SIGN

_NOTICES = ("password-changed", "mobile-changed", "cancel-requested")


def of_aliyun(service: Service, **more: str) -> dict[str, str]:
    return {
        "SMS_GATEWAYS": "aliyun",
        "SMS_ALIYUN_ACCESS_ID": ACCESS[0],
        "SMS_ALIYUN_ACCESS_KEY": ACCESS[1],
        "SMS_ALIYUN_SIGN": "登录测试",
        "SMS_ALIYUN_TEMPLATES": ",".join(
            ["code=SMS_100001", *(f"{name}=SMS_100003" for name in _NOTICES)]
        ),
        "SMS_ALIYUN_ENDPOINT": service.url,
    } | more


def of_tencent(service: Service, **more: str) -> dict[str, str]:
    notices = ",".join(f"{name}={NOTICE_TEMPLATE}" for name in _NOTICES)
    return {
        "SMS_GATEWAYS": "tencent",
        "SMS_TENCENT_ACCESS_ID": ACCESS[0],
        "SMS_TENCENT_ACCESS_KEY": ACCESS[1],
        "SMS_TENCENT_APP_ID": APP_ID,
        "SMS_TENCENT_SIGN": SIGN,
        "SMS_TENCENT_TEMPLATES": f"code={CODE_TEMPLATE},{notices}",
        "SMS_TENCENT_ENDPOINT": service.url,
    } | more


def of_pnvs(service: Service, **more: str) -> dict[str, str]:
    return {
        "SMS_GATEWAYS": "aliyun-pnvs",
        "SMS_PNVS_ACCESS_ID": ACCESS[0],
        "SMS_PNVS_ACCESS_KEY": ACCESS[1],
        "SMS_PNVS_SIGN": "速通互联验证码",
        "SMS_PNVS_TEMPLATES": "code=100001",
        "SMS_PNVS_ENDPOINT": service.url,
    } | more


def of_http(service: Service, **more: str) -> dict[str, str]:
    return {
        "SMS_GATEWAYS": "http",
        "SMS_HTTP_URL": f"{service.url}/sms",
        "SMS_HTTP_KEY": KEY,
    } | more
