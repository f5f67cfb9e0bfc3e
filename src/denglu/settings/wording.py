"""Settings of what messages say."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator

from denglu.domain.wording import DEFAULT_CODE, TEMPLATES, Wording, fault_of
from denglu.settings.about import About, Section, kind
from denglu.settings.values import plain

_HOST = re.compile(
    r"(?=.{3,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
_HASH = re.compile(r"[A-Za-z0-9+/]{11}", re.ASCII)
# A comma within a text stays there: only one before the next name ends it.
_NEXT = re.compile(r",\s*(?=[A-Za-z_-]+=)|\r?\n")


def _product(text: str) -> str:
    if not 1 <= len(text) <= 16 or set(text) & set("【】{}"):
        raise ValueError("is empty, too long, or holds 【】 or {}")
    return plain(text)


def _text(text: str) -> str:
    if fault := fault_of("code", text):
        raise ValueError(fault)
    return plain(text)


def _texts(value: object) -> Mapping[str, str]:
    """``login=…,password-changed=…``, one to a line, or the table ``{template: text}``."""
    if isinstance(value, Mapping):
        pairs = [(str(name), str(text)) for name, text in value.items()]
    else:
        entries = [entry.strip() for entry in _NEXT.split(str(value)) if entry.strip()]
        pairs = [
            (name.strip(), text.strip()) for name, _, text in (e.partition("=") for e in entries)
        ]
    for name, text in pairs:
        if name not in TEMPLATES:
            raise ValueError(f"{name!r} is no template: {', '.join(TEMPLATES)}")
        if fault := fault_of(name, plain(text)):
            raise ValueError(f"the text of {name} {fault}")
        if not text:
            raise ValueError(f"the text of {name} is empty")
    if len(dict(pairs)) < len(pairs):
        raise ValueError("names a template twice")
    return MappingProxyType(dict(pairs))


def _texts_shown(value: Mapping[str, str]) -> str:
    return ",".join(f"{name}={text}" for name, text in value.items())


def _domain(text: str) -> str:
    text = text.strip().lower()
    if text and not _HOST.fullmatch(text):
        raise ValueError("is no host name: write shop.example, without https:// and path")
    return text


def _hash(text: str) -> str:
    text = text.strip()
    if text and not _HASH.fullmatch(text):
        raise ValueError("is no hash of an Android app: those have 11 characters")
    return text


class Texts(Section):
    """What messages say."""

    sms_product_name: Annotated[
        str,
        AfterValidator(_product),
        kind(
            "1 … 16 characters, without 【】 and {}",
            "stands in 【】 in front of every message, and is {product} in templates",
        ),
    ] = "denglu"
    sms_text: Annotated[
        str,
        AfterValidator(_text),
        kind(
            "at most 200 characters with {code}, and {minutes} or {product} if wanted",
            "the message, at gateways that have no templates of their own (sms.md)",
        ),
    ] = DEFAULT_CODE
    sms_texts: Annotated[
        Mapping[str, str],
        PlainValidator(_texts),
        About(
            why="texts of their own for some templates: a usage, or a notice (then with {product} "
            "and, for cancel-requested, {days}, and without a code)",
            allowed="template=text,… or the table [sms_texts], of " + " ".join(TEMPLATES),
            show=_texts_shown,
        ),
    ] = Field(default_factory=dict)
    sms_autofill_domain: Annotated[
        str,
        AfterValidator(_domain),
        kind(
            "a host name such as shop.example",
            "adds the last line @shop.example #123456 to our texts: iPhones, Macs and browsers "
            "then offer a code there, and on no site that imitates it",
        ),
    ] = ""
    sms_android_hash: Annotated[
        str,
        AfterValidator(_hash),
        kind(
            "11 characters: letters, digits, + and /",
            "the app's hash for Google's SMS Retriever, as a line of its own in our texts, which "
            "may then have 140 bytes",
        ),
    ] = ""


def wording_of(settings: Texts) -> Wording:
    """The wording that the settings ask for."""
    return Wording(
        product=settings.sms_product_name,
        code=settings.sms_text,
        texts=settings.sms_texts,
        domain=settings.sms_autofill_domain,
        android_hash=settings.sms_android_hash,
    )
