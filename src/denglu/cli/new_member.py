"""What an operator may give a new member: the wire's rules, for the terminal.

A username must not look like something else that members log in with, or the lookup would
find somebody else under it.
"""

import re
import sys
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from denglu.cli.faults import Fault
from denglu.domain.errors import Reason
from denglu.domain.member import name_key
from denglu.domain.mobile import canonical_mobile
from denglu.domain.passwords import check_new_password

if TYPE_CHECKING:
    from denglu.settings import Settings

_LONGEST_USERNAME = 255
_LONGEST_NICKNAME = 60
_LONGEST_INPUT = 4096
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
# Control, format (zero width, right-to-left), half a character, private use, line ends.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Given:
    """What an operator gave, checked. Whatever was not given is ''."""

    username: str
    mobile: str
    nickname: str
    password: str = field(repr=False)


def read_new(settings: "Settings", username: str, mobile: str, nickname: str) -> Given:
    """Check the names, read the password from standard input, and check that. Raises Fault."""
    given = Given(
        check_username(username), check_mobile(mobile), check_nickname(nickname), read_password()
    )
    check_password(
        given.password,
        settings,
        username=given.username,
        mobile=given.mobile,
        nickname=given.nickname,
    )
    return given


def check_username(text: str) -> str:
    """The username as it will be stored. Raises Fault."""
    key = name_key(text)
    if not key:
        raise Fault("the username is blank")
    if max(len(text), len(key)) > _LONGEST_USERNAME:
        raise Fault(f"the username is longer than {_LONGEST_USERNAME} characters")
    if has_unseen(text):
        raise Fault("the username holds a control or invisible character")
    if text != text.strip():
        raise Fault("the username begins or ends with a blank")
    if canonical_mobile(text) or canonical_mobile(key):
        raise Fault("the username looks like a mobile: give it with --mobile, and another username")
    if "@" in key and not _EMAIL.fullmatch(key):
        raise Fault("the username holds an @ and is no e-mail address")
    return text


def has_unseen(text: str) -> bool:
    """Whether a character of it cannot be seen."""
    return any(unicodedata.category(char) in _UNSEEN for char in text)


def check_mobile(text: str) -> str:
    """The canonical mobile; empty for none. Raises Fault."""
    if not text:
        return ""
    mobile = canonical_mobile(text)
    if mobile is None:
        raise Fault("the mobile is no mainland mobile such as 13800000000")
    return mobile


def check_nickname(text: str) -> str:
    """The nickname, verbatim. Raises Fault."""
    if len(text) > _LONGEST_NICKNAME:
        raise Fault(f"the nickname is longer than {_LONGEST_NICKNAME} characters")
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text):
        raise Fault("the nickname holds a control character")
    return text if text.strip() else ""


def read_password() -> str:
    """The password from standard input, without the one line end behind it. Raises Fault.

    A person at a terminal is asked for it, twice and unseen.
    """
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    raw = sys.stdin.buffer.read(_LONGEST_INPUT + 1)
    if len(raw) > _LONGEST_INPUT:
        raise Fault("standard input holds more than a password")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault("the password on standard input is not UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
    if "\n" in text:
        raise Fault("standard input holds more than one line: give the password alone")
    if not text:
        raise Fault("standard input is empty: give the password there")
    return text


def check_password(
    password: str, settings: "Settings", *, username: str, mobile: str, nickname: str
) -> None:
    """Hold a new password to the policy that registration has. Raises Fault."""
    from denglu.security.common_passwords import common_passwords

    reason = check_new_password(
        password,
        minimum=settings.password_min_length,
        common=common_passwords(),
        mobile=mobile,
        nickname=nickname,
        site_words=(*settings.password_site_words, username),
    )
    if reason is Reason.password_too_short:
        raise Fault(f"the password has fewer than {settings.password_min_length} characters")
    if reason is Reason.password_too_long:
        raise Fault("the password has more than 128 characters")
    if reason is not None:
        raise Fault("the password is too common, or made of the member's own names: choose another")
