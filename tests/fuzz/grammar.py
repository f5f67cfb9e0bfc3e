"""What must hold of every parser that reads what strangers write (row I18).

Each function takes one input and asserts what must be true of it, whatever it is. Hypothesis
draws inputs (``test_grammar.py``), and so does a coverage-guided fuzzer (``guided.py``).
"""

import asyncio
import hashlib
import re
import unicodedata

from denglu.api.address import Proxies
from denglu.api.body import MOST_KEYS, FilePart, read_fields
from denglu.api.exchange import Exchange
from denglu.api.refusals import WireRefusal
from denglu.domain.errors import Reason
from denglu.domain.groups import Groups
from denglu.domain.member import name_key, read_identifier
from denglu.domain.mobile import canonical_mobile
from denglu.domain.session import Kind
from denglu.domain.sms_code import read_code
from denglu.security.tokens import HmacTokens

LIMIT = 16 * 1024
_BODY_REFUSALS = {
    Reason.malformed_body,
    Reason.unsupported_media_type,
    Reason.body_too_large,
}
_TOKENS = HmacTokens(b"a key of the fuzz, 32 bytes long")
_EXACT, _FOLDED = Groups(), Groups(folded=True)


def hold_mobile(raw: str) -> None:
    """A mobile or none; a mobile is its own canonical form, and no digit of it is made up."""
    found = canonical_mobile(raw)
    if found is None:
        return
    assert re.fullmatch(r"1[3-9][0-9]{9}", found, re.ASCII), found
    assert canonical_mobile(found) == found
    digits = "".join(char for char in raw if char in "0123456789")
    assert digits in (found, "86" + found, "0086" + found), raw


def hold_code(value: object, length: int = 6) -> None:
    """So many ASCII digits or none; they are read as themselves, also from their number."""
    code = read_code(value, length)
    if code is None:
        return
    assert re.fullmatch(f"[0-9]{{{length}}}", code, re.ASCII), code
    assert read_code(code, length) == read_code(int(code), length) == code


def hold_token(text: str) -> None:
    """What the server's key did not make is no token of either kind."""
    assert all(_TOKENS.digest(kind, text) is None for kind in Kind), text


def hold_made_token(kind: Kind, nonce: bytes, session_id: int, generation: int) -> None:
    """What it made is a token of its kind alone, known by the SHA-256 of its text."""
    token = _TOKENS.derive(kind, nonce, session_id, generation)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token, re.ASCII), token
    assert _TOKENS.digest(kind, token) == hashlib.sha256(token.encode()).digest()
    other = Kind.refresh if kind is Kind.access else Kind.access
    assert _TOKENS.digest(other, token) is None
    assert _TOKENS.derive(kind, nonce, session_id, generation) == token


def hold_group(name: str) -> None:
    """A group or none: under its own name, and where case is ignored under every case of it."""
    exact = _EXACT.find(name)
    assert exact is None or exact.name == name
    folded = _FOLDED.find(name)
    assert folded == _FOLDED.find(name.casefold())
    assert folded is None or (_FOLDED.find(folded.name) == folded and name.strip() == name)
    assert exact is None or folded == exact


def hold_identifier(raw: str) -> None:
    """One key for every spelling, and the key of a key is itself."""
    key = name_key(raw)
    forms = [unicodedata.normalize(form, raw) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    for spelling in (key, f" {raw}\t", forms[0].casefold(), *forms):
        assert name_key(spelling) == key, spelling
    who = read_identifier(raw)
    assert who.username == key
    assert who.mobile == canonical_mobile(raw)
    assert who.email in (None, key)
    assert (who.email is None) == ("@" not in key)
    assert who.canonical == read_identifier(who.canonical).canonical, raw


def hold_body(content_type: bytes, body: bytes) -> None:
    """A flat dict of at most 64 fields, or one of three refusals."""
    try:
        (fields,) = read((content_type, body))
    except WireRefusal as refusal:
        if refusal.reason not in _BODY_REFUSALS:
            raise
        return
    assert len(fields) <= MOST_KEYS
    assert all(isinstance(name, str) for name in fields)
    if b"json" not in content_type and body[:1] not in b"{[":
        assert all(isinstance(value, (str, FilePart)) for value in fields.values())


def read(*bodies: tuple[bytes, bytes]) -> list[dict[str, object]]:
    """The fields of bodies, each a content type and its bytes, as the API reads them."""

    async def read_each() -> list[dict[str, object]]:
        return [await read_fields(_exchange(*body), LIMIT, 60) for body in bodies]

    return asyncio.run(read_each())


def _exchange(content_type: bytes, body: bytes) -> Exchange:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"method": "POST", "path": "/", "headers": [(b"content-type", content_type)]}
    return Exchange(scope, receive, Proxies(()))
