"""Settings of the captcha: which one, and the account of the service behind it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, SecretStr

from denglu.settings import readers
from denglu.settings.about import Section, between, kind
from denglu.settings.services import endpoint, line, secret
from denglu.settings.values import Whole

NEEDED = {
    "aliyun": {
        "captcha_id": "its SceneId",
        "captcha_prefix": "its prefix",
        "captcha_access_id": "an AccessKey ID",
        "captcha_access_key": "the secret of its AccessKey",
    },
    "tencent": {
        "captcha_id": "its CaptchaAppId",
        "captcha_key": "its AppSecretKey",
        "captcha_access_id": "a SecretId",
        "captcha_access_key": "the SecretKey of its SecretId",
    },
    "geetest": {"captcha_id": "its captcha_id", "captcha_key": "its captcha_key"},
}
"""What each captcha needs besides, and what its service calls that."""


class Captcha(Section):
    """The captcha."""

    captcha: Annotated[
        str,
        PlainValidator(readers.captcha),
        kind(
            f"{', '.join(readers.CAPTCHAS)}; with a plugin also plugin.name",
            "asked of suspicious callers only (captcha.md); off refuses nobody for it, and the "
            "other limits hold alone. pow needs no outside service",
        ),
    ] = "off"
    captcha_difficulty: Annotated[
        Whole,
        between(
            1000,
            1_000_000,
            "the most hashes a client computes for pow, on average half of them; 50000 are up to "
            "a second in a slow phone's JavaScript",
        ),
    ] = 50_000
    captcha_id: Annotated[
        str,
        AfterValidator(line),
        kind(
            "what the service calls SceneId (aliyun), CaptchaAppId (tencent), captcha_id (geetest)",
            "which captcha of the account; clients are told",
        ),
    ] = ""
    captcha_prefix: Annotated[
        str,
        AfterValidator(line),
        kind("the prefix of the account; aliyun only", "clients are told"),
    ] = ""
    captcha_key: Annotated[
        SecretStr | None, secret("AppSecretKey (tencent) or captcha_key (geetest)")
    ] = None
    captcha_access_id: Annotated[
        str,
        AfterValidator(line),
        kind(
            "AccessKey ID (aliyun), SecretId (tencent)",
            "an account that may verify captchas, and nothing else",
            filed=True,
        ),
    ] = Field(default="", repr=False)
    captcha_access_key: Annotated[
        SecretStr | None, secret("AccessKey secret (aliyun), SecretKey (tencent)")
    ] = None
    captcha_endpoint: Annotated[
        str,
        AfterValidator(endpoint),
        kind(
            "https://host; http only on loopback",
            "where the service is asked, if not at its usual place: another region, a proxy",
        ),
    ] = ""
    captcha_unreachable: Annotated[
        Literal["busy", "pass"],
        kind(
            "busy, pass",
            "while the service cannot be asked, suspicious callers are told to come back, or get "
            "by without it; the limits of guessing and sending hold either way",
        ),
    ] = "busy"
