"""Access and refresh tokens: derived from the server's key, recognised without I/O.

A token is 32 bytes in base64url (43 characters): 24 secret bytes and an 8-byte tag. The
secret is an HMAC over kind, session, generation and the session's nonce, so that a lost
answer can be given again although no token is stored. The tag is keyed too: it keeps garbage
away from the database, but only the SHA-256 that the store knows makes a token valid.
"""

import hashlib
import hmac
import re
import secrets
from binascii import a2b_base64, b2a_base64

from denglu.domain.session import Kind

_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
# RageFrame's: 32 random characters, and the Unix second in which it was made.
IMPORTED_SHAPE = re.compile(r"[A-Za-z0-9_-]{32}_([0-9]{10})", re.ASCII)
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")
_SECRET_BYTES = 24
_TAG_BYTES = 8


class HmacTokens:
    """Fulfils ``flows.ports.Tokens`` for one server key (at least 32 bytes)."""

    def __init__(self, server_key: bytes) -> None:
        self._secret_key = hmac.digest(server_key, b"denglu token secret", "sha256")
        tag_key = hmac.digest(server_key, b"denglu token tag", "sha256")
        self._taggers = {
            kind: hashlib.blake2b(key=tag_key, digest_size=_TAG_BYTES, person=kind.name.encode())
            for kind in Kind
        }

    def derive(self, kind: Kind, nonce: bytes, session_id: int, generation: int) -> str:
        """The token of a session's generation: 43 characters, always the same."""
        message = b"%d.%d.%d." % (kind, session_id, generation) + nonce
        secret = hmac.digest(self._secret_key, message, "sha256")[:_SECRET_BYTES]
        encoded = b2a_base64(secret + self._tag(kind, secret), newline=False)
        return encoded.translate(_TO_URLSAFE).rstrip(b"=").decode("ascii")

    def digest(self, kind: Kind, token: str) -> bytes | None:
        """SHA-256 of the token, or None when it can't be one of that kind."""
        if not _SHAPE.fullmatch(token):
            return None
        text = token.encode("ascii")
        raw = a2b_base64(text.translate(_TO_STANDARD) + b"=")
        if not hmac.compare_digest(self._tag(kind, raw[:_SECRET_BYTES]), raw[_SECRET_BYTES:]):
            return None
        return hashlib.sha256(text).digest()

    def imported_digest(self, token: str) -> bytes | None:
        """SHA-256 of the token, or None when it can't be one that an import brought."""
        if not IMPORTED_SHAPE.fullmatch(token):
            return None
        return hashlib.sha256(token.encode("ascii")).digest()

    def new_nonce(self) -> bytes:
        """16 random bytes."""
        return secrets.token_bytes(16)

    def _tag(self, kind: Kind, secret: bytes) -> bytes:
        tagger = self._taggers[kind].copy()
        tagger.update(secret)
        return tagger.digest()
