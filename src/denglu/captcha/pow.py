"""A proof of work: no outside service, nothing to look at, nothing kept.

The words are ALTCHA's (proof of work, version 2), so that its widget and libraries solve it, and
anybody else in a few lines: find the counter from 0 up for which SHA-256(salt + nonce + counter
as four bytes, big-endian) begins with the key prefix. The server chose that counter and forgot
it; what it gave out it knows again by its signature.

It is a price, not a proof of humanity: about a second of a phone, less of a server. A challenge
is not bound to an address: phones change theirs between two requests.
"""

import base64
import hashlib
import secrets as chance
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from denglu.domain.errors import Detail
from denglu.flows.ports import Clock, Secrets

LIFE = 120
# A solved challenge takes about 600 characters.
_LONGEST_TOKEN = 2048
_ALGORITHM, _COST, _KEY_BYTES, _PREFIX_BYTES = "SHA-256", 1, 32, 16

Half = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]


class _Known(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _Parameters(_Known):
    nonce: Half
    salt: Half
    keyPrefix: Half
    expiresAt: int


class _Challenge(_Known):
    parameters: _Parameters
    signature: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class _Solution(_Known):
    counter: Annotated[int, Field(ge=0, lt=2**32)]


class _Solved(_Known):
    challenge: _Challenge
    solution: _Solution


class ProofOfWork:
    """Fulfils ``flows.ports.Captcha``. ``difficulty``: the highest counter; half of it is what a
    client tries on average.
    """

    def __init__(self, secrets: Secrets, clock: Clock, *, difficulty: int) -> None:
        self._secrets = secrets
        self._clock = clock
        self._difficulty = difficulty

    @property
    def life(self) -> int:
        """Seconds a challenge can be answered."""
        return LIFE

    def show(self) -> Mapping[str, Detail]:
        """A fresh challenge."""
        nonce, salt = chance.token_bytes(16), chance.token_bytes(16)
        key = _key(salt, nonce, chance.randbelow(self._difficulty + 1))
        made = _Parameters(
            nonce=nonce.hex(),
            salt=salt.hex(),
            keyPrefix=key[:_PREFIX_BYTES].hex(),
            expiresAt=self._clock.now() + LIFE,
        )
        parameters: dict[str, Detail] = {
            "algorithm": _ALGORITHM,
            "cost": _COST,
            "keyLength": _KEY_BYTES,
            **made.model_dump(),
        }
        challenge: dict[str, Detail] = {
            "parameters": parameters,
            "signature": self._signature(made).hex(),
        }
        return {"kind": "pow", "challenge": challenge}

    async def check(self, token: str, ip: str) -> bytes | None:
        """One signature and one hash at the most; garbage costs neither."""
        solved = _read(token)
        if solved is None:
            return None
        given = solved.challenge.parameters
        signature = self._signature(given)
        if not self._secrets.same(signature, bytes.fromhex(solved.challenge.signature)):
            return None
        if self._clock.now() >= given.expiresAt:
            return None
        salt, nonce = bytes.fromhex(given.salt), bytes.fromhex(given.nonce)
        key = _key(salt, nonce, solved.solution.counter)
        if key[:_PREFIX_BYTES].hex() != given.keyPrefix:
            return None
        return self._secrets.key("captcha", "pow", signature.hex())

    def close(self) -> None:
        """Nothing is held."""

    def _signature(self, of: _Parameters) -> bytes:
        return self._secrets.key("captcha-pow", of.nonce, of.salt, of.keyPrefix, of.expiresAt)


def _key(salt: bytes, nonce: bytes, counter: int) -> bytes:
    return hashlib.sha256(salt + nonce + counter.to_bytes(4, "big")).digest()


def _read(token: str) -> _Solved | None:
    """What a client sent, if it has the form of a solved challenge."""
    if len(token) > _LONGEST_TOKEN:
        return None
    try:
        return _Solved.model_validate_json(base64.b64decode(token, validate=True))
    except (ValidationError, ValueError):
        return None
