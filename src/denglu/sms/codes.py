"""What providers' error codes mean: for the gateway that judges, and for people who read.

Each provider's catalogue says in its own words what is the matter and what to do about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from denglu.domain.sms_message import Trouble

UNREADABLE = "unreadable"
"""Stands where a provider said what is no code."""
_FAMILY = "*"


@dataclass(frozen=True, slots=True)
class ProviderCode:
    """One error code, or with ``*`` at its end all that begin so. ``zh``, ``en``: what it means
    and what to do.
    """

    code: str
    trouble: Trouble
    zh: str
    en: str


class Catalogue:
    """All codes of one provider. Iterating gives them in the order they were written."""

    def __init__(self, *codes: ProviderCode) -> None:
        self._codes = codes
        self._exact = {code.code: code for code in codes}
        families = [code for code in codes if code.code.endswith(_FAMILY)]
        self._families = sorted(families, key=lambda code: len(code.code), reverse=True)

    def __iter__(self) -> Iterator[ProviderCode]:
        return iter(self._codes)

    def find(self, code: str) -> ProviderCode | None:
        """What is known of a code: the code itself, or the longest family it belongs to."""
        if found := self._exact.get(code):
            return found
        starts = (each for each in self._families if code.startswith(each.code[:-1]))
        return next(starts, None)

    def trouble(self, code: str) -> Trouble:
        """What a code says of a message. A code that nobody knows is our account's trouble: the
        provider spoke, and it did not send.
        """
        found = self.find(code)
        return found.trouble if found else Trouble.refused


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at without sending a message.

    ``what``: ``credentials``, ``signature``, or ``template`` and the name it has in the settings.
    ``ok``: None where only sending can tell. ``code``: what sending would be refused with, to be
    looked up in the catalogue, or the kind of trouble; ``detail``: facts in a few words.
    """

    what: str
    ok: bool | None
    code: str = ""
    detail: str = ""
