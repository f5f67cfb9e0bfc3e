"""SMS codes: what they are for, what they look like, when one is right."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Usage(StrEnum):
    """What a code may be used for; it is good for nothing else."""

    login = "login"
    register = "register"
    up_pwd = "up-pwd"
    up_pay_pwd = "up-pay-pwd"
    reset_mobile = "reset-mobile"
    binding_mobile = "binding-mobile"
    cancel = "cancel"  # not in the original: the member's account is to be deleted


# Names that apps in the field send for the same usage (profile `rageframe` only).
FIELD_USAGES = {
    "reset": Usage.up_pwd,
    "forgot": Usage.up_pwd,
    "reset_password": Usage.up_pwd,
}


@dataclass(frozen=True, slots=True)
class CodePolicy:
    """Numbers of ``defaults.md``: length in digits, life in seconds, tries before void.

    Codes are drawn from ``lowest`` up to ``10**length - 1``, both included.
    """

    length: int = 6
    lowest: int = 0
    life: int = 300
    tries: int = 5


@dataclass(frozen=True, slots=True)
class FixedCodes:
    """Codes of numbers to which no message is sent: for people who review an app and have no
    phone of ours. They end at ``until`` (Unix seconds); then these are numbers like any other.
    """

    codes: Mapping[str, str] = field(default_factory=dict, repr=False)
    until: int = 0

    def code_of(self, mobile: str, now: int) -> str | None:
        """The code of a canonical mobile, where it has a fixed one."""
        return self.codes.get(mobile) if now < self.until else None


@dataclass(frozen=True, slots=True)
class LiveCode:
    """The newest code of a number and usage, as stored: no digit of it is in here.

    ``sent_at`` (Unix seconds) and ``ip``: when and from where it was asked for; ``ip`` is empty
    once it was wiped.
    """

    id: int
    salt: bytes
    digest: bytes = field(repr=False)
    sent_at: int
    ip: str


def read_code(value: object, length: int) -> str | None:
    """Return the code as exactly ``length`` ASCII digits, or None when it can't be one.

    Clients send text; the API document says integer: 42 is then 000042.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return f"{value:0{length}d}" if 0 <= value < 10**length else None
    if isinstance(value, str) and re.fullmatch(f"[0-9]{{{length}}}", value, re.ASCII):
        return value
    return None
