"""Keyed digests and SMS codes. What the database holds is worthless without the server's key."""

import hmac
import secrets


class HmacSecrets:
    """Fulfils ``flows.ports.Secrets`` for one server key (at least 32 bytes)."""

    def __init__(self, server_key: bytes) -> None:
        self._lookup_key = hmac.digest(server_key, b"denglu lookup", "sha256")
        self._code_key = hmac.digest(server_key, b"denglu sms code", "sha256")

    def key(self, scope: str, *parts: str | int) -> bytes:
        """A keyed digest (32 bytes) of what must not be stored in clear."""
        return hmac.digest(self._lookup_key, _joined(scope, *map(str, parts)), "sha256")

    def new_code(self, lowest: int, length: int) -> str:
        """A random code of ``length`` digits, from ``lowest`` up."""
        return f"{lowest + secrets.randbelow(10**length - lowest):0{length}d}"

    def new_salt(self) -> bytes:
        """16 random bytes."""
        return secrets.token_bytes(16)

    def code_digest(self, salt: bytes, mobile: str, usage: str, code: str) -> bytes:
        """What is stored of a code (32 bytes)."""
        return hmac.digest(self._code_key, salt + _joined(mobile, usage, code), "sha256")

    def same(self, left: bytes, right: bytes) -> bool:
        """Comparison in constant time."""
        return hmac.compare_digest(left, right)


def _joined(*parts: str) -> bytes:
    """Every part with its length in front, so that no two lists give the same bytes."""
    return b"".join(b"%d:%s" % (len(raw), raw) for raw in (part.encode() for part in parts))
