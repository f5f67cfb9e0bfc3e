"""What settings of outside services have in common: names, keys, addresses, templates."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import PlainValidator, SecretStr

from denglu.domain.sms_message import Notice
from denglu.domain.sms_template import NAMES, Template
from denglu.domain.wording import placeholders
from denglu.settings.about import About, kind
from denglu.settings.values import plain, split

LONGEST = 256
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ENDPOINT = re.compile(
    rf"(?:https://(?=[^:]{{1,253}}(?::|$)){_LABEL}(?:\.{_LABEL})*|http://(?:127\.0\.0\.1|localhost))"
    "(?::([0-9]{1,5}))?"
)
_TEMPLATE_ID = re.compile("[A-Za-z0-9_-]{1,64}", re.ASCII)


def line(text: str) -> str:
    """One line of text, as a service's console shows it."""
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    return plain(text.strip())


def sign(text: str) -> str:
    """A signature's own text: providers put the brackets around it."""
    if set(text) & set("【】"):
        raise ValueError("holds 【】, which the provider adds")
    return line(text)


def endpoint(text: str) -> str:
    """Where a service is asked: ``https://host``; http only on loopback."""
    text = text.strip().lower().removesuffix("/")
    found = _ENDPOINT.fullmatch(text)
    if text and not (found and 1 <= int(found[1] or 443) <= 65535):
        raise ValueError("is no https://host or https://host:port")
    return text


def secret(why: str, *, least: int = 8) -> About:
    """A key that is shown nowhere, of ``least`` to 256 characters."""
    return About(
        why=why,
        allowed=f"{least} … {LONGEST} characters",
        low=least,
        high=LONGEST,
        measure=_length,
        filed=True,
        secret=True,
    )


def _length(key: SecretStr) -> float:
    return len(key.get_secret_value())


def templates(*params: str) -> PlainValidator:
    """Reads ``name=id,name=id:param+param`` and the table ``{name: "id:param+param"}``.

    ``params``: what is filled into a template of codes where the setting does not say.
    """

    def read(value: object) -> Mapping[str, Template]:
        if isinstance(value, Mapping):
            pairs = [(str(name), entry) for name, entry in value.items()]
        else:
            pairs = [(n.strip(), t) for n, _, t in (str(e).partition("=") for e in split(value))]
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("names a template twice")
        return MappingProxyType({name: _template(name, entry, params) for name, entry in pairs})

    return PlainValidator(read)


def _template(name: str, entry: object, usual: tuple[str, ...]) -> Template:
    if isinstance(entry, Template):
        return entry
    if name not in NAMES:
        raise ValueError(f"{name!r} is no message; there are {', '.join(NAMES)}")
    template_id, colon, rest = str(entry).strip().partition(":")
    params = tuple(rest.split("+")) if rest else ()
    if not colon and name not in set(Notice):
        params = usual
    if not _TEMPLATE_ID.fullmatch(template_id) or isinstance(entry, bool | float | dict | list):
        raise ValueError(f"{name!r} has no template's id")
    if lost := set(params) - set(placeholders(name)):
        raise ValueError(f"{name!r} cannot be filled with {sorted(lost)[0]!r}")
    return Template(template_id, params)


def templates_text(value: Mapping[str, Template]) -> str:
    """Templates as they would be written in a variable."""
    return ",".join(f"{name}={each.id}:{'+'.join(each.params)}" for name, each in value.items())


def about_templates(provider: str, usual: str) -> About:
    """The facts about a gateway's templates; ``usual``: what is filled in unless told."""
    return kind(
        "name=id,… or name=id:param+param,… or a table; code for every usage without its own, a "
        "usage, password-changed, mobile-changed, cancel-requested; params: code, minutes, "
        "product; days for cancel-requested",
        f"ids of approved templates at {provider}, and what fills their places, in order; unless "
        f"told, a code's are {usual}, and a notice has none",
        show=templates_text,
    )
