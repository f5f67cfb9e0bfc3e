"""Libraries that only some settings need: brought into memory before a server forks, or missed."""

from denglu.captcha import endpoint_of
from denglu.settings import Settings
from denglu.settings.readers import is_of_plugin
from denglu.sms import EXTRAS, load_gateway
from denglu.store.opening import MissingDriver


def load_captcha(settings: Settings) -> None:
    """Bring the library of the captcha's service into memory. Raises MissingDriver."""
    if settings.captcha in ("off", "pow") or is_of_plugin(settings.captcha):
        return
    try:
        endpoint_of(settings)
    except ModuleNotFoundError as missing:
        raise MissingDriver(f"{settings.captcha}-captcha", missing) from None


def load_sms(settings: Settings) -> None:
    """Bring the libraries of the SMS gateways into memory. Raises MissingDriver."""
    for name in settings.sms_gateways:
        try:
            load_gateway(name)
        except ModuleNotFoundError as missing:
            raise MissingDriver(EXTRAS[name], missing) from None


def load_metrics(settings: Settings) -> None:
    """Bring the library of the metrics into memory, if they are on. Raises MissingDriver."""
    if settings.metrics_key is None:
        return
    try:
        import prometheus_client  # noqa: F401
    except ModuleNotFoundError as missing:
        raise MissingDriver("metrics", missing) from None
