"""Makes the captcha that the settings ask for."""

from importlib import import_module
from typing import Protocol

from denglu.captcha.asked import AskedCaptcha, Service
from denglu.captcha.pow import ProofOfWork
from denglu.flows.ports import Clock, Secrets

OpenedCaptcha = ProofOfWork | AskedCaptcha
"""To be closed when it is done with."""


class Secret(Protocol):
    """A text that is shown nowhere."""

    def get_secret_value(self) -> str: ...


class CaptchaOptions(Protocol):
    """The settings that a captcha needs. ``Settings`` fulfils it."""

    @property
    def captcha(self) -> str: ...
    @property
    def captcha_difficulty(self) -> int: ...
    @property
    def captcha_id(self) -> str: ...
    @property
    def captcha_key(self) -> Secret | None: ...
    @property
    def captcha_access_id(self) -> str: ...
    @property
    def captcha_access_key(self) -> Secret | None: ...
    @property
    def captcha_prefix(self) -> str: ...
    @property
    def captcha_endpoint(self) -> str: ...
    @property
    def captcha_unreachable(self) -> str: ...


def open_captcha(
    options: CaptchaOptions, secrets: Secrets, clock: Clock, *, other: Service | None = None
) -> OpenedCaptcha | None:
    """The captcha; None where there is to be none. ``other``: the service of a plugin.

    Raises ModuleNotFoundError when the library of the chosen service is not installed.
    """
    if options.captcha == "off":
        return None
    if options.captcha == "pow":
        return ProofOfWork(secrets, clock, difficulty=options.captcha_difficulty)
    service = other or _service(options)
    return AskedCaptcha(service, secrets, lenient=options.captcha_unreachable == "pass")


def endpoint_of(options: CaptchaOptions) -> str:
    """Where the chosen service is asked.

    Raises ModuleNotFoundError when its library is not installed.
    """
    # Only the one that was chosen: their libraries are large, and optional.
    service = import_module(f"denglu.captcha.{options.captcha}")
    return options.captcha_endpoint or str(service.ENDPOINT)


def _service(options: CaptchaOptions) -> Service:
    captcha_id, endpoint = options.captcha_id, endpoint_of(options)
    key, access_key = _text(options.captcha_key), _text(options.captcha_access_key)
    access = options.captcha_access_id, access_key
    if options.captcha == "aliyun":
        from denglu.captcha.aliyun import Aliyun

        return Aliyun(captcha_id, options.captcha_prefix, access, endpoint)
    if options.captcha == "tencent":
        from denglu.captcha.tencent import Tencent

        return Tencent(int(captcha_id), key, access, endpoint)
    from denglu.captcha.geetest import Geetest

    return Geetest(captcha_id, key, endpoint)


def _text(secret: Secret | None) -> str:
    return "" if secret is None else secret.get_secret_value()
