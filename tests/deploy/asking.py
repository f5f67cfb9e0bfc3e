"""Requests to nginx over TLS, and what clients say of themselves in them."""

import functools
import ssl
from collections.abc import Sequence

import httpx

from tests.servers.nginx import NginxServer

Headers = Sequence[tuple[str, str]]


@functools.cache
def trusting() -> ssl.SSLContext:
    """One for all, which takes any certificate: to make one takes as long as ten requests."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(
    nginx: NginxServer,
    path: str,
    headers: Headers = (),
    method: str = "GET",
    body: bytes = b"",
    host: str = "shop.example",
) -> httpx.Response:
    """A request on a connection of its own."""
    with httpx.Client(verify=trusting(), trust_env=False, timeout=20) as client:
        url = f"https://127.0.0.1:{nginx.port}{path}"
        named = [("Host", host), *headers]
        return client.request(method, url, headers=named, content=body or None)


def key(token: str) -> tuple[str, str]:
    """How an app shows its token."""
    return ("X-Api-Key", token)


def made_up() -> Headers:
    """Every spelling that some back end might read as ours, twice and more."""
    names = ("X-Member-Id", "x-member-id", "X_Member_Id", "X-Member_Id", "x-member-group",
             "X-MEMBER-LEVEL", "X-Member-Merchant-Id", "X_MEMBER_MERCHANT_ID")  # fmt: skip
    return [(name, value) for name in names for value in ("999", "")]
