"""Readers for settings with a grammar of their own: addresses, origins, mounts, groups.

Each takes one entry's text and returns its one normal form, or raises ValueError.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from denglu.domain.groups import DOCUMENT_GROUPS, Group
from denglu.domain.mobile import canonical_mobile
from denglu.settings.values import plain, split

# What people write, and what it is called from then on.
_DATABASES = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
Network = IPv4Network | IPv6Network
CAPTCHAS = ("off", "pow", "aliyun", "tencent", "geetest")
GATEWAYS = ("console", "outbox", "aliyun", "aliyun-pnvs", "tencent", "http")

_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}", re.ASCII)
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]{0,31})://([a-z0-9.-]{1,253}|\[[0-9a-f:.]+\])(:[0-9]+)?")
_DIGITS = re.compile("[0-9]{4,8}", re.ASCII)
_NAMED_SECRET = re.compile(r"([A-Za-z0-9_-]{1,32}):([A-Za-z0-9._~-]{32,256})", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9._~-]{16,256}", re.ASCII)
_PLUGIN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_OF_PLUGIN = re.compile(rf"{_PLUGIN.pattern}\.{_PLUGIN.pattern}", re.ASCII)
_GROUP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_DEFAULT_PORTS = {("http", ":80"), ("https", ":443")}
_LONGEST_LABEL = 32
_MOST_SECRETS = 32
_MOST_SESSIONS = 100
# As the rows of messages hold a gateway's name.
_LONGEST_OF_PLUGIN = 20
_LONGEST_PLUGIN = 32


def database_url(value: object) -> str:
    """``sqlite:///path.db``, ``postgresql://…`` or ``mysql://…``, in its one spelling."""
    if not isinstance(value, str):
        raise ValueError("is no text")
    url = plain(value.strip())
    scheme, separator, rest = url.partition("://")
    kind = _DATABASES.get(scheme)
    if kind is None or not separator:
        raise ValueError("is no database that is served: sqlite, postgresql or mysql")
    if kind == "sqlite":
        return _file_url(url)
    _check_network(kind, rest)
    return f"{kind}://{rest}"


def _file_url(url: str) -> str:
    rest = url.partition("://")[2]
    path = rest.removeprefix("/")
    if path == rest or path.strip("/") in ("", ":memory:"):
        raise ValueError("names no file: write sqlite:///name.db or sqlite:////whole/path.db")
    if "?" in path or "#" in path or path.endswith("/"):
        raise ValueError("may hold a path only, without ? and #")
    return url


def _check_network(kind: str, rest: str) -> None:
    """Raise ValueError for what names no host or no database, or is misread."""
    parts = urlsplit(f"//{rest}")
    if "@" in parts.path + parts.query or parts.fragment:
        raise ValueError(
            "holds / ? # or @ in the clear: in a password write %2F %3F %23 %40, and %25 for %"
        )
    hosts = parts.netloc.rpartition("@")[2]
    # PostgreSQL's may name several hosts, of which one is the primary.
    found = [_host(host) for host in hosts.split(",")] if kind == "postgresql" else [_host(hosts)]
    if not all(found) and not re.search(r"(?:^|&)(?:host|unix_socket)=", parts.query):
        raise ValueError(f"names no host: write {kind}://user:password@host/database")
    if not parts.path.strip("/") or parts.path.count("/") > 1:
        raise ValueError(f"names no database: write {kind}://user:password@host/database")


def _host(text: str) -> str | None:
    """The host of ``host:port``."""
    try:
        parts = urlsplit(f"//{text}")
        if parts.port != 0:
            return parts.hostname
    except ValueError:
        pass
    raise ValueError("has a port that is none, or a host that is none")


def redis_url(value: object) -> str | None:
    """``redis://``, ``rediss://`` or ``unix://``."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("is no text")
    url = plain(value.strip())
    if not re.match(r"(rediss?://[^/?#]+|unix://+[^/?#]+)", url):
        raise ValueError("is no redis URL")
    try:
        urlsplit(url).port  # noqa: B018 - it raises
    except ValueError:
        raise ValueError("has a port that is none; in a password write / as %2F") from None
    return url


def masked_url(url: object) -> str:
    """A URL without the user, the password and the query in it, also where the host is missing."""
    text = re.sub(r"(?s)^([a-z0-9+]*:/*)?.*@", r"\1***@", "" if url is None else str(url))
    text = re.sub(r"(?s)\?.*", "?***", text)
    return re.sub(r"(://[^/:\[]*:)(?!\d+(?:[/?#,]|$))[^/]+", r"\1***", text)


def mount(text: str) -> str:
    """``api/`` and ``/api`` become ``/api``."""
    segments = text.strip("/").split("/")
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError(f"{text!r} is no path prefix of letters, digits and . _ ~ -")
    return "/" + "/".join(segments)


def network(text: str) -> Network:
    """An address or a network; an IPv4 address written as IPv6 becomes IPv4."""
    try:
        found = ip_network(text if "/" in text else _unmapped(text))
    except ValueError:
        raise ValueError(_no_network(text)) from None
    if found.prefixlen == 0:
        raise ValueError(f"{text!r} is everybody: then anybody may claim any address")
    return found


def _unmapped(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _no_network(text: str) -> str:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} is neither an address nor a network"
    return f"{text!r} has bits beside its network: do you mean {meant}?"


def origin(text: str) -> str:
    """An origin as browsers and app shells send it, or ``*``."""
    if text == "*":
        return text
    match = _ORIGIN.fullmatch(text.lower().removesuffix("/"))
    if match is None:
        raise ValueError(f"{text!r} is no origin: write https://shop.example, without a path")
    scheme, host, port = match[1], match[2], match[3] or ""
    if port and not 1 <= int(port[1:]) <= 65535:
        raise ValueError(f"{text!r} has no such port")
    return f"{scheme}://{host}" + ("" if (scheme, port) in _DEFAULT_PORTS else port)


def gateway(text: str) -> str:
    """The name of an SMS gateway: of ours, or ``plugin.name``."""
    if text not in GATEWAYS and not is_of_plugin(text):
        raise ValueError(f"{text!r} is no gateway")
    return text


def captcha(value: object) -> str:
    """The name of a captcha: of ours, or ``plugin.name``."""
    text = str(value).strip()
    if text not in CAPTCHAS and not is_of_plugin(text):
        raise ValueError("is no captcha")
    return text


def is_of_plugin(text: str) -> bool:
    """Whether it is written as what a plugin adds: ``plugin.name``."""
    return len(text) <= _LONGEST_OF_PLUGIN and _OF_PLUGIN.fullmatch(text) is not None


def plugin(text: str) -> str:
    """The name of a plugin; whether there is one is seen when it is loaded."""
    if not _PLUGIN.fullmatch(text) or len(text) > _LONGEST_PLUGIN:
        raise ValueError(f"{text!r} is no name of at most 32 small letters, digits and -")
    return text


def site_word(text: str) -> str:
    """A word that passwords may not consist of."""
    if not 2 <= len(text) <= 64:
        raise ValueError(f"{text!r} is shorter than 2 or longer than 64 characters")
    return text


@dataclass(frozen=True, slots=True)
class NamedSecret:
    """A secret and whose it is."""

    name: str
    secret: SecretStr


def named_secrets(value: object) -> tuple[NamedSecret, ...] | None:
    """``shop:SECRET``, several with a comma or on a line each. No fault shows any of it."""
    if value is None:
        return None
    if isinstance(value, str):
        value = value.replace("\r\n", ",").replace("\n", ",")
    if isinstance(value, tuple) and all(isinstance(each, NamedSecret) for each in value):
        return value or None
    pairs = [_NAMED_SECRET.fullmatch(str(entry)) for entry in dict.fromkeys(split(value))]
    found = [NamedSecret(pair[1], SecretStr(pair[2])) for pair in pairs if pair]
    if not found or len(found) < len(pairs) or len(found) > _MOST_SECRETS:
        raise ValueError("is no list of name:secret")
    return tuple(found)


def word(value: object) -> SecretStr | None:
    """A secret that may stand in a path. No fault shows any of it."""
    if value is None or isinstance(value, SecretStr):
        return value
    if not _WORD.fullmatch(str(value).strip()):
        raise ValueError("is no such word")
    return SecretStr(str(value).strip())


def groups(value: object) -> tuple[Group, ...]:
    """``kiosk:自助机:3,tv:电视`` or the table ``{kiosk: {label, sessions}}``."""
    if isinstance(value, Mapping):
        found = [_group(name, **_table(name, entry)) for name, entry in value.items()]
    else:
        found = [e if isinstance(e, Group) else _group(*str(e).split(":")) for e in split(value)]
    spelled = {group.name.casefold(): group.name for group in DOCUMENT_GROUPS}
    for group in found:
        if spelled.setdefault(group.name.casefold(), group.name) != group.name:
            raise ValueError(f"{group.name!r} exists as {spelled[group.name.casefold()]!r}")
    if len({group.name for group in found}) < len(found):
        raise ValueError("names a group twice")
    return tuple(found)


def _table(name: str, entry: object) -> dict[str, Any]:
    if not isinstance(entry, Mapping) or entry.keys() - {"label", "sessions"}:
        raise ValueError(f"{name!r} must be a table of label and sessions")
    return dict(entry)


def _group(name: str, label: object = "", sessions: object = 1, *rest: str) -> Group:
    if rest or not _GROUP_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no group: write name:label:sessions")
    known = {group.name: group.label for group in DOCUMENT_GROUPS}
    label = plain(label if isinstance(label, str) else "") or known.get(name, name)
    if len(label) > _LONGEST_LABEL:
        raise ValueError(f"the label of {name!r} is longer than {_LONGEST_LABEL} characters")
    if isinstance(sessions, bool) or not re.fullmatch("[0-9]{1,3}", str(sessions), re.ASCII):
        raise ValueError(f"the sessions of {name!r} are no number")
    if not 1 <= int(str(sessions)) <= _MOST_SESSIONS:
        raise ValueError(f"{name!r} may allow 1 … {_MOST_SESSIONS} sessions")
    return Group(name, label, int(str(sessions)))


def aliases(value: object) -> Mapping[str, str]:
    """``alias:name,…`` or the table ``{alias: name}``."""
    if isinstance(value, Mapping):
        pairs = [(str(alias), str(name)) for alias, name in value.items()]
    else:
        pairs = [(alias, name) for alias, _, name in (str(e).partition(":") for e in split(value))]
    for alias, name in pairs:
        if not (_GROUP_NAME.fullmatch(alias) and _GROUP_NAME.fullmatch(name)):
            raise ValueError(f"'{alias}:{name}' is no alias: write alias:name")
    if len({alias.casefold() for alias, _ in pairs}) < len(pairs):
        raise ValueError("names an alias twice")
    return MappingProxyType(dict(pairs))


def test_numbers(value: object) -> Mapping[str, str]:
    """``number=code,…`` or the table ``{number: code}``; numbers become canonical."""
    if isinstance(value, Mapping):
        pairs = [(str(number), str(code)) for number, code in value.items()]
    else:
        pairs = [(n, code) for n, _, code in (str(entry).partition("=") for entry in split(value))]
    read = [(canonical_mobile(number), code.strip()) for number, code in pairs]
    # What is wrong with which entry is not said: it holds a code.
    if any(mobile is None or not _DIGITS.fullmatch(code) for mobile, code in read):
        raise ValueError("has an entry that is not number=code")
    if len({mobile for mobile, _ in read}) < len(read):
        raise ValueError("names a number twice")
    return MappingProxyType({mobile: code for mobile, code in read if mobile})


def day(value: object) -> date | None:
    """``2026-12-31``, or a date of a TOML file."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(f"{value!r} is no day such as 2026-12-31") from None
