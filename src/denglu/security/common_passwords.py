"""The offline list of common passwords: loaded at first use, searched in place.

It may not judge: ``domain.passwords`` does. ``scripts/make_common_passwords.py`` makes the
file, ``data/NOTICE`` says what it rests on.
"""

import gzip
from collections.abc import Container
from functools import cache
from importlib import resources


class WordList(Container[str]):
    """Words in one piece of memory, which costs a tenth of a set and loads in a millisecond.

    ``lines`` holds one word a line in UTF-8, with a line end behind each.
    """

    def __init__(self, lines: bytes) -> None:
        self._lines = b"\n" + lines

    def __contains__(self, word: object) -> bool:
        if not isinstance(word, str) or not word or "\n" in word:
            return False
        return b"\n%b\n" % word.encode("utf-8", "surrogatepass") in self._lines


@cache
def common_passwords() -> WordList:
    """The list that denglu ships: lower case, 8 characters and more."""
    packed = resources.files(__package__) / "data" / "common_passwords.txt.gz"
    return WordList(gzip.decompress(packed.read_bytes()))
