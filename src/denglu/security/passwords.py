"""Password hashes: Argon2id today, bcrypt of imported members for verification only.

It owns the form and the cost of what is stored, and that a verification costs the same work
whether there is a hash or not. It may not judge new passwords (``domain.passwords``).
"""

import re
import secrets

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError
from argon2.low_level import error_to_str

from denglu.domain.errors import Reason, Refusal
from denglu.security.lanes import Lane

_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)\$v=[0-9]{2}\$m=([0-9]{1,7}),t=([0-9]{1,2}),p=([0-9]{1,2})"
    r"\$[A-Za-z0-9+/]{11,128}\$[A-Za-z0-9+/]{16,256}",
    re.ASCII,
)
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
_BCRYPT_BYTES = 72
# A stored hash may not hold the server up for seconds or take its memory. What asks for
# more than this no login service has made.
_BCRYPT_CEILING = 16
_ARGON2_CEILINGS = (1 << 20, 16, 16)  # KiB, passes, threads
_NO_MEMORY = error_to_str(-22)


class ArgonPasswords:
    """``flows.ports.Passwords``: Argon2id in one lane, bcrypt in a lane of its own.

    ``memory_kib``, ``time_cost`` and ``parallelism`` are those of new hashes. ``queue``,
    ``deadline`` (seconds) and ``niceness`` hold for each lane; the bcrypt lane has one thread.

    A higher ``niceness`` smooths token checks while logins saturate the machine. But a niced
    thread holds the interpreter lock for moments too: beside other busy processes it waits
    for a core with it, and the event loop waits along. 5 keeps both under 25 ms (p99).
    """

    def __init__(
        self,
        *,
        memory_kib: int = 19456,
        time_cost: int = 2,
        parallelism: int = 1,
        workers: int = 2,
        queue: int = 64,
        deadline: float = 2.0,
        niceness: int = 5,
    ) -> None:
        self._argon2 = PasswordHasher(
            time_cost, memory_kib, parallelism, hash_len=32, salt_len=16, type=Type.ID
        )
        self._dummy = self._argon2.hash(secrets.token_bytes(32))
        self._lane = Lane(
            "argon2", workers=workers, queue=queue, deadline=deadline, niceness=niceness
        )
        self._legacy = Lane("bcrypt", workers=1, queue=queue, deadline=deadline, niceness=niceness)

    async def hash(self, password: str) -> str:
        """A PHC string of Argon2id with a salt of its own, of the UTF-8 bytes as sent.

        Raises ``Refusal(Reason.busy)``, and UnicodeEncodeError for a lone surrogate.
        """
        raw = password.encode()
        return await self._lane.run(lambda: self._hash(raw))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether ``password`` fits; None and garbage cost the same work and never fit.

        Raises ``Refusal(Reason.busy)``, and nothing else whatever ``password`` and ``stored``
        hold.
        """
        raw = _utf8(password)
        if raw is None or stored is None:
            return await self._lane.run(lambda: self._fits_nothing(raw or b""))
        if _is_bcrypt(stored):
            return await self._legacy.run(lambda: self._fits_bcrypt(raw, stored))
        return await self._lane.run(lambda: self._fits_argon2(raw, stored))

    def needs_rehash(self, stored: str) -> bool:
        """Whether ``stored`` is anything but Argon2id at today's cost."""
        return not _is_argon2(stored) or self._argon2.check_needs_rehash(stored)

    def close(self) -> None:
        """Refuse what waits; returns when what runs has ended, which it blocks for."""
        self._lane.close()
        self._legacy.close()

    # What follows runs on the threads of the lanes.

    def _hash(self, raw: bytes) -> str:
        try:
            return self._argon2.hash(raw)
        except HashingError as error:  # the cost was tried at start, so it is want of memory
            raise Refusal(Reason.busy, retry_after=1) from error

    def _fits_argon2(self, raw: bytes, stored: str) -> bool:
        if not _is_argon2(stored):
            return self._fits_nothing(raw)
        try:
            return self._argon2.verify(stored, raw)
        except VerifyMismatchError:
            return False
        except VerificationError as error:
            _refuse_if_starved(error)
            return self._fits_nothing(raw)

    def _fits_bcrypt(self, raw: bytes, stored: str) -> bool:
        """Judge by the first 72 bytes, as PHP does.

        A NUL fits nothing: bcrypt goes round the password with a NUL behind it, so that
        ``abc\\0abc`` would be taken for ``abc``.
        """
        try:
            fits = bcrypt.checkpw(raw[:_BCRYPT_BYTES], stored.encode("ascii"))
        except ValueError:
            return self._fits_nothing(raw)
        return fits and b"\0" not in raw

    def _fits_nothing(self, raw: bytes) -> bool:
        """Do the work of a verification that fails."""
        try:
            self._argon2.verify(self._dummy, raw)
        except VerificationError as error:
            _refuse_if_starved(error)
        return False


def can_be_verified(stored: str) -> bool:
    """Whether there may be a password that fits: anything else is garbage to ``verify``."""
    return _is_argon2(stored) or _is_bcrypt(stored)


def _refuse_if_starved(error: VerificationError) -> None:
    """Want of memory is no wrong password: it may not count against a member."""
    if str(error) == _NO_MEMORY:
        raise Refusal(Reason.busy, retry_after=1) from error


def _utf8(password: str) -> bytes | None:
    try:
        return password.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return None


def _is_bcrypt(stored: str) -> bool:
    found = _BCRYPT.fullmatch(stored)
    return found is not None and int(found[1]) <= _BCRYPT_CEILING


def _is_argon2(stored: str) -> bool:
    found = _ARGON2.fullmatch(stored)
    return found is not None and all(
        int(asked) <= ceiling
        for asked, ceiling in zip(found.groups(), _ARGON2_CEILINGS, strict=True)
    )
