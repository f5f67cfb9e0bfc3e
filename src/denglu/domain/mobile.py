"""Mainland mobile numbers: one canonical form, and the mask that everybody else sees."""

import re

_SEPARATORS = str.maketrans("", "", " -\u00a0\u2010\u2011\u2013")
_MAINLAND = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
_PREFIX = re.compile(r"(?:\+86|0086|86(?=1[3-9][0-9]{9}\Z))", re.ASCII)
_LONGEST = 32


def canonical_mobile(raw: str) -> str | None:
    """Return the 11 digits of a mainland mobile (``13800000000``), or None.

    ``+86``, ``0086`` and ``86`` in front, spaces and hyphens between are understood, because
    people paste them; anything else (other countries, full-width or Arabic digits, line
    ends) is no mobile. One number therefore has one key, however it is written.

    The ranges of virtual operators (162, 165, 167, 170, 171) are mobiles: they are abused more,
    and are the everyday number of millions. Limits bound what abuse costs.
    """
    if len(raw) > _LONGEST:
        return None
    text = raw.strip(" ").translate(_SEPARATORS)
    text = _PREFIX.sub("", text, count=1) if text[:1] in ("+", "0", "8") else text
    return text if _MAINLAND.fullmatch(text) else None


def mask_mobile(mobile: str) -> str:
    """``13800000000`` becomes ``138****0000``; what is shorter than that becomes stars."""
    return f"{mobile[:3]}****{mobile[-4:]}" if len(mobile) == 11 else "*" * len(mobile)
