"""Makes the gateways and the sender that the settings ask for.

The libraries of the clouds are large, and optional: each is imported by the gateway that needs
it, when it is opened.
"""

from collections.abc import Callable, Mapping
from importlib import import_module

from denglu.flows.ports import SmsGateway
from denglu.sms.console import ConsoleGateway
from denglu.sms.failover import Failover, Told
from denglu.sms.options import SmsOptions, text
from denglu.sms.outbox import OutboxGateway

EXTRAS = {"aliyun": "aliyun", "aliyun-pnvs": "aliyun", "tencent": "tencent"}
"""What has to be installed for a gateway: ``denglu[…]``."""
_MODULES = {"aliyun": "aliyun", "aliyun-pnvs": "pnvs", "tencent": "tencent"}


def open_sender(
    options: SmsOptions, told: Told | None = None, *, others: Mapping[str, SmsGateway] | None = None
) -> Failover:
    """All gateways that the settings name, in that order; ``others`` are those of plugins, and
    ``told`` hears of each time that one is asked. Raises as ``open_gateway`` does.
    """
    others = others or {}
    return Failover(
        [others.get(name) or open_gateway(name, options) for name in options.sms_gateways],
        each=options.sms_gateway_timeout,
        whole=options.sms_timeout,
        pause=options.sms_gateway_pause,
        told=told,
    )


def open_gateway(name: str, options: SmsOptions) -> SmsGateway:
    """One gateway. Raises ValueError for none that there is, or whose settings are missing, and
    ModuleNotFoundError when its library is not installed.
    """
    if name not in _OPENERS:
        raise ValueError(f"{name!r} is no gateway")
    return _OPENERS[name](options)


def load_gateway(name: str) -> None:
    """Bring a gateway's library into memory. Raises ModuleNotFoundError."""
    if name in _MODULES:
        import_module(f"denglu.sms.{_MODULES[name]}")


def _outbox(options: SmsOptions) -> SmsGateway:
    if options.sms_outbox is None:
        raise ValueError("the gateway outbox has no file")
    return OutboxGateway(options.sms_outbox)


def _aliyun(options: SmsOptions) -> SmsGateway:
    from denglu.sms.aliyun import ENDPOINT, Aliyun

    return Aliyun(
        (options.sms_aliyun_access_id, text(options.sms_aliyun_access_key)),
        options.sms_aliyun_sign,
        options.sms_aliyun_templates,
        endpoint=options.sms_aliyun_endpoint or ENDPOINT,
        seconds=options.sms_gateway_timeout,
    )


def _pnvs(options: SmsOptions) -> SmsGateway:
    from denglu.sms.pnvs import ENDPOINT, Pnvs

    return Pnvs(
        (options.sms_pnvs_access_id, text(options.sms_pnvs_access_key)),
        options.sms_pnvs_sign,
        options.sms_pnvs_templates,
        endpoint=options.sms_pnvs_endpoint or ENDPOINT,
        seconds=options.sms_gateway_timeout,
    )


def _tencent(options: SmsOptions) -> SmsGateway:
    from denglu.sms.tencent import ENDPOINT, Tencent

    return Tencent(
        (options.sms_tencent_access_id, text(options.sms_tencent_access_key)),
        options.sms_tencent_app_id,
        options.sms_tencent_sign,
        options.sms_tencent_templates,
        region=options.sms_tencent_region,
        endpoint=options.sms_tencent_endpoint or ENDPOINT,
        seconds=options.sms_gateway_timeout,
    )


def _http(options: SmsOptions) -> SmsGateway:
    from denglu.sms.http import Http

    return Http(
        options.sms_http_url, text(options.sms_http_key), seconds=options.sms_gateway_timeout
    )


_OPENERS: Mapping[str, Callable[[SmsOptions], SmsGateway]] = {
    "console": lambda _: ConsoleGateway(),
    "outbox": _outbox,
    "aliyun": _aliyun,
    "aliyun-pnvs": _pnvs,
    "tencent": _tencent,
    "http": _http,
}
