"""The last line of defence: what looks like a secret is not written, whoever logged it.

Code that logs must not rely on it; it is there for the line that nobody thought of.
"""

import json
import math
import re
import string
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

HIDDEN = "[hidden]"
_DEEPEST = 6
_LONGEST = 16_000
_LONGEST_READ = 4 * _LONGEST

_RUN = string.ascii_letters + string.digits + "_-"
# Tokens have 43 characters; whatever is glued to one makes a longer run.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43,}")
# A mainland mobile with or without country code and separators, also in full-width digits,
# and also right after a percent escape.
_DIGIT = "[0-9０-９]"
_MOBILE = re.compile(
    rf"(?:(?<!{_DIGIT})|(?<=%[0-9A-Fa-f]{{2}}))((?:(?:\+|00)?86[ -]?)?)"
    rf"([1１][3-9３-９]{_DIGIT})[ -]?{_DIGIT}{{4}}[ -]?({_DIGIT}{{4}})(?!{_DIGIT})"
)
# What follows the gateway in a path where receipts come in is a key; without a gateway, all of it.
_HOOK = re.compile(r"""(?i)(/hooks/+(?:sms/+)?(?:[a-z-]{1,15}/+(?=[^\s"'?]))?)[^\s"'?]+""")
# Where the whole is a path, nothing ends the key, whatever somebody pasted along with it.
_HOOK_PATH = re.compile(r"(?is)(/hooks/+(?:sms/+)?(?:[a-z-]{1,15}/+(?=.))?).+")
_NAME = r"passw(?:or)?d|pwd|token|secret|authorization|api[_-]?key|cookie"
# Every repetition is bounded or runs to its end: hostile text costs no more than its length.
_NAMED = re.compile(
    rf"""(?ix)
    ( (?:{_NAME}) [\w-]{{0,40}} ["']? \s{{0,3}} [=:] \s{{0,3}} (?:(?:bearer|basic)\s{{1,3}})? )
    ( b?"(?:\\.|[^"\\])*"? | b?'(?:\\.|[^'\\])*'? | [^\s,;&}})\]]+ )
    """
)
# A bare ``code`` is an HTTP or exit code as often as not: only 4 to 8 digits are hidden.
_CODE = re.compile(r"""(?i)((?<![a-z])code["']?\s{0,3}[=:]?\s{0,3}["']?)[0-9]{4,8}(?![0-9])""")
# What pydantic and SQLAlchemy quote of their input when they fail.
_QUOTED = re.compile(
    r"(?s)(input_value=).{0,500}?(?=, input_type=)|(\[parameters: ).{0,5000}?(?=\]\n|\]\Z)"
)
_SECRET_KEY = re.compile(rf"(?i){_NAME}|^(?:sms|verification|verify)?_?code$")
_REQUEST_ID = re.compile(r"[0-9a-f]{32}")
# Whatever ends a line or moves a cursor somewhere, and halves of characters.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def redact(text: str) -> str:
    """Return ``text`` without tokens, passwords and codes, and with mobiles masked."""
    if len(text) > _LONGEST_READ:
        # What is left of a token that was cut through would no longer look like one.
        text = text[:_LONGEST_READ].rstrip(_RUN)
    text = _NAMED.sub(rf"\1{HIDDEN}", text)
    text = _CODE.sub(rf"\1{HIDDEN}", text)
    text = _QUOTED.sub(lambda match: f"{match[1] or match[2]}{HIDDEN}", text)
    return redact_shapes(text)


def redact_shapes(text: str) -> str:
    """Only what gives itself away by its shape or its place: tokens, mobiles, keys in paths."""
    if "/" in text:
        text = _HOOK.sub(r"\1***", text)
    return _MOBILE.sub(r"\1\2****\3", _TOKEN.sub(HIDDEN, text))


def redact_path(path: str) -> str:
    """A path without the key of receipts in it."""
    return _HOOK_PATH.sub(r"\1***", path)


def redacted(value: object, depth: int = 0) -> object:
    """The same for a log record's field of any kind; the result can be dumped as JSON."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        text = str(value)
        return value if math.isfinite(value) and redact_shapes(text) == text else redact(text)
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {
            redact_shapes(str(key)): _field(str(key), item, depth) for key, item in value.items()
        }
    if isinstance(value, list | tuple | AbstractSet):
        return [redacted(item, depth + 1) for item in value]
    return redact(str(value))[:_LONGEST]


def _field(key: str, value: object, depth: int) -> object:
    if _SECRET_KEY.search(key):
        return HIDDEN
    if key == "request_id" and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
        return value  # Random hexadecimal digits look like a mobile now and then.
    return redacted(value, depth + 1)


def one_line(value: object) -> str:
    """JSON on one line, with Chinese as it is and every control character escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
