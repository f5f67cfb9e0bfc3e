"""Which new passwords are allowed. Length and guessability only: no composition, no rotation.

What is too common is judged on a plain form of the password (compatibility forms and case
folded, so that ``Ｐassword`` is ``password``); what is stored is the password as it was sent.
"""

import re
import unicodedata
from collections.abc import Container, Iterable

from denglu.domain.errors import Reason

# 128 code points are at most 512 bytes of UTF-8.
LONGEST = 128
_TAIL = 4
_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])", re.ASCII)


def check_new_password(
    password: str,
    *,
    minimum: int,
    common: Container[str],
    mobile: str | None,
    nickname: str | None,
    site_words: Iterable[str],
) -> Reason | None:
    """Return why ``password`` may not be set, or None.

    ``minimum`` counts code points. ``common`` holds plain forms (lower case). Too common is
    what the list holds, a date (``19900101``), and what consists of the mobile, the nickname
    or site words: a part of one, or nothing but them, however often, with at most four
    characters in front, between or behind that are no letters (``xiaoming1990``).
    """
    if len(password) < minimum:
        return Reason.password_too_short
    if len(password) > LONGEST:
        return Reason.password_too_long
    plain = _plain(password)
    words = _words(mobile, nickname, *site_words)
    if plain in common or _DATE.fullmatch(plain) or _consists_of(words, plain):
        return Reason.password_too_common
    return None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _words(*raw: str | None) -> list[str]:
    """The plain forms of the words, with and without blanks, the longest first."""
    plain = [_plain(text) for text in raw if text]
    forms = {form for text in plain for form in (text.strip(), "".join(text.split()))}
    return sorted(forms, key=len, reverse=True)


def _consists_of(words: list[str], plain: str) -> bool:
    rest = plain
    for word in words:
        if plain in word:
            return True
        rest = rest.replace(word, "")
    return len(rest) <= _TAIL and not any(char.isalpha() for char in rest)
