"""Reads ``mysql://user:password@host:port/database?option=value`` for asyncmy.

Options: ``unix_socket`` (a path), ``ssl_mode`` (``disabled``, ``required``, ``verify_ca`` or
``verify_identity``), ``ssl_ca``, ``ssl_cert`` and ``ssl_key`` (files). With ``ssl_ca`` the mode
is ``verify_identity`` unless said otherwise; with none of these nothing is encrypted.
"""

import ssl
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_OPTIONS = {"unix_socket", "ssl_mode", "ssl_ca", "ssl_cert", "ssl_key"}
_MODES = ("disabled", "required", "verify_ca", "verify_identity")


def connect_arguments(url: str) -> dict[str, Any]:
    """Where to connect and how, as arguments of ``asyncmy.connect``. Raises ValueError, whose
    text holds no password, and OSError for a file of ``ssl_*`` that cannot be read.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - _OPTIONS):
        raise ValueError(f"the database's URL has options that are none: {', '.join(unknown)}")
    return {
        "host": parts.hostname or "localhost",
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or "").encode(),  # as text it would become Latin-1
        "database": unquote(parts.path.removeprefix("/")),
        "unix_socket": options.get("unix_socket"),
        "ssl": _context(options),
        "charset": "utf8mb4",
        "program_name": "denglu",
    }


def _context(options: dict[str, str]) -> ssl.SSLContext | None:
    mode = options.get("ssl_mode", "verify_identity" if "ssl_ca" in options else "disabled")
    mode = mode.lower().replace("-", "_")
    if mode not in _MODES:
        raise ValueError(f"ssl_mode is one of {', '.join(_MODES)}")
    if mode == "disabled":
        return None
    context = ssl.create_default_context(cafile=options.get("ssl_ca"))
    context.check_hostname = mode == "verify_identity"
    if mode == "required":
        context.verify_mode = ssl.CERT_NONE
    if "ssl_cert" in options:
        context.load_cert_chain(options["ssl_cert"], options.get("ssl_key"))
    return context
