"""Settings of the SMS gateway ``http``."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from denglu.settings.about import Section, kind
from denglu.settings.readers import masked_url
from denglu.settings.services import secret
from denglu.settings.values import plain

NEEDED = {
    "http": {
        "sms_http_url": "the URL of its receiver",
        "sms_http_key": "the key that requests are signed with",
    }
}
"""What the gateway needs."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_URL = re.compile(r"[!-~]{1,2048}", re.ASCII)


def _url(text: str) -> str:
    text = plain(text.strip())
    if not text:
        return text
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("has a host or a port that is none") from None
    if not _URL.fullmatch(text) or not host or port == 0 or parts.fragment:
        raise ValueError("is no https://host/path")
    if "@" in parts.netloc:
        raise ValueError("holds a user; requests are signed instead")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise ValueError("is no https:// URL; http only on loopback")
    return text


class SmsHttp(Section):
    """The gateway http: a sender of your own."""

    sms_http_url: Annotated[
        str,
        AfterValidator(_url),
        kind(
            "https://host/path; http only on loopback",
            "each message is POSTed there as JSON (sms-http.md)",
            filed=True,
            show=masked_url,
        ),
    ] = Field(default="", repr=False)
    sms_http_key: Annotated[
        SecretStr | None,
        secret("requests are signed with it, and the receiver refuses all others", least=32),
    ] = None
